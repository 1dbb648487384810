/* SPDX-License-Identifier: MIT */
/* Whose account a principal is, when the name service of a domain calls accounts as this host calls its own. */
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "pam_credssp/helper/principal-account.h"

/* In place of libc's. winbind with a default domain: CORP\alice is called alice, and so is an account of this host. */
struct passwd *getpwnam(const char *name)
{
	static const struct {
		const char *asked, *name;
		uid_t uid;
	} row[] = {
		{ "alice", "alice", 1000 },
		{ "CORP.TEST\\alice", "alice", 100001 },
		{ "erin", "erin", 100002 },
		{ "CORP.TEST\\erin", "erin", 100002 },
		{ "gus@CORP.TEST", "CORP\\gus", 100003 },
		{ "CORP\\gus", "CORP\\gus", 100003 },
		{ "hal@CORP.TEST", "hal", 100004 },
		{ "dora", "dora", 1001 },
		{ "Frank", "frank", 1002 },
		{ "frank", "frank", 1002 },
	};
	static char found[64];
	static struct passwd pw;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (strcmp(name, row[i].asked) == 0) {
			strcpy(found, row[i].name);
			pw = (struct passwd){ .pw_name = found, .pw_uid = row[i].uid };
			return &pw;
		}
	return NULL;
}

static void test_accounts(void **state)
{
	static const struct {
		const char *principal, *user;
		unsigned status;
	} row[] = {
		/* localauth: the default realm is R.TEST */
		{ "dora@R.TEST", "dora", HELPER_SUCCESS },
		{ "Frank@R.TEST", "frank", HELPER_SUCCESS },
		{ "dora@R.TEST", "alice", HELPER_OTHER_PRINCIPAL },
		{ "dora/admin@R.TEST", "dora", HELPER_OTHER_PRINCIPAL },
		{ "nobodyknows@R.TEST", "dora", HELPER_OTHER_PRINCIPAL },
		/* accounts of a domain */
		{ "gus@CORP.TEST", "CORP\\gus", HELPER_SUCCESS },
		{ "erin@CORP.TEST", "erin", HELPER_SUCCESS },
		{ "gus@CORP.TEST", "erin", HELPER_OTHER_PRINCIPAL },
		{ "gus\\@CORP.TEST@CORP.TEST", "CORP\\gus", HELPER_OTHER_PRINCIPAL },
		/* of another uid here, or not found by its own name */
		{ "alice@CORP.TEST", "alice", HELPER_OTHER_PRINCIPAL },
		{ "hal@CORP.TEST", "hal", HELPER_OTHER_PRINCIPAL },
	};
	char conf[] = "/tmp/test-principal-account.XXXXXX";
	static const char text[] = "[libdefaults]\n\tdefault_realm = R.TEST\n";
	int fd = mkstemp(conf);
	krb5_context k;

	assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
	assert_int_equal(close(fd), 0);
	assert_int_equal(setenv("KRB5_CONFIG", conf, 1), 0);
	assert_int_equal(krb5_init_context(&k), 0);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct helper_result result = { .status = HELPER_NONE };
		krb5_principal p;
		unsigned status;

		assert_int_equal(krb5_parse_name(k, row[i].principal, &p), 0);
		status = principal_account_check(k, p, row[i].user, &result);
		krb5_free_principal(k, p);
		if (status != row[i].status)
			fail_msg("row %zu: %s is %s: %u", i, row[i].principal, row[i].user, status);
	}
	krb5_free_context(k);
	assert_int_equal(unlink(conf), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_accounts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
