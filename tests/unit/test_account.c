/* SPDX-License-Identifier: MIT */
/* Accounts that do not log on where no module asks for their password. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pam_credssp/account.h"

#define TODAY 20000
#define NO_SHADOW ((const char *)NULL)

static int judge(const char *pw_passwd, const char *sp_pwdp, long expire, const char *shell, const char **ret_text)
{
	char *copy[] = { strdup(pw_passwd), sp_pwdp ? strdup(sp_pwdp) : NULL, shell ? strdup(shell) : NULL };
	const struct passwd pw = { .pw_passwd = copy[0], .pw_shell = copy[2] };
	const struct spwd s = { .sp_pwdp = copy[1], .sp_expire = expire };
	int r;

	*ret_text = NULL;
	r = account_judge(&pw, sp_pwdp ? &s : NULL, TODAY, ret_text);
	for (size_t i = 0; i < sizeof copy / sizeof *copy; i++)
		free(copy[i]);
	assert_int_equal(*ret_text == NULL, r == PAM_SUCCESS);
	return r;
}

static void test_locks(void **state)
{
	static const struct {
		const char *pw_passwd, *sp_pwdp;
		int pam;
	} row[] = {
		{ "x", "$y$j9T$salt$hash", PAM_SUCCESS },
		{ "x", "", PAM_SUCCESS },
		{ "x", "*", PAM_SUCCESS }, /* no password, another way in */
		{ "x", "*LK*", PAM_SUCCESS },
		{ "x", "!$y$j9T$salt$hash", PAM_PERM_DENIED }, /* usermod -L */
		{ "x", "!*", PAM_PERM_DENIED },
		{ "x", "!", PAM_PERM_DENIED }, /* usermod -L of the next one changes nothing */
		{ "x", "!!", PAM_PERM_DENIED },
		/* shadow is not used */
		{ "$y$j9T$salt$hash", NO_SHADOW, PAM_SUCCESS },
		{ "!$y$j9T$salt$hash", NO_SHADOW, PAM_PERM_DENIED },
		/* SSSD, winbind */
		{ "*", NO_SHADOW, PAM_SUCCESS },
		/* not root, or an entry that was removed */
		{ "x", NO_SHADOW, PAM_AUTHINFO_UNAVAIL },
		/* shadow decides */
		{ "*", "!$y$j9T$salt$hash", PAM_PERM_DENIED },
		{ "!", "$y$j9T$salt$hash", PAM_SUCCESS },
	};
	const char *text;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		assert_int_equal(judge(row[i].pw_passwd, row[i].sp_pwdp, -1, "/bin/sh", &text), row[i].pam);
	(void)judge("x", "!", -1, "/bin/sh", &text);
	assert_non_null(strstr(text, "usermod -U"));
}

static void test_expiry(void **state)
{
	static const struct {
		long expire;
		int pam;
	} row[] = {
		{ -1, PAM_SUCCESS },         { TODAY + 1, PAM_SUCCESS },
		{ TODAY, PAM_ACCT_EXPIRED }, { TODAY - 1, PAM_ACCT_EXPIRED },
		{ 1, PAM_ACCT_EXPIRED },     { 0, PAM_ACCT_EXPIRED },
	};
	const char *text;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		assert_int_equal(judge("x", "*", row[i].expire, "/bin/sh", &text), row[i].pam);
}

static void test_shells(void **state)
{
	static const struct {
		const char *shell;
		int pam;
	} row[] = {
		{ "/bin/sh", PAM_SUCCESS },
		{ "", PAM_SUCCESS }, /* passwd(5): /bin/sh */
		{ NULL, PAM_SUCCESS },
		{ "/bin/sh/no", PAM_PERM_DENIED },
		{ "sh", PAM_PERM_DENIED },
		{ "/usr/sbin/nologin", PAM_PERM_DENIED },
		{ "/bin/false", PAM_PERM_DENIED },
		{ "# /etc/shells: valid login shells", PAM_PERM_DENIED },
	};
	const char *text;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		assert_int_equal(judge("x", "*", -1, row[i].shell, &text), row[i].pam);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_locks),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_shells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
