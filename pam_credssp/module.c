/* SPDX-License-Identifier: MIT */
/* The entry points of the PAM module; pam_credssp(8) describes its use. */
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <syslog.h>

#include "pam_credssp/ccache.h"
#include "pam_credssp/logon.h"
#include "pam_credssp/options.h"
#include "pam_credssp/password.h"
#include "pam_credssp/redeem.h"
#include "pam_credssp/verify.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct options o;
	int r = options_parse(pamh, argc, argv, &o);

	if (r != PAM_SUCCESS)
		return r;
	if (redeem_is_question())
		return PAM_AUTH_ERR;
	logon_guard(pamh);
	return o.action == ACTION_VERIFY ? verify_authenticate(pamh, &o) : redeem_authenticate(pamh, &o);
}

/*
 * libpam repeats the path that pam_authenticate() took through the stack. When all modules of that path return
 * PAM_IGNORE, the result is PAM_PERM_DENIED. Tickets that cannot be stored now may be stored in open_session.
 */
EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct logon *l = logon_get(pamh);

	logon_guard(pamh);
	if (l && flags & (int)PAM_DELETE_CRED)
		ccache_forget(pamh, l);
	else if (l)
		(void)ccache_store(pamh, l);
	return PAM_SUCCESS;
}

EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct options o;
	int r = options_parse(pamh, argc, argv, &o);

	logon_guard(pamh);
	return r == PAM_SUCCESS ? redeem_account(pamh, &o) : r;
}

/* As the first line of the session phase it installs the filter, so that session modules do not get the ticket. */
EXPORT int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct logon *l = logon_get(pamh);

	if (redeem_is_question())
		return PAM_SESSION_ERR;
	logon_guard(pamh);
	return l && ccache_store(pamh, l) != PAM_SUCCESS ? PAM_SESSION_ERR : PAM_SUCCESS;
}

EXPORT int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct logon *l = logon_get(pamh);

	if (l)
		ccache_forget(pamh, l);
	return PAM_SUCCESS;
}

EXPORT int pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct options o;
	int r = options_parse(pamh, argc, argv, &o);

	return r == PAM_SUCCESS ? password_change(pamh, flags, &o) : r;
}
