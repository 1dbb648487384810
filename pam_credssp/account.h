/* SPDX-License-Identifier: MIT */
/* The state of an account, for logons in which no module asks for its password. */
#pragma once

#include <pwd.h>
#include <security/pam_modules.h>
#include <shadow.h>

/*
 * Returns PAM_SUCCESS, or another code with a constant text in *@ret_text: @user is locked (its password begins with
 * "!"), has expired, or has no shell of /etc/shells. The password and the expiry date are those of shadow. An account
 * without an entry there (of SSSD or winbind) is locked when its passwd entry begins with "!", and the account phase of
 * its own PAM module judges the rest; when its passwd entry refers to an entry ("x") that does not exist, it is
 * refused with PAM_AUTHINFO_UNAVAIL.
 */
int account_check(pam_handle_t *pamh, const char *user, const char **ret_text);

/* The same for entries that are known; @s may be NULL, @today is in days since 1970. For account_check() and its test.
 */
int account_judge(const struct passwd *pw, const struct spwd *s, long today, const char **ret_text);
