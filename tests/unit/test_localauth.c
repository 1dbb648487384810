/* SPDX-License-Identifier: MIT */
/* Which mappings of krb5.conf are its owner's own words, and which libkrb5 makes of any principal of the default realm.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "credsspd/resolver/identity.h"

static char path[] = "/tmp/test_localauth.XXXXXX";

static void configure(const char *realm)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	(void)fprintf(f, "[libdefaults]\n default_realm = R.TEST\n[realms]\n R.TEST = {\n kdc = 127.0.0.1\n%s\n }\n",
		      realm);
	assert_int_equal(fclose(f), 0);
}

static void test_mappings(void **state)
{
	static const struct {
		const char *realm, *principal, *name, *explicit_name;
	} row[] = {
		{ "", "alice@R.TEST", "alice", NULL },
		{ "", "alice@OTHER.TEST", NULL, NULL },
		{ " auth_to_local = DEFAULT", "alice@R.TEST", "alice", NULL },
		{ " auth_to_local_names = {\n alice = alice\n }", "alice@R.TEST", "alice", "alice" },
		{ " auth_to_local_names = {\n alice = alice\n }", "bob@R.TEST", "bob", NULL },
		{ " auth_to_local_names = {\n alice = bob\n }", "alice@R.TEST", "bob", "bob" },
		{ " auth_to_local = RULE:[1:$1@$0](.*@R\\.TEST)s/@.*//", "alice@R.TEST", "alice", "alice" },
		{ " auth_to_local = RULE:[1:$1@$0](.*@R\\.TEST)s/@.*/2/\n auth_to_local = DEFAULT", "alice@R.TEST",
		  "alice2", "alice2" },
		{ " auth_to_local = RULE:[1:$1@$0](.*@OTHER\\.TEST)s/@.*//\n auth_to_local = DEFAULT", "alice@R.TEST",
		  "alice", NULL },
		{ " auth_to_local = RULE:[1:$1@$0](.*@OTHER\\.TEST)s/@.*//\n auth_to_local = DEFAULT",
		  "alice@OTHER.TEST", "alice", "alice" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		for (int explicit_only = 0; explicit_only < 2; explicit_only++) {
			const char *want = explicit_only ? row[i].explicit_name : row[i].name;
			char name[RECORD_NAME_MAX] = "";
			int r;

			configure(row[i].realm);
			r = identity_system.by_principal(row[i].principal, explicit_only, name);
			if (r != (want ? 0 : -ENOENT) || (want && strcmp(name, want) != 0))
				fail_msg("row %zu, %d: %d %s", i, explicit_only, r, name);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mappings),
	};
	int fd = mkstemp(path), failed;

	if (fd < 0 || setenv("KRB5_CONFIG", path, 1) < 0)
		return EXIT_FAILURE;
	(void)close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(path);
	return failed;
}
