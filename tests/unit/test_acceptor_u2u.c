/* SPDX-License-Identifier: MIT */
/*
 * Acceptor and initiator of user-to-user in one process, where the sanitizers see them: test_u2u and its kin have the
 * same exchanges with real workers.
 */
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <krb5/krb5.h>

#include "common/initiator/initiator.h"
#include "credsspd/mech/acceptor.h"
#include "credsspd/mech/tgts.h"
#include "tests/unit/build.h"

#define CLIENT "self-test@TEST.EXAMPLE"

static const enum gss_mech as_mstsc[] = { GSS_MECH_MS_KRB5, GSS_MECH_KRB5, GSS_MECH_NEGOEX, GSS_MECH_NTLM };
static struct acceptor *acceptor;
static krb5_context k;

static struct keeper_tgt *record(krb5_enctype enctype)
{
	static struct keeper_tgt r;
	krb5_keyblock key;

	assert_int_equal(krb5_c_make_random_key(k, enctype, &key), 0);
	r = (struct keeper_tgt){ .type = KEEPER_TGT, .ticket = "0", .ticket_len = 500, .enctype = enctype };
	r.key_len = (uint8_t)key.length;
	memcpy(r.key, key.contents, key.length);
	krb5_free_keyblock_contents(k, &key);
	r.ends = (int64_t)time(NULL) + 3600;
	(void)snprintf(r.principal, sizeof r.principal, "TERMSRV/rdp.test.example@TEST.EXAMPLE");
	return &r;
}

/* ---- an exchange ---- */

#define STEPS 3U

struct exchange {
	struct initiator *initiator;
	enum acceptor_result result;
	struct buf token; /* the client's next one */
	int more;         /* what initiator_step() said of it */
};

static void next(struct exchange *c, struct view reply)
{
	struct view v = VIEW_NULL;

	buf_free(&c->token);
	c->more = initiator_step(c->initiator, reply, &v);
	if (c->more >= 0)
		c->token = buf_copy(v.p, v.len);
}

static struct exchange begin(void)
{
	struct exchange c = { .result = ACCEPTOR_CONTINUE };

	assert_int_equal(initiator_new_user_to_user(TGTS_KEYTAB, as_mstsc, 4, &c.initiator), 0);
	next(&c, VIEW_NULL);
	return c;
}

static void end(struct exchange *c)
{
	buf_free(&c->token);
	initiator_free(c->initiator);
	acceptor_reset(acceptor);
}

/* Gives the acceptor the token, and the client what it says, as long as both go on. */
static void accept_next(struct exchange *c)
{
	struct buf reply AUTO_BUF = { NULL, 0 };
	struct view v;

	c->result = acceptor_accept(acceptor, (struct view){ c->token.p, c->token.len });
	v = acceptor_token(acceptor);
	assert_true((v.p != NULL) == (c->result == ACCEPTOR_CONTINUE) || c->result == ACCEPTOR_REFUSED);
	if (c->result != ACCEPTOR_CONTINUE)
		return;
	reply = buf_copy(v.p, v.len); /* an allocation of its own */
	next(c, (struct view){ reply.p, reply.len });
}

static void up_to(struct exchange *c, unsigned step)
{
	for (unsigned s = 0; s < step; s++) {
		accept_next(c);
		assert_int_equal(c->result, ACCEPTOR_CONTINUE);
		assert_int_equal(c->more, s + 2 < STEPS);
	}
}

/* The rest of the exchange; if a user is logged on, it is the client's. */
static void rest(struct exchange *c)
{
	char principal[RECORD_PRINCIPAL_MAX];

	do
		accept_next(c);
	while (c->result == ACCEPTOR_CONTINUE && c->more >= 0);
	if (c->result != ACCEPTOR_COMPLETE)
		return;
	assert_int_equal(acceptor_principal(acceptor, principal), 0);
	assert_string_equal(principal, CLIENT);
}

/* Messages both ways. */
static void exchange(struct exchange *c)
{
	const struct view text = { (const uint8_t *)"pubKeyAuth", 10 };
	struct secret clear = SECRET_NULL;
	uint8_t sealed[256], got[256];
	size_t len;

	assert_int_equal(initiator_wrap(c->initiator, text, sealed, sizeof sealed, &len), 0);
	assert_int_equal(acceptor_unwrap(acceptor, sealed, len, &clear), 0);
	assert_int_equal(secret_len(&clear), text.len);
	assert_memory_equal(secret_expose(&clear), text.p, text.len);
	secret_done(&clear);
	assert_int_equal(acceptor_wrap(acceptor, text, sealed, sizeof sealed, &len), 0);
	assert_int_equal(initiator_unwrap(c->initiator, (struct view){ sealed, len }, got, sizeof got, &len), 0);
	assert_int_equal(len, text.len);
	assert_memory_equal(got, text.p, text.len);
}

static void test_whole(void **unused)
{
	for (unsigned i = 0; i < 3; i++) { /* with one acceptor after another */
		struct exchange c = begin();

		assert_false(acceptor_user_to_user(acceptor));
		rest(&c);
		assert_int_equal(c.result, ACCEPTOR_COMPLETE);
		assert_true(acceptor_user_to_user(acceptor));
		assert_false(acceptor_no_tgt(acceptor));
		exchange(&c);
		/* no token is the next one */
		assert_int_equal(acceptor_accept(acceptor, (struct view){ c.token.p, c.token.len }), ACCEPTOR_REFUSED);
		end(&c);
	}
}

/* Before the last token nothing is sealed or authenticated. */
static void test_not_complete(void **unused)
{
	for (unsigned step = 0; step < STEPS; step++) {
		struct exchange c = begin();
		struct secret clear = SECRET_NULL;
		char principal[RECORD_PRINCIPAL_MAX];
		uint8_t octets[100] = { 5, 4, 6, 255 };
		size_t len;

		up_to(&c, step);
		assert_int_equal(acceptor_principal(acceptor, principal), -EINVAL);
		assert_int_equal(acceptor_unwrap(acceptor, octets, sizeof octets, &clear), -EBADMSG);
		assert_int_equal(acceptor_wrap(acceptor, (struct view){ octets, 1 }, octets, sizeof octets, &len),
				 -EIO);
		end(&c);
	}
}

/* ---- other octets ---- */

static void test_truncated(void **unused)
{
	for (unsigned step = 0; step < STEPS; step++) {
		size_t n = 0, len;

		do {
			struct exchange c = begin();
			struct buf part;

			up_to(&c, step);
			len = c.token.len;
			if (n >= len) {
				end(&c);
				break;
			}
			part = buf_copy(c.token.p, n);
			buf_free(&c.token);
			c.token = part;
			accept_next(&c);
			assert_true(c.result == ACCEPTOR_REFUSED || (step == 0 && c.result == ACCEPTOR_FOREIGN));
			end(&c);
			n += n < 160 ? 1 : 7;
		} while (n < len);
	}
}

/* What comes of it is for the tests with workers; here it has to be clean. */
static void test_octets(void **unused)
{
	unsigned refused = 0;

	for (unsigned step = 0; step < STEPS; step++) {
		size_t len = 1;

		for (size_t at = 0; at < len; at += at < 200 ? 1 : 5) {
			struct exchange c = begin();

			up_to(&c, step);
			len = c.token.len;
			if (at < len)
				c.token.p[at] ^= (uint8_t)(1U << at % 8);
			rest(&c);
			refused += c.result != ACCEPTOR_COMPLETE;
			end(&c);
		}
	}
	assert_in_range(refused, 200, 1000);
}

/* A message in whose frame there is nothing, and one that is as large as a TSRequest can carry. */
static void test_sizes(void **unused)
{
	for (unsigned step = 0; step < STEPS; step++) {
		for (size_t len = 0; len <= 65000; len = len ? len * 5 : 1) {
			struct exchange c = begin();

			up_to(&c, step);
			buf_free(&c.token);
			c.token = context(
			    1, sequence(context(2, octets(tlv(0x60, JOIN(LIT("\x06\x0a\x2a\x86\x48\x86\xf7\x12\x01"
									     "\x02\x02\x03\x01\x00"),
									 buf_fill(0x6e, len)))))));
			accept_next(&c);
			assert_int_equal(c.result, step ? ACCEPTOR_REFUSED : ACCEPTOR_FOREIGN);
			end(&c);
		}
	}
}

/* ---- keys ---- */

static krb5_error_code no_key; /* what libkrb5 answers in place of adding a key */

/* In place of libkrb5's, for all of this program. */
krb5_error_code krb5_kt_add_entry(krb5_context context, krb5_keytab keytab, krb5_keytab_entry *entry)
{
	krb5_error_code (*add)(krb5_context, krb5_keytab, krb5_keytab_entry *);
	void *symbol = dlsym(RTLD_NEXT, "krb5_kt_add_entry");

	assert_non_null(symbol);
	memcpy(&add, &symbol, sizeof add);
	return no_key ? no_key : add(context, keytab, entry);
}

/* Errors of libkrb5 are large negative numbers: the caller gets -errno all the same. */
static void test_key_cannot_be_added(void **unused)
{
	no_key = KRB5_KT_IOERR;
	assert_int_equal(acceptor_add_tgt(acceptor, record(ENCTYPE_AES256_CTS_HMAC_SHA1_96)), -EIO);
	no_key = ENOMEM;
	assert_int_equal(acceptor_add_tgt(acceptor, record(ENCTYPE_AES256_CTS_HMAC_SHA1_96)), -ENOMEM);
	no_key = 0;
	assert_int_equal(acceptor_add_tgt(acceptor, record(ENCTYPE_AES256_CTS_HMAC_SHA1_96)), 0);
}

/* The ticket's key goes while the client has a ticket under it. */
static void test_key_goes(void **unused)
{
	struct exchange c = begin();

	acceptor_started(acceptor); /* forgets all of them */
	assert_int_equal(acceptor_accept(acceptor, (struct view){ c.token.p, c.token.len }), ACCEPTOR_FOREIGN);
	assert_true(acceptor_no_tgt(acceptor));
	acceptor_reset(acceptor);
	assert_false(acceptor_no_tgt(acceptor));
	assert_int_equal(acceptor_add_tgt(acceptor, record(ENCTYPE_AES256_CTS_HMAC_SHA1_96)), 0);
	rest(&c);
	assert_int_equal(c.result, ACCEPTOR_REFUSED);
	assert_int_equal(acceptor_refusal(acceptor), REFUSAL_BAD_CREDENTIALS);
	assert_true(acceptor_detail(acceptor)[0] != '\0');
	end(&c);
	c = begin();
	rest(&c);
	assert_int_equal(c.result, ACCEPTOR_COMPLETE);
	end(&c);
}

static void test_enctypes(void **unused)
{
	static const krb5_enctype enctype[] = { ENCTYPE_AES128_CTS_HMAC_SHA1_96, ENCTYPE_AES128_CTS_HMAC_SHA256_128,
						ENCTYPE_AES256_CTS_HMAC_SHA384_192, ENCTYPE_AES256_CTS_HMAC_SHA1_96 };

	for (size_t i = 0; i < sizeof enctype / sizeof *enctype; i++) {
		struct exchange c;

		acceptor_started(acceptor);
		assert_int_equal(acceptor_add_tgt(acceptor, record(enctype[i])), 0);
		c = begin();
		rest(&c);
		assert_int_equal(c.result, ACCEPTOR_COMPLETE);
		exchange(&c);
		end(&c);
	}
	assert_int_equal(acceptor_add_tgt(acceptor, record(ENCTYPE_ARCFOUR_HMAC)), -EINVAL);
}

static int set_up(void **unused)
{
	const struct acceptor_options options = { .keytab = "/nonexistent", .user_to_user = true };
	char *error = NULL;

	assert_int_equal(krb5_init_context(&k), 0);
	if (acceptor_new(MECHANISM_KRB5, &options, &acceptor, &error) < 0)
		fail_msg("%s", error);
	assert_true(acceptor_serves(acceptor, ACCEPTOR_USER_TO_USER));
	assert_false(acceptor_serves(acceptor, ACCEPTOR_SPNEGO));
	assert_false(acceptor_serves(acceptor, ACCEPTOR_RAW));
	assert_string_equal(acceptor_keytab(acceptor, ACCEPTOR_USER_TO_USER), TGTS_KEYTAB);
	acceptor_started(acceptor);
	assert_int_equal(acceptor_add_tgt(acceptor, record(ENCTYPE_AES256_CTS_HMAC_SHA1_96)), 0);
	return 0;
}

static int tear_down(void **unused)
{
	acceptor_free(acceptor);
	krb5_free_context(k);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),     cmocka_unit_test(test_not_complete),
		cmocka_unit_test(test_truncated), cmocka_unit_test(test_octets),
		cmocka_unit_test(test_sizes),     cmocka_unit_test(test_key_goes),
		cmocka_unit_test(test_enctypes),  cmocka_unit_test(test_key_cannot_be_added),
	};

	(void)setenv("KRB5_CONFIG", "/dev/null", 1);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
