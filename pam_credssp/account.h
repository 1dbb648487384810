/* SPDX-License-Identifier: MIT */
/* The state of an account, for logons in which no module asks for its password. */
#pragma once

#include <pwd.h>
#include <security/pam_modules.h>
#include <shadow.h>

/*
 * Returns PAM_SUCCESS, or another code with a constant text in *@ret_text: @user is locked (its password begins with
 * "!"), has expired, or has no shell of /etc/shells. Password and expiry date come from shadow. An account
 * without an entry there (of SSSD or winbind) is locked when the password in passwd begins with "!"; the account phase
 * of its own PAM module checks the rest. When passwd refers to shadow ("x") and the entry is missing, the account is
 * refused with PAM_AUTHINFO_UNAVAIL.
 */
int account_check(pam_handle_t *pamh, const char *user, const char **ret_text);

/* As account_check(), for the given entries; @s may be NULL, @today is in days since 1970. */
int account_judge(const struct passwd *pw, const struct spwd *s, long today, const char **ret_text);
