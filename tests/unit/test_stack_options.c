/* SPDX-License-Identifier: MIT */
/* Arguments of pam_credssp from credsspd.conf: which it needs, and into which lines of a stack they go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "credsspd/ctl/stack-options.h"
#include "include/credssp/cleanup.h"

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

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct stack_options o = stack_options_of(&row[i].c);

		assert_int_equal(o.accept_proof, row[i].accept_proof);
		assert_int_equal(o.minimum_uid, row[i].minimum_uid);
	}
}

#define BOTH \
	{ \
		true, 500 \
	}
#define NEITHER \
	{ \
		false, 1000 \
	}

static void test_add(void **state)
{
	static const struct {
		const char *text;
		struct stack_options o;
		const char *result;
	} row[] = {
		{ "", BOTH, "" },
		{ "auth required pam_credssp.so", BOTH, "auth required pam_credssp.so minimum_uid=500" },
		{ "auth required pam_credssp.so redeem\n", NEITHER, "auth required pam_credssp.so redeem\n" },
		{ "auth required pam_credssp.so verify  # why\nauth\trequired\tpam_unix.so\n", BOTH,
		  "auth required pam_credssp.so verify accept_proof  # why\nauth\trequired\tpam_unix.so\n" },
		{ "auth required pam_credssp.so verify\n", NEITHER, "auth required pam_credssp.so verify\n" },
		{ "-auth\t[default=die]\tpam_credssp.so\tverify\r\n", BOTH,
		  "-auth\t[default=die]\tpam_credssp.so\tverify accept_proof\r\n" },
		/* none of ours, or not for the logon */
		{ "#auth required pam_credssp.so verify\n", BOTH, "#auth required pam_credssp.so verify\n" },
		{ "account required pam_credssp.so\n", BOTH, "account required pam_credssp.so\n" },
		{ "auth required pam_unix.so # pam_credssp.so verify\n", BOTH,
		  "auth required pam_unix.so # pam_credssp.so verify\n" },
		{ "auth required pam_credssp.so2 verify\n", BOTH, "auth required pam_credssp.so2 verify\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_FREE char *out = NULL;
		struct stack_options found;
		size_t len;

		assert_int_equal(stack_options_add(row[i].text, &row[i].o, &out, &len), 0);
		assert_string_equal(out, row[i].result);
		assert_int_equal(len, strlen(row[i].result));
		found = stack_options_in(out);
		assert_int_equal(found.accept_proof, strstr(row[i].result, "accept_proof") != NULL);
		assert_int_equal(found.minimum_uid, strstr(row[i].result, "minimum_uid=500") ? 500 : 1000);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of),
		cmocka_unit_test(test_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
