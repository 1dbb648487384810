/* SPDX-License-Identifier: MIT */
/* NegTokenInit and NegTokenInit2, as clients send them and malformed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "common/wire/gsstoken.h"
#include "common/wire/spnego.h"
#include "tests/unit/build.h"

/* with tag and length */
#define SPNEGO "\x06\x06\x2b\x06\x01\x05\x05\x02"
#define KRB5 "\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"
#define MS_KRB5 "\x06\x09\x2a\x86\x48\x82\xf7\x12\x01\x02\x02"
#define U2U "\x06\x0a\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x03"
#define NTLM "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"
#define NEGOEX "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x1e"
#define IAKERB "\x06\x06\x2b\x06\x01\x05\x02\x05"

static struct view view_of(const struct buf *b)
{
	return (struct view){ b->p, b->len };
}

static struct buf framed(const char *oid, size_t oid_len, struct buf rest)
{
	return tlv(0x60, JOIN(buf_copy(oid, oid_len), rest));
}
#define FRAMED(oid, rest) framed(oid, sizeof(oid) - 1, rest)

/* NegTokenInit; @flags, @token, @mic are left out when they are empty. */
static struct buf init_token(struct buf mechanisms, struct buf flags, struct buf token, struct buf mic)
{
	return context(
	    0, sequence(JOIN(context(0, sequence(mechanisms)), flags.len ? context(1, flags) : flags,
			     token.len ? context(2, octets(token)) : token, mic.len ? context(3, octets(mic)) : mic)));
}

/* NegTokenResp, accept-incomplete. */
static struct buf resp_token(struct buf mechanism, struct buf token, struct buf mic)
{
	return context(
	    1, sequence(JOIN(context(0, tlv(0x0a, LIT("\x01"))), mechanism.len ? context(1, mechanism) : mechanism,
			     token.len ? context(2, octets(token)) : token, mic.len ? context(3, octets(mic)) : mic)));
}

#define NONE buf_new(0)

/* ---- NegTokenInit ---- */

#define OIDS(s) s, sizeof(s) - 1
#define TOKEN(s) s, sizeof(s) - 1

static const struct init_row {
	const char *name;
	const char *oids;
	size_t oids_len;
	enum gss_mech mechs[5]; /* 0, which is GSS_MECH_UNKNOWN, stands for an unknown one, too */
	size_t n_mechs;
} inits[] = {
	{ "FreeRDP 3 with NTLM only", OIDS(NTLM), { GSS_MECH_NTLM }, 1 },
	{ "Kerberos only", OIDS(KRB5), { GSS_MECH_KRB5 }, 1 },
	{ "mstsc in a domain",
	  OIDS(MS_KRB5 KRB5 NEGOEX NTLM),
	  { GSS_MECH_MS_KRB5, GSS_MECH_KRB5, GSS_MECH_NEGOEX, GSS_MECH_NTLM },
	  4 },
	{ "FreeRDP 3", OIDS(U2U KRB5 NTLM), { GSS_MECH_USER_TO_USER, GSS_MECH_KRB5, GSS_MECH_NTLM }, 3 },
	{ "mstsc with Entra", OIDS(NEGOEX NTLM), { GSS_MECH_NEGOEX, GSS_MECH_NTLM }, 2 },
	{ "IAKERB first", OIDS(IAKERB KRB5), { GSS_MECH_UNKNOWN, GSS_MECH_KRB5 }, 2 },
	{ "unknown mechanisms only", OIDS(IAKERB "\x06\x01\x2a\x06\x00"), { GSS_MECH_UNKNOWN }, 3 },
	{ "SPNEGO inside SPNEGO", OIDS(SPNEGO), { GSS_MECH_SPNEGO }, 1 },
	{ "the same one again and again",
	  OIDS(KRB5 KRB5 KRB5 KRB5),
	  { GSS_MECH_KRB5, GSS_MECH_KRB5, GSS_MECH_KRB5, GSS_MECH_KRB5 },
	  4 },
};

static void assert_mechs(const struct init_row *row, struct view mech_types)
{
	struct der list = spnego_mech_list(mech_types);
	struct view oid;
	size_t n = 0;

	for (; spnego_mech_next(&list, &oid); n++)
		if (n >= row->n_mechs || gss_mech_of(oid) != row->mechs[n])
			fail_msg("%s: mechanism %zu", row->name, n);
	if (n != row->n_mechs)
		fail_msg("%s: %zu mechanisms", row->name, n);
}

/* Each list framed and not, with and without what may follow it. */
static void test_inits(void **state)
{
	for (size_t i = 0; i < sizeof inits / sizeof *inits; i++) {
		for (unsigned with = 0; with < 16; with++) {
			struct buf init = init_token(buf_copy(inits[i].oids, inits[i].oids_len),
						     with & 1 ? LIT("\x03\x02\x01\x06") : NONE,
						     with & 2 ? LIT("a token") : NONE, with & 4 ? LIT("mic") : NONE);
			struct buf token AUTO_BUF = with & 8 ? FRAMED(SPNEGO, init) : init;
			struct spnego_init read;

			assert_int_equal(gss_token_kind(view_of(&token)), GSS_TOKEN_SPNEGO_INIT);
			assert_int_equal(spnego_init_read(view_of(&token), &read), 0);
			assert_mechs(&inits[i], read.mech_types);
			assert_int_equal(read.mech_token.p ? read.mech_token.len : 0, with & 2 ? 7 : 0);
			assert_int_equal(read.mech_list_mic.p ? read.mech_list_mic.len : 0, with & 4 ? 3 : 0);
		}
	}
}

/* NegTokenInit2: negHints as [3], the mechListMIC as [4]. */
static void test_init2(void **state)
{
	for (unsigned with = 0; with < 4; with++) {
		struct buf hints =
		    context(3, sequence(context(0, tlv(0x1b, LIT("not_defined_in_RFC4178@please_ignore")))));
		struct buf mic = context(4, octets(LIT("mic")));
		struct buf token AUTO_BUF = context(
		    0, sequence(JOIN(context(0, sequence(LIT(NTLM))), with & 1 ? hints : NONE, with & 2 ? mic : NONE)));
		struct spnego_init read;

		if (!(with & 1))
			buf_free(&hints);
		if (!(with & 2))
			buf_free(&mic);
		assert_int_equal(spnego_init_read(view_of(&token), &read), 0);
		assert_int_equal(read.mech_list_mic.p != NULL, (with & 2) != 0);
	}
}

static struct buf good_init(void)
{
	return FRAMED(SPNEGO, init_token(LIT(KRB5 NTLM), LIT("\x03\x02\x01\x06"), LIT("a token"), LIT("mic")));
}

static void assert_init_refused(const char *name, const struct buf *token)
{
	struct spnego_init read, before;

	memset(&before, 0x5a, sizeof before);
	memcpy(&read, &before, sizeof read);
	if (spnego_init_read(view_of(token), &read) != -EPROTO)
		fail_msg("%s", name);
	assert_memory_equal(&read, &before, sizeof read);
}

static void test_init_truncated(void **state)
{
	struct buf good AUTO_BUF = good_init();

	for (size_t n = 0; n < good.len; n++) {
		struct buf part AUTO_BUF = buf_copy(good.p, n);

		assert_init_refused("truncated", &part);
	}
}

static void test_init_refused(void **state)
{
	struct buf row[] = {
		LIT(""),
		LIT("\xa0\x00"),
		LIT("\xa0\x02\x30\x00"),
		LIT("\xa0\x04\x30\x02\xa0\x00"),
		/* a NegTokenResp */
		resp_token(LIT(KRB5), LIT("x"), NONE),
		/* mechTypes that are not in a SEQUENCE, or no OIDs */
		context(0, sequence(context(0, LIT(KRB5)))),
		context(0, sequence(context(0, sequence(LIT("\x04\x01x"))))),
		context(0, sequence(context(0, sequence(LIT(KRB5 "\x02\x01\x01"))))),
		context(0, sequence(context(0, sequence(LIT(KRB5 "\x06"))))),
		context(0, sequence(context(0, sequence(LIT(KRB5 "\x06\x0a\x2a"))))),
		/* an octet more in [0], and two lists */
		context(0, sequence(context(0, JOIN(sequence(LIT(KRB5)), LIT("\0"))))),
		context(0, sequence(context(0, JOIN(sequence(LIT(KRB5)), sequence(LIT(NTLM)))))),
		/* behind the sequence, and behind the choice */
		context(0, JOIN(sequence(context(0, sequence(LIT(KRB5)))), LIT("\0"))),
		FRAMED(SPNEGO, JOIN(init_token(LIT(KRB5), NONE, NONE, NONE), LIT("\0"))),
		/* mechToken that is no OCTET STRING, or more than one */
		context(0, sequence(JOIN(context(0, sequence(LIT(KRB5))), context(2, LIT(KRB5))))),
		context(0, sequence(JOIN(context(0, sequence(LIT(KRB5))),
					 context(2, JOIN(octets(LIT("a")), octets(LIT("b"))))))),
		/* no OID in the frame */
		tlv(0x60, init_token(LIT(KRB5), NONE, NONE, NONE)),
		/* no mechanism */
		context(0, sequence(context(0, sequence(NONE)))),
		/* [3] twice, and a field that there is not */
		context(0, sequence(JOIN(context(0, sequence(LIT(KRB5))), context(3, octets(LIT("a"))),
					 context(3, octets(LIT("a")))))),
		context(0, sequence(JOIN(context(0, sequence(LIT(KRB5))), context(5, octets(LIT("a")))))),
		/* the list is second */
		context(0, sequence(JOIN(context(2, octets(LIT("a"))), context(0, sequence(LIT(KRB5)))))),
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char name[] = "row xx";

		name[4] = (char)('0' + i / 10);
		name[5] = (char)('0' + i % 10);
		assert_init_refused(name, &row[i]);
		buf_free(&row[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inits),
		cmocka_unit_test(test_init2),
		cmocka_unit_test(test_init_truncated),
		cmocka_unit_test(test_init_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
