/* SPDX-License-Identifier: MIT */
/*
 * libpam calls the password phase twice: first all modules check (PAM_PRELIM_CHECK), then all modules change the
 * password. When a `required` module fails to change it, libpam still calls the later modules, and pam_unix leaves a
 * password in PAM_AUTHTOK that it could not write. So the line must stand where an earlier failure ends the stack, as
 * in Debian's common-password. Modules that only refuse a new password remove it from PAM_AUTHTOK.
 */
#include "pam_credssp/password.h"

#include <errno.h>
#include <fcntl.h>
#include <security/pam_ext.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "pam_credssp/bus.h"
#include "pam_credssp/item.h"
#include "pam_credssp/logon.h"

static const struct {
	int pam;
	const char *text;
} outcomes[BUS_RESULT_MAX_] = {
	[BUS_OK] = { PAM_SUCCESS, "the NTLM store has the new password" },
	[BUS_NO_TICKET] = { PAM_SYSTEM_ERR, "an answer to another request" },
	[BUS_MISMATCH] = { PAM_SYSTEM_ERR, "an answer to another request" },
	[BUS_DENIED] = { PAM_AUTHTOK_ERR, "only root may change the NTLM store" },
	[BUS_ABSENT] = { PAM_AUTHTOK_ERR, "credsspd is not running" },
	[BUS_TIMEOUT] = { PAM_AUTHTOK_ERR, "credsspd or the bus gave no answer in time" },
	[BUS_NO_RECORD] = { PAM_IGNORE, "the user is not in the NTLM store" },
	[BUS_REJECTED] = { PAM_AUTHTOK_ERR,
			   "the password cannot be used with NTLM: empty, not UTF-8, or of several lines" },
	[BUS_ERROR] = { PAM_AUTHTOK_ERR, "the bus call failed" },
};

/* ---- tickets ---- */

static int refuse_ticket(pam_handle_t *pamh)
{
	pam_syslog(pamh, LOG_WARNING, "refused: a logon by ticket cannot change the password");
	(void)pam_set_item(pamh, PAM_AUTHTOK, NULL);
	return PAM_AUTHTOK_ERR;
}

/* ---- the store ---- */

/* Makes a pipe with the whole of @password in it and no writer; the only copy besides libpam's. */
static int pipe_of(const char *password, int *ret_fd)
{
	AUTO_CLOSE int in = -1;
	AUTO_CLOSE int out = -1;
	size_t len = strlen(password);
	int p[2];
	ssize_t n;

	if (len > PASSWORD_MAX) /* PASSWORD_MAX fits into the smallest pipe */
		return -EMSGSIZE;
	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	out = p[0];
	in = p[1];
	n = len ? write(in, password, len) : 0;
	if (n != (ssize_t)len)
		return n < 0 ? -errno : -ENOSPC;
	*ret_fd = TAKE_FD(out);
	return 0;
}

static int not_updated(pam_handle_t *pamh, const char *user, int pam, const char *text, const char *detail)
{
	pam_syslog(pamh, LOG_WARNING, "the NTLM store is not updated, user=%s: %s%s%s", user, text, *detail ? ": " : "",
		   detail);
	return pam;
}

static int update(pam_handle_t *pamh, const struct options *o, const char *password)
{
	const char *user = text_item(pamh, PAM_USER);
	int64_t deadline = clock_msec() + o->timeout;
	enum bus_result result;
	AUTO_CLOSE int fd = -1;
	char error[160] = "";
	int r;

	if (!*user)
		return not_updated(pamh, "?", PAM_USER_UNKNOWN, "the application named no user", "");
	r = pipe_of(password, &fd);
	if (r < 0)
		return not_updated(pamh, user, PAM_AUTHTOK_ERR, "the password cannot be handed over", strerror(-r));
	result = bus_update_verifier(user, o->create, fd, deadline, error);
	if (result != BUS_OK && result != BUS_NO_RECORD)
		return not_updated(pamh, user, outcomes[result].pam, outcomes[result].text, error);
	if (result == BUS_OK || o->debug)
		pam_syslog(pamh, result == BUS_OK ? LOG_INFO : LOG_DEBUG, "%s, user=%s", outcomes[result].text, user);
	return outcomes[result].pam;
}

int password_change(pam_handle_t *pamh, int flags, const struct options *o)
{
	const void *password = NULL;

	if (logon_is_ticket(text_item(pamh, PAM_AUTHTOK)) || logon_is_ticket(text_item(pamh, PAM_OLDAUTHTOK)) ||
	    logon_get(pamh))
		return refuse_ticket(pamh);
	if (!(flags & PAM_UPDATE_AUTHTOK))
		return PAM_IGNORE;
	if (pam_get_item(pamh, PAM_AUTHTOK, &password) != PAM_SUCCESS || !password)
		return PAM_IGNORE; /* an empty password is set, and refused */
	return update(pamh, o, password);
}
