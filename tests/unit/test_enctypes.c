/* SPDX-License-Identifier: MIT */
/* permitted_enctypes of krb5.conf against the keys of the keytab: the self-test asks for no more than the service. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/kerberos/enctypes.h"
#include "credsspd/mech/acceptor.h"
#include "credsspd/selftest/selftest.h"

#define MAX_KEYS 5

static char conf[] = "/tmp/test-enctypes-conf.XXXXXX", keytab[] = "/tmp/test-enctypes-keytab.XXXXXX";

static void write_conf(const char *permitted)
{
	FILE *f = fopen(conf, "w");

	assert_non_null(f);
	(void)fprintf(f, "[libdefaults]\n\tdefault_realm = R.TEST\n\tallow_rc4 = true\n");
	if (permitted)
		(void)fprintf(f, "\tpermitted_enctypes = %s\n", permitted);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(setenv("KRB5_CONFIG", conf, 1), 0);
}

static void write_keytab(const krb5_enctype enctypes[MAX_KEYS])
{
	krb5_keytab_entry e = { .vno = 1 };
	krb5_context k;
	krb5_keytab to;
	char name[64];

	(void)unlink(keytab);
	(void)snprintf(name, sizeof name, "FILE:%s", keytab);
	assert_int_equal(krb5_init_context(&k), 0);
	assert_int_equal(krb5_kt_resolve(k, name, &to), 0);
	assert_int_equal(krb5_parse_name(k, "TERMSRV/ts1.r.test@R.TEST", &e.principal), 0);
	for (size_t i = 0; i < MAX_KEYS && enctypes[i]; i++) {
		assert_int_equal(krb5_c_make_random_key(k, enctypes[i], &e.key), 0);
		assert_int_equal(krb5_kt_add_entry(k, to, &e), 0);
		krb5_free_keyblock_contents(k, &e.key);
	}
	krb5_free_principal(k, e.principal);
	(void)krb5_kt_close(k, to);
	krb5_free_context(k);
}

enum { WORKS, NO_CREDENTIAL, NO_SELFTEST };

/* In a process of its own: libgssapi_krb5 keeps what it has read of krb5.conf. */
static int try(bool user_to_user, const char *error_has)
{
	const struct acceptor_options options = { .keytab = keytab,
						  .service_ticket = true,
						  .user_to_user = user_to_user };
	struct acceptor *a;
	char *error;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (acceptor_new(MECHANISM_KRB5, &options, &a, &error) < 0)
			_exit(error && strstr(error, error_has) ? NO_CREDENTIAL : 99);
		_exit(selftest_rehearse(MECHANISM_KRB5, a) < 0 ? NO_SELFTEST : WORKS);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_permitted(void **state)
{
	enum {
		A256 = ENCTYPE_AES256_CTS_HMAC_SHA1_96,
		A128 = ENCTYPE_AES128_CTS_HMAC_SHA1_96,
		B256 = ENCTYPE_AES256_CTS_HMAC_SHA384_192,
		B128 = ENCTYPE_AES128_CTS_HMAC_SHA256_128,
		RC4 = ENCTYPE_ARCFOUR_HMAC,
		CAMELLIA = ENCTYPE_CAMELLIA256_CTS_CMAC,
	};
	static const struct {
		const char *permitted;
		krb5_enctype keys[MAX_KEYS];
		int result;
		const char *error;
	} row[] = {
		{ NULL, { A256 }, WORKS, NULL },
		{ "aes256-sha2 aes128-sha2", { B256, B128 }, WORKS, NULL },
		{ "aes256-sha2 aes128-sha2", { A256, A128, B256 }, WORKS, NULL },
		{ "aes128-sha2", { A256, B128 }, WORKS, NULL },
		{ "aes128-sha2", { B128 }, WORKS, NULL },
		{ "aes128-cts", { RC4, A256, A128 }, WORKS, NULL },
		{ "rc4-hmac aes256-cts", { RC4, A256 }, WORKS, NULL },
		{ "camellia256-cts aes128-sha2 aes256-cts", { CAMELLIA, A256 }, WORKS, NULL },
		{ "aes256-sha2",
		  { A256, A128 },
		  NO_CREDENTIAL,
		  "permitted_enctypes of krb5.conf allows none of the AES keys" },
		{ "rc4-hmac", { RC4, A256 }, NO_CREDENTIAL, "permitted_enctypes" },
		{ "rc4-hmac aes256-cts", { RC4 }, NO_CREDENTIAL, "has no AES key" },
		{ NULL, { CAMELLIA }, NO_CREDENTIAL, "has no AES key" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		write_conf(row[i].permitted);
		write_keytab(row[i].keys);
		for (int u2u = 0; u2u < 2; u2u++) {
			int got = try(u2u, row[i].error);

			if (got != row[i].result)
				fail_msg("row %zu, user-to-user %d: %d, not %d", i, u2u, got, row[i].result);
		}
	}
}

static void test_order(void **state)
{
	krb5_enctype e[AES_ENCTYPES_MAX];
	krb5_context k;

	write_conf("rc4-hmac aes128-sha2 camellia256-cts aes256-cts");
	assert_int_equal(krb5_init_context(&k), 0);
	assert_int_equal(enctypes_permitted(k, e), 2);
	assert_int_equal(e[0], ENCTYPE_AES128_CTS_HMAC_SHA256_128);
	assert_int_equal(e[1], ENCTYPE_AES256_CTS_HMAC_SHA1_96);
	krb5_free_context(k);
	write_conf("rc4-hmac");
	assert_int_equal(krb5_init_context(&k), 0);
	assert_int_equal(enctypes_permitted(k, e), 0);
	krb5_free_context(k);
	assert_true(enctype_is_aes(ENCTYPE_AES256_CTS_HMAC_SHA384_192));
	assert_false(enctype_is_aes(ENCTYPE_ARCFOUR_HMAC));
	assert_false(enctype_is_aes(ENCTYPE_CAMELLIA256_CTS_CMAC));
}

static int set_up(void **state)
{
	return close(mkstemp(conf)) < 0 || close(mkstemp(keytab)) < 0;
}

static int tear_down(void **state)
{
	(void)unlink(conf);
	return unlink(keytab);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_permitted), cmocka_unit_test(test_order) };

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
