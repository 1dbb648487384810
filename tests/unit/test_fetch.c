/* SPDX-License-Identifier: MIT */
/* What a keytab says of user-to-user. What a KDC says is for test_keeper and the tests with real ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <krb5/krb5.h>

#include "common/kerberos/fetch.h"

static krb5_context k;
static char path[64];
static struct keytab_list list;

struct key {
	const char *principal;
	krb5_kvno vno;
	krb5_enctype enctype;
	char key; /* of these octets */
};

static void make_keytab(const struct key *keys, size_t n)
{
	krb5_keytab keytab;
	char name[80];

	(void)unlink(path);
	(void)snprintf(name, sizeof name, "WRFILE:%s", path);
	assert_int_equal(krb5_kt_resolve(k, name, &keytab), 0);
	for (size_t i = 0; i < n; i++) {
		krb5_keytab_entry e = { .vno = keys[i].vno };
		krb5_octet octets[32];

		memset(octets, keys[i].key, sizeof octets);
		e.key.enctype = keys[i].enctype;
		e.key.length = keys[i].enctype == ENCTYPE_AES256_CTS_HMAC_SHA1_96 ? 32 : 16;
		e.key.contents = octets;
		assert_int_equal(krb5_parse_name(k, keys[i].principal, &e.principal), 0);
		assert_int_equal(krb5_kt_add_entry(k, keytab, &e), 0);
		krb5_free_principal(k, e.principal);
	}
	(void)krb5_kt_close(k, keytab);
}

static void read_keytab(const struct key *keys, size_t n)
{
	char error[FETCH_ERROR_MAX] = "";

	make_keytab(keys, n);
	if (fetch_list(path, &list, error) < 0)
		fail_msg("%s", error);
	assert_int_equal(list.names.type, KEEPER_NAMES);
}

/* The principals are these, NULL at the end. */
static void assert_principals(const char *const *want)
{
	for (unsigned i = 0; i < list.n; i++)
		assert_string_equal(list.principal[i], want[i]);
	assert_null(want[list.n]);
}

static void assert_owner(const char *server, const char *owner)
{
	for (unsigned i = 0; i < list.names.n; i++) {
		if (strcmp(list.names.name[i].server, server) != 0)
			continue;
		assert_string_equal(list.names.name[i].owner, owner);
		return;
	}
	fail_msg("%s is not there", server);
}

#define AES256 ENCTYPE_AES256_CTS_HMAC_SHA1_96
#define AES128 ENCTYPE_AES128_CTS_HMAC_SHA1_96
#define N(a) (sizeof(a) / sizeof *(a))

/* MIT: each service is its own client. */
static void test_services(void **unused)
{
	static const struct key keys[] = {
		{ "host/a.test@R", 2, AES256, 'h' },    { "TERMSRV/a.test@R", 2, AES256, 'a' },
		{ "TERMSRV/a.test@R", 2, AES128, 'a' }, { "termsrv/a@R", 2, AES256, 'b' },
		{ "alice@R", 1, AES256, 'u' },          { "TERMSRV/a.test@R", 3, AES256, 'c' },
	};

	read_keytab(keys, N(keys));
	assert_principals((const char *[]){ "TERMSRV/a.test@R", "termsrv/a@R", NULL });
	assert_int_equal(list.names.n, 2);
	assert_owner("TERMSRV/a.test", "TERMSRV/a.test@R");
	assert_owner("termsrv/a", "termsrv/a@R");
}

/* Active Directory: names belong to accounts, by the keys of their newest version. */
static void test_accounts(void **unused)
{
	static const struct key keys[] = {
		{ "TERMSRV/rdp1.test@R", 5, AES256, 'm' },
		{ "TERMSRV/rdp1@R", 5, AES128, 'm' },
		{ "RDP1$@R", 5, AES256, 'm' },
		{ "RDP1$@R", 5, AES128, 'm' },
		{ "TERMSRV/farm.test@R", 2, AES256, 'm' }, /* it was an alias of the machine's once */
		{ "TERMSRV/farm.test@R", 3, AES256, 's' },
		{ "svc-rdp@R", 3, AES256, 's' },
		{ "svc-other@R", 3, AES256, 'o' },
		{ "TERMSRV/alone.test@R", 1, AES256, 'x' },
		{ "TERMSRV/mixed.test@R", 1, AES128, 's' }, /* the same octets, and another key */
	};

	read_keytab(keys, N(keys));
	assert_principals((const char *[]){ "RDP1$@R", "svc-rdp@R", NULL });
	assert_int_equal(list.names.n, 5);
	assert_owner("TERMSRV/rdp1.test", "RDP1$@R");
	assert_owner("TERMSRV/rdp1", "RDP1$@R");
	assert_owner("TERMSRV/farm.test", "svc-rdp@R");
	assert_owner("TERMSRV/alone.test", "");
	assert_owner("TERMSRV/mixed.test", "");
}

/* The machine's password has changed, and the keytab is being written: one command for the names, one for the account.
 */
static void test_in_between(void **unused)
{
	static const struct key keys[] = { { "TERMSRV/rdp1@R", 5, AES256, 'm' },
					   { "TERMSRV/rdp1@R", 6, AES256, 'n' },
					   { "RDP1$@R", 5, AES256, 'm' },
					   { "RDP1$@R", 6, AES256, 'n' },
					   { "TERMSRV/rdp1@R", 5, AES256, 'm' } };

	read_keytab(keys, 3);
	assert_owner("TERMSRV/rdp1", "RDP1$@R");
	read_keytab(keys + 2, 3);
	assert_owner("TERMSRV/rdp1", "RDP1$@R");
}

/* A farm's keytab without the machine's key; a machine's without any name. */
static void test_one_account(void **unused)
{
	static const struct key farm[] = { { "svc-rdp@R", 3, AES256, 's' }, { "TERMSRV/farm@R", 3, AES256, 's' } };
	static const struct key machine[] = { { "RDP1$@R", 5, AES256, 'm' } };

	read_keytab(farm, N(farm));
	assert_principals((const char *[]){ "svc-rdp@R", NULL });
	assert_owner("TERMSRV/farm", "svc-rdp@R");
	read_keytab(machine, N(machine));
	assert_principals((const char *[]){ "RDP1$@R", NULL });
	assert_int_equal(list.names.n, 0);
}

static void test_many(void **unused)
{
	static struct key keys[100];
	static char name[100][32];

	for (unsigned i = 0; i < N(keys); i++) {
		(void)snprintf(name[i], sizeof name[i], "TERMSRV/%02u.test@R", i);
		keys[i] = (struct key){ name[i], 1, AES256, (char)i };
	}
	read_keytab(keys, N(keys));
	assert_int_equal(list.n, TGTS_MAX);
	assert_int_equal(list.names.n, SERVER_NAMES_MAX);
	assert_owner("TERMSRV/31.test", "TERMSRV/31.test@R");
}

static void test_no_file(void **unused)
{
	char error[FETCH_ERROR_MAX] = "";

	assert_true(fetch_list("/nonexistent", &list, error) < 0);
	assert_non_null(strstr(error, "/nonexistent"));
}

static int set_up(void **unused)
{
	(void)setenv("KRB5_CONFIG", "/dev/null", 1);
	(void)snprintf(path, sizeof path, "/tmp/test-fetch.%d", (int)getpid());
	return krb5_init_context(&k) == 0 ? 0 : -1;
}

static int tear_down(void **unused)
{
	krb5_free_context(k);
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_services),   cmocka_unit_test(test_accounts), cmocka_unit_test(test_one_account),
		cmocka_unit_test(test_in_between), cmocka_unit_test(test_many),     cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
