/* SPDX-License-Identifier: MIT */
/* Arguments of pam_credssp from credsspd.conf: which it needs, and which a stack has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "credsspctl/host/stack-options.h"

static void test_of(void **state)
{
	static const struct {
		struct config c;
		bool accept_proof;
		unsigned minimum_uid;
	} row[] = {
		{ { .minimum_uid = 1000 }, false, 1000 },
		{ { .minimum_uid = 500 }, false, 500 },
		{ { .minimum_uid = 5000 }, false, 5000 },
		{ { .minimum_uid = 1000, .allow_root = true }, false, 0 },
		{ { .minimum_uid = 1000, .restricted_admin = true }, true, 1000 },
		{ { .minimum_uid = 1000, .remote_guard = CONFIG_REMOTE_GUARD_ALLOW }, true, 1000 },
		{ { .minimum_uid = 1000, .remote_guard = CONFIG_REMOTE_GUARD_REQUIRE_TICKETS }, false, 1000 },
		{ { .minimum_uid = 1000, .kerberos = CONFIG_KERBEROS_ANY, .smartcard = CONFIG_SMARTCARD_GSS },
		  true,
		  1000 },
		{ { .minimum_uid = 1000, .kerberos = CONFIG_KERBEROS_OFF, .smartcard = CONFIG_SMARTCARD_GSS },
		  false,
		  1000 },
		{ { .minimum_uid = 1000, .kerberos = CONFIG_KERBEROS_ANY, .smartcard = CONFIG_SMARTCARD_PKINIT },
		  false,
		  1000 },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct stack_options o = stack_options_of(&row[i].c);

		assert_int_equal(o.accept_proof, row[i].accept_proof);
		assert_int_equal(o.minimum_uid, row[i].minimum_uid);
	}
}

static void test_in(void **state)
{
	static const struct {
		const char *text;
		bool accept_proof;
		unsigned minimum_uid;
	} row[] = {
		{ "", false, 1000 },
		{ "auth required pam_credssp.so\n", false, 1000 },
		{ "auth required pam_credssp.so minimum_uid=500", false, 500 },
		{ "-auth\t[default=die]\tpam_credssp.so\tverify accept_proof\r\n", true, 1000 },
		{ "auth required pam_credssp.so minimum_uid=0  # why\nauth required pam_credssp.so verify accept_proof "
		  "# x\n",
		  true, 0 },
		{ "-auth optional pam_gnome_keyring.so\nauth required pam_credssp.so verify accept_proof\n", true,
		  1000 },
		{ "-auth optional pam_gnome_keyring.so", false, 1000 },
		/* none of ours, or not for the logon */
		{ "#auth required pam_credssp.so verify accept_proof\n", false, 1000 },
		{ "account required pam_credssp.so accept_proof\n", false, 1000 },
		{ "auth required pam_unix.so # pam_credssp.so verify accept_proof\n", false, 1000 },
		{ "auth required pam_credssp.so2 verify accept_proof\n", false, 1000 },
		{ "auth required pam_credssp.so verify # accept_proof\n", false, 1000 },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct stack_options found = stack_options_in(row[i].text);

		assert_int_equal(found.accept_proof, row[i].accept_proof);
		assert_int_equal(found.minimum_uid, row[i].minimum_uid);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of),
		cmocka_unit_test(test_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
