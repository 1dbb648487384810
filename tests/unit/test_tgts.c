/* SPDX-License-Identifier: MIT */
/* Ticket-granting tickets and the keytab that goes with them, by a clock of the test's own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "credsspd/mech/tgts.h"

#define NOW 1700000000
#define ENDS (NOW + 36000)

static krb5_context k;
static struct tgts *tgts;

static int set_up(void **unused)
{
	return tgts_new(k, &tgts) == 0 ? 0 : -1;
}

static int tear_down(void **unused)
{
	tgts_free(tgts);
	tgts = NULL;
	return 0;
}

/* Ticket and key are made of @n. */
static struct keeper_tgt *record(const char *principal, uint8_t n, int64_t ends)
{
	static struct keeper_tgt r;

	r = (struct keeper_tgt){ .type = KEEPER_TGT, .key_len = 32, .ticket_len = 100, .ends = ends };
	r.enctype = ENCTYPE_AES256_CTS_HMAC_SHA1_96;
	(void)snprintf(r.principal, sizeof r.principal, "%s", principal);
	memset(r.key, n, sizeof r.key);
	memset(r.ticket, n, 100);
	return &r;
}

static void add(const char *principal, uint8_t n, int64_t ends, int64_t now)
{
	assert_int_equal(tgts_add(tgts, record(principal, n, ends), now), 0);
}

/* ---- the keytab, seen from outside ---- */

#define KEYS_MAX 64

/* Of every key its first octet, in rising order. Returns how many there are. */
static size_t list_keys(uint8_t ret_[KEYS_MAX])
{
	krb5_keytab keytab;
	krb5_kt_cursor cursor;
	krb5_keytab_entry e;
	size_t n = 0;

	assert_int_equal(krb5_kt_resolve(k, TGTS_KEYTAB, &keytab), 0);
	assert_int_equal(krb5_kt_start_seq_get(k, keytab, &cursor), 0);
	while (krb5_kt_next_entry(k, keytab, &e, &cursor) == 0) {
		size_t at = n++;

		assert_in_range(n, 1, KEYS_MAX);
		for (unsigned i = 1; i < e.key.length; i++)
			assert_int_equal(e.key.contents[i], e.key.contents[0]);
		/* the credential is for any host's TERMSRV */
		assert_int_equal(e.principal->length, 2);
		assert_int_equal(e.principal->data[0].length, 7);
		assert_memory_equal(e.principal->data[0].data, "TERMSRV", 7);
		for (; at && ret_[at - 1] > e.key.contents[0]; at--)
			ret_[at] = ret_[at - 1];
		ret_[at] = e.key.contents[0];
		(void)krb5_free_keytab_entry_contents(k, &e);
	}
	(void)krb5_kt_end_seq_get(k, keytab, &cursor);
	(void)krb5_kt_close(k, keytab);
	return n;
}

/* The keys there are exactly those of @want, a string of their octets in rising order. */
static void assert_keys(const char *want)
{
	uint8_t got[KEYS_MAX];
	size_t n = list_keys(got);

	assert_int_equal(n, strlen(want));
	assert_memory_equal(got, want, n);
}

/* Who asks for @server is shown the ticket @n; 0: none. */
static void assert_found(const char *server, int64_t now, uint8_t n)
{
	struct view v = tgts_find(tgts, server, now);

	assert_int_equal(v.len, n ? 100 : 0);
	assert_true((v.p != NULL) == (n != 0));
	for (size_t i = 0; i < v.len; i++)
		assert_int_equal(v.p[i], n);
}

static void assert_none(const char *server, int64_t now)
{
	assert_non_null(tgts_find(tgts, "", now).p); /* there is one */
	assert_null(tgts_find(tgts, server, now).p);
}

/* ---- one principal ---- */

static void test_none(void **unused)
{
	assert_found("TERMSRV/a", NOW, 0);
	assert_keys("");
	tgts_expire(tgts, NOW);
	tgts_clear(tgts);
	tgts_free(NULL);
}

static void test_one(void **unused)
{
	add("TERMSRV/a@R", 'a', ENDS, NOW);
	assert_found("TERMSRV/a", NOW, 'a');
	assert_none("TERMSRV/other", NOW);
	assert_found("", NOW, 'a');
	assert_keys("a");
	tgts_clear(tgts);
	assert_found("TERMSRV/a", NOW, 0);
	assert_keys("");
	add("TERMSRV/a@R", 'b', ENDS, NOW);
	assert_keys("b");
}

/* It ends at the second that it says. */
static void test_expiry(void **unused)
{
	add("TERMSRV/a@R", 'a', ENDS, NOW);
	assert_found("TERMSRV/a", ENDS - 1, 'a');
	assert_found("TERMSRV/a", ENDS, 0);
	tgts_expire(tgts, ENDS - 1);
	assert_keys("a");
	tgts_expire(tgts, ENDS);
	assert_keys("");
	/* one that has ended before it comes */
	add("TERMSRV/a@R", 'b', NOW, NOW);
	assert_found("TERMSRV/a", NOW, 0);
	tgts_expire(tgts, NOW);
	assert_keys("");
}

/* The earlier ticket is given to no client any more, and its key stays valid for a time. */
static void test_replacement(void **unused)
{
	add("TERMSRV/a@R", 'a', ENDS, NOW);
	add("TERMSRV/a@R", 'b', ENDS, NOW + 100);
	assert_found("TERMSRV/a", NOW + 100, 'b');
	assert_keys("ab");
	tgts_expire(tgts, NOW + 100 + TGT_OVERLAP_SEC - 1);
	assert_keys("ab");
	tgts_expire(tgts, NOW + 100 + TGT_OVERLAP_SEC);
	assert_keys("b");
	assert_found("TERMSRV/a", NOW + 100 + TGT_OVERLAP_SEC, 'b');
}

/* Adding does what expiring does, whoever it is for. */
static void test_replacement_by_adding(void **unused)
{
	add("TERMSRV/a@R", 'a', ENDS, NOW);
	add("TERMSRV/a@R", 'b', ENDS, NOW);
	add("TERMSRV/b@R", 'c', ENDS, NOW + TGT_OVERLAP_SEC - 1);
	assert_keys("abc");
	add("TERMSRV/b@R", 'd', ENDS, NOW + TGT_OVERLAP_SEC);
	assert_keys("bcd");
	add("TERMSRV/a@R", 'e', ENDS, ENDS);
	assert_keys("e");
}

/* A ticket that ends within the overlap takes its key with it. */
static void test_replaced_and_ended(void **unused)
{
	add("TERMSRV/a@R", 'a', NOW + 10, NOW);
	add("TERMSRV/a@R", 'b', ENDS, NOW + 5);
	tgts_expire(tgts, NOW + 9);
	assert_keys("ab");
	tgts_expire(tgts, NOW + 10);
	assert_keys("b");
}

/* A removed ticket is given to no client, and its key stays valid for clients that have it. */
static void test_forgotten(void **unused)
{
	struct keeper_tgt none = { .type = KEEPER_TGT, .principal = "TERMSRV/a@R" };

	assert_int_equal(tgts_add(tgts, &none, NOW), 0);
	add("TERMSRV/a@R", 'a', ENDS, NOW);
	add("TERMSRV/b@R", 'b', ENDS, NOW);
	assert_int_equal(tgts_add(tgts, &none, NOW + 1), 0);
	assert_keys("ab");
	assert_found("TERMSRV/b", NOW + 1, 'b');
	assert_found("", NOW + 1, 'b');
	tgts_expire(tgts, NOW + 1 + TGT_OVERLAP_SEC);
	assert_keys("b");
	none.key_len = 32;
	assert_int_equal(tgts_add(tgts, &none, NOW), EINVAL);
}

/* The same session key again: two entries, of which one goes. */
static void test_same_key(void **unused)
{
	add("TERMSRV/a@R", 'a', ENDS, NOW);
	add("TERMSRV/a@R", 'a', ENDS, NOW);
	assert_keys("aa");
	tgts_expire(tgts, NOW + TGT_OVERLAP_SEC);
	assert_keys("a");
	assert_found("TERMSRV/a", NOW + TGT_OVERLAP_SEC, 'a');
}

/* ---- several ---- */

static void test_fitness(void **unused)
{
	add("TERMSRV/a.test@R", 'a', ENDS, NOW);
	add("TERMSRV/b.test@R", 'b', ENDS, NOW);
	assert_found("TERMSRV/a.test", NOW, 'a');
	assert_found("TERMSRV/b.test", NOW, 'b');
	assert_found("termsrv/B.TEST", NOW, 'b');
	/* a name without an owner: to a KDC each service is a principal of its own */
	assert_none("TERMSRV/c.test", NOW);
	assert_none("TERMSRV/a.test@R", NOW);
	assert_none("TERMSRV/b", NOW);
	assert_none("TERMSRV/b.test.example", NOW);
	/* any, the same one each time */
	assert_found("", NOW, 'a');
	/* an account may own any name, the machine's rather than another one */
	add("svc@R", 's', ENDS, NOW);
	assert_found("TERMSRV/c.test", NOW, 's');
	assert_found("TERMSRV/b.test", NOW, 'b');
	/* the machine's account, whose aliases the service names are */
	add("RDP$@R", '$', ENDS, NOW);
	assert_found("TERMSRV/c.test", NOW, '$');
	assert_found("", NOW, '$');
	assert_found("TERMSRV/b.test", NOW, 'b');
	assert_found("rdp$", NOW, '$');
	assert_keys("$abs");
}

/* Nor is one that has ended, or was replaced, ever fit. */
static void test_fitness_of_live_ones(void **unused)
{
	add("TERMSRV/a@R", 'a', NOW + 10, NOW);
	add("TERMSRV/b@R", 'b', ENDS, NOW);
	assert_found("TERMSRV/a", NOW + 9, 'a');
	assert_none("TERMSRV/a", NOW + 10);
	add("TERMSRV/b@R", 'c', ENDS, NOW + 1);
	assert_found("TERMSRV/b", NOW + 1, 'c');
	assert_found("", NOW + 10, 'c');
}

/* As the keytab of a node in Active Directory says it: its own names, a farm's, and one of an account that is not in
 * it. */
static void test_names(void **unused)
{
	static struct keeper_names names = {
		.type = KEEPER_NAMES,
		.n = 4,
		.name = { { "TERMSRV/rdp1.test", "RDP1$@R" },
			  { "TERMSRV/RDP1", "RDP1$@R" },
			  { "TERMSRV/farm.test", "svc-rdp@R" },
			  { "TERMSRV/other.test", "" } },
	};

	assert_int_equal(tgts_set_names(tgts, &names), 0);
	assert_found("TERMSRV/rdp1.test", NOW, 0);
	add("RDP1$@R", '$', ENDS, NOW);
	assert_none("TERMSRV/farm.test", NOW);
	add("svc-rdp@R", 's', NOW + 10, NOW);
	assert_found("TERMSRV/rdp1.test", NOW, '$');
	assert_found("termsrv/rdp1", NOW, '$');
	assert_found("TERMSRV/FARM.test", NOW, 's');
	assert_none("TERMSRV/farm.test", NOW + 10);
	assert_none("TERMSRV/other.test", NOW);
	assert_found("TERMSRV/alias.test", NOW, '$');
	assert_found("", NOW, '$');
	/* a ticket of its own is the best one, whatever else is known */
	add("TERMSRV/other.test@R", 'o', ENDS, NOW);
	assert_found("TERMSRV/other.test", NOW, 'o');
	/* others in their place */
	names.n = 0;
	assert_int_equal(tgts_set_names(tgts, &names), 0);
	assert_found("TERMSRV/farm.test", NOW, '$');
	names.n = SERVER_NAMES_MAX + 1;
	assert_int_equal(tgts_set_names(tgts, &names), -EINVAL);
	names.n = 1;
	memset(names.name[0].owner, 'x', sizeof names.name[0].owner);
	assert_int_equal(tgts_set_names(tgts, &names), -EINVAL);
}

/* Realms are compared: the same name in another realm is another principal. */
static void test_realms(void **unused)
{
	add("TERMSRV/a@R", 'a', ENDS, NOW);
	add("TERMSRV/a@S", 'b', ENDS, NOW);
	add("TERMSRV/a@S", 'c', ENDS, NOW);
	assert_found("TERMSRV/a", NOW, 'a');
	assert_keys("abc");
	tgts_expire(tgts, NOW + TGT_OVERLAP_SEC);
	assert_keys("ac");
	/* the realm is what stands behind the last '@' */
	add("odd\\@name@R", 'd', ENDS, NOW);
	assert_found("odd\\@name", NOW, 'd');
}

static void test_too_many(void **unused)
{
	char name[32];

	for (unsigned i = 0; i < TGTS_MAX; i++) {
		(void)snprintf(name, sizeof name, "TERMSRV/%02u@R", i);
		add(name, (uint8_t)('A' + i), ENDS, NOW);
	}
	assert_int_equal(tgts_add(tgts, record("TERMSRV/more@R", 'x', ENDS), NOW), ENOSPC);
	assert_keys("ABCDEFGHIJKLMNOP");
	/* renewals are not more */
	for (unsigned i = 0; i < TGTS_MAX; i++) {
		(void)snprintf(name, sizeof name, "TERMSRV/%02u@R", i);
		add(name, (uint8_t)('a' + i), ENDS, NOW + 1);
	}
	assert_keys("ABCDEFGHIJKLMNOPabcdefghijklmnop");
	assert_int_equal(tgts_add(tgts, record("TERMSRV/more@R", 'x', ENDS), NOW + 1), ENOSPC);
	/* renewed so often that the room is used up: what was replaced first goes */
	add("TERMSRV/07@R", '7', ENDS, NOW + 2);
	assert_keys("7BCDEFGHIJKLMNOPabcdefghijklmnop");
	assert_found("TERMSRV/07", NOW + 2, '7');
	add("TERMSRV/00@R", '0', ENDS, NOW + 2);
	assert_keys("07CDEFGHIJKLMNOPabcdefghijklmnop");
	assert_found("TERMSRV/00", NOW + 2, '0');
	assert_found("TERMSRV/15", NOW + 2, 'p');
	/* one that has ended makes room for another */
	assert_int_equal(tgts_add(tgts, record("TERMSRV/more@R", 'x', ENDS + 1), ENDS), 0);
	assert_keys("x");
}

/* However often one is renewed, it is not lost. */
static void test_many_renewals(void **unused)
{
	for (unsigned i = 0; i < 200; i++) {
		add("TERMSRV/a@R", (uint8_t)(i + 1), ENDS, NOW);
		assert_found("TERMSRV/a", NOW, (uint8_t)(i + 1));
	}
	uint8_t keys[KEYS_MAX];

	assert_int_equal(list_keys(keys), 2 * TGTS_MAX);
	assert_int_equal(keys[2 * TGTS_MAX - 1], 200);
	assert_int_equal(keys[0], 200 - 2 * TGTS_MAX + 1);
}

/* ---- records that are refused ---- */

static void assert_refused(const struct keeper_tgt *r)
{
	assert_int_equal(tgts_add(tgts, r, NOW), EINVAL);
	assert_found("TERMSRV/a", NOW, 'a');
	assert_keys("a");
}

static void test_enctypes(void **unused)
{
	static const struct {
		krb5_enctype enctype;
		uint8_t len;
	} aes[] = { { ENCTYPE_AES128_CTS_HMAC_SHA1_96, 16 },
		    { ENCTYPE_AES256_CTS_HMAC_SHA1_96, 32 },
		    { ENCTYPE_AES128_CTS_HMAC_SHA256_128, 16 },
		    { ENCTYPE_AES256_CTS_HMAC_SHA384_192, 32 } };

	for (int32_t enctype = -300; enctype < 300; enctype++) {
		for (unsigned len = 0; len < 256; len++) {
			struct keeper_tgt *r = record("TERMSRV/a@R", 'a', ENDS);
			krb5_error_code want = EINVAL;

			for (size_t i = 0; i < sizeof aes / sizeof *aes; i++)
				if (aes[i].enctype == enctype && aes[i].len == len)
					want = 0;
			r->enctype = enctype;
			r->key_len = (uint8_t)len;
			assert_int_equal(tgts_add(tgts, r, NOW), want);
		}
	}
	assert_keys("aaaa");
}

static void test_malformed(void **unused)
{
	struct keeper_tgt *r;

	add("TERMSRV/a@R", 'a', ENDS, NOW);
	assert_refused(record("", 'x', ENDS));
	assert_refused(record("TERMSRV/a", 'x', ENDS));
	assert_refused(record("TERMSRV/a@", 'x', ENDS));
	assert_refused(record("@", 'x', ENDS));
	r = record("", 'x', ENDS);
	memset(r->principal, 'a', sizeof r->principal); /* no NUL */
	r->principal[5] = '@';
	assert_refused(r);
	r = record("TERMSRV/a@R", 'x', ENDS);
	r->ticket_len = 0;
	assert_refused(r);
	r = record("TERMSRV/a@R", 'x', ENDS);
	r->ticket_len = TGT_MAX + 1;
	assert_refused(r);
	r = record("TERMSRV/a@R", 'x', ENDS);
	r->ticket_len = UINT16_MAX;
	assert_refused(r);
}

/* The longest name and the largest ticket. */
static void test_largest(void **unused)
{
	struct keeper_tgt *r = record("", 'x', ENDS);
	struct view v;

	memset(r->principal, 'a', sizeof r->principal - 1);
	r->principal[100] = '@';
	r->ticket_len = TGT_MAX;
	memset(r->ticket, 'x', TGT_MAX);
	assert_int_equal(tgts_add(tgts, r, NOW), 0);
	v = tgts_find(tgts, "", NOW);
	assert_int_equal(v.len, TGT_MAX);
	assert_int_equal(v.p[TGT_MAX - 1], 'x');
	assert_keys("x");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_none),
		TEST(test_one),
		TEST(test_expiry),
		TEST(test_replacement),
		TEST(test_replacement_by_adding),
		TEST(test_replaced_and_ended),
		TEST(test_forgotten),
		TEST(test_same_key),
		TEST(test_fitness),
		TEST(test_fitness_of_live_ones),
		TEST(test_names),
		TEST(test_realms),
		TEST(test_too_many),
		TEST(test_many_renewals),
		TEST(test_enctypes),
		TEST(test_malformed),
		TEST(test_largest),
	};
	int r;

	(void)setenv("KRB5_CONFIG", "/dev/null", 1);
	if (krb5_init_context(&k) != 0)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	krb5_free_context(k);
	return r;
}
