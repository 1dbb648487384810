/* SPDX-License-Identifier: MIT */
/* What is a question for the password, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pam_credssp/prompt.h"

static void test_questions(void **state)
{
	static const struct {
		const char *text;
		bool asked;
	} row[] = {
		/* pam_unix, pam_krb5, libkrb5, pam_sss, pam_winbind, pam_ldap */
		{ "Password: ", true },
		{ "Password:", true },
		{ "password", true },
		{ " Password : ", true },
		{ "Password for alice@EXAMPLE.COM: ", true },
		{ "Password for alice: ", true },
		{ "(current) UNIX password: ", true },
		{ "LDAP Password: ", true },
		{ "Kerberos password: ", true },
		/* others */
		{ "", false },
		{ ":", false },
		{ "Passwords: ", false },
		{ "Password for : ", false },
		{ "Password for", false },
		{ "Passwordfor alice: ", false },
		{ "Password for your new account: ", false },
		{ "New password: ", false },
		{ "Enter new password: ", false },
		{ "Enter it again: ", false },
		{ "Retype password: ", false },
		{ "Password & verification code: ", false },
		{ "Password + code: ", false },
		{ "Password: code: ", false },
		{ "One-time password (OATH) for `alice': ", false },
		{ "Verification code: ", false },
		{ "PIN for alice: ", false },
		{ "alice PIN: ", false },
		{ "SSH passphrase: ", false },
		{ "Current Password: ", false },
		{ "probe asks: ", false },
		{ "login: ", false },
	};

	assert_false(prompt_asks_password(NULL));
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (prompt_asks_password(row[i].text) != row[i].asked)
			fail_msg("%s", row[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_questions) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
