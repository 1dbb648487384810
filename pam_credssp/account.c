/* SPDX-License-Identifier: MIT */
/*
 * In a logon with a password the auth phase of pam_unix refuses a locked account. When `verify` proves the user, no
 * other module would: the account phase of pam_unix checks dates only.
 *
 * "!" locks, as in sshd(8), usermod(8) -L, passwd(1) -l and adduser(8) --disabled-login. useradd(8) writes the same "!"
 * for an account that never had a password, and usermod -L changes nothing there, so that the two cannot be told apart:
 * both are locked. "*" is an account without a password that may log on by other means.
 */
#include "pam_credssp/account.h"

#include <security/pam_modutil.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DAY_SEC (24 * 3600)

/* Returns whether the password is in shadow. Name services without shadow (SSSD, winbind) have "*" in passwd. */
static bool is_shadowed(const struct passwd *pw)
{
	return pw->pw_passwd && strcmp(pw->pw_passwd, "x") == 0;
}

static bool is_locked(const char *password)
{
	return password && password[0] == '!';
}

/* As pam_unix does: day 0 is a date, too. */
static bool has_expired(const struct spwd *s, long today)
{
	return s->sp_expire != -1 && today >= s->sp_expire;
}

/* Returns whether @shell only refuses logons: /etc/shells may list nologin and false, for FTP users. */
static bool is_no_shell(const char *shell)
{
	const char *slash = strrchr(shell, '/'), *name = slash ? slash + 1 : shell;

	return strcmp(name, "nologin") == 0 || strcmp(name, "false") == 0;
}

static bool is_shell(const char *shell)
{
	const char *name = shell && *shell ? shell : "/bin/sh", *valid;
	bool found = false;

	setusershell();
	while (!found && (valid = getusershell()))
		found = strcmp(valid, name) == 0;
	endusershell();
	return found && !is_no_shell(name);
}

int account_judge(const struct passwd *pw, const struct spwd *s, long today, const char **ret_text)
{
	int r = PAM_SUCCESS;

	if (!s && is_shadowed(pw)) {
		*ret_text = "the account's entry in shadow cannot be read";
		r = PAM_AUTHINFO_UNAVAIL;
	} else if (s && has_expired(s, today)) {
		*ret_text = "the account has expired (chage -E)";
		r = PAM_ACCT_EXPIRED;
	} else if (is_locked(s ? s->sp_pwdp : pw->pw_passwd)) {
		*ret_text = "the account is locked (usermod -U; without a password: usermod -p '*')";
		r = PAM_PERM_DENIED;
	} else if (!is_shell(pw->pw_shell)) {
		*ret_text = "the account's shell is not one of /etc/shells, or is nologin or false (usermod -s)";
		r = PAM_PERM_DENIED;
	}
	return r;
}

int account_check(pam_handle_t *pamh, const char *user, const char **ret_text)
{
	const struct passwd *pw = pam_modutil_getpwnam(pamh, user);

	if (!pw) {
		*ret_text = "this host has no such account";
		return PAM_USER_UNKNOWN;
	}
	return account_judge(pw, pam_modutil_getspnam(pamh, user), (long)(time(NULL) / DAY_SEC), ret_text);
}
