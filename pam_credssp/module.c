/* SPDX-License-Identifier: MIT */
/* The entry points: set up, work, leave. What the module is for and how to configure it: pam_credssp(8). */
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <syslog.h>

#include "include/credssp/handover.h"
#include "pam_credssp/logon.h"
#include "pam_credssp/options.h"
#include "pam_credssp/password.h"
#include "pam_credssp/redeem.h"

#define EXPORT __attribute__((visibility("default")))

/* Credentials that no module behind us can check. Passwords are theirs. */
static int verify_authenticate(pam_handle_t *pamh, const struct options *o)
{
	const struct logon *l = logon_get(pamh);

	if (!l)
		return o->require_ticket ? PAM_AUTH_ERR : PAM_IGNORE;
	if (logon_kind(l) == CREDENTIAL_PASSWORD)
		return PAM_IGNORE;
	pam_syslog(pamh, LOG_WARNING, "refused: nothing was redeemed that could be verified here");
	return PAM_AUTH_ERR;
}

EXPORT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct options o;
	int r = options_parse(pamh, argc, argv, &o);

	(void)flags;
	if (r != PAM_SUCCESS)
		return r;
	logon_guard(pamh);
	return o.action == ACTION_VERIFY ? verify_authenticate(pamh, &o) : redeem_authenticate(pamh, &o);
}

/*
 * libpam repeats the path of authenticate through the stack: it wants an answer from a module that was passed there,
 * and when all it gets is PAM_IGNORE it says PAM_PERM_DENIED. There is nothing to set.
 */
EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags;
	(void)argc;
	(void)argv;
	logon_guard(pamh);
	return PAM_SUCCESS;
}

/* Whether an account is in order, others say. */
EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags;
	(void)argc;
	(void)argv;
	logon_guard(pamh);
	return PAM_IGNORE;
}

/* Listed first in the session phase it keeps questions of session modules from the ticket. */
EXPORT int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags;
	(void)argc;
	(void)argv;
	logon_guard(pamh);
	return PAM_SUCCESS;
}

EXPORT int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	(void)argc;
	(void)argv;
	return PAM_SUCCESS;
}

EXPORT int pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct options o;
	int r = options_parse(pamh, argc, argv, &o);

	return r == PAM_SUCCESS ? password_change(pamh, flags, &o) : r;
}
