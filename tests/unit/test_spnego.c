/* SPDX-License-Identifier: MIT */
/* NegTokenResp, and NegTokenInit as it is written; test_spnego_init reads NegTokenInit. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/spnego.h"
#include "tests/unit/build.h"

/* with tag and length */
#define SPNEGO "\x06\x06\x2b\x06\x01\x05\x05\x02"
#define KRB5 "\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"
#define MS_KRB5 "\x06\x09\x2a\x86\x48\x82\xf7\x12\x01\x02\x02"
#define U2U "\x06\x0a\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x03"
#define NTLM "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"
#define NEGOEX "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x1e"

#define NONE buf_new(0)

static struct view view_of(const struct buf *b)
{
	return (struct view){ b->p, b->len };
}

static void assert_view(struct view v, const char *want, size_t len)
{
	assert_non_null(v.p);
	assert_int_equal(v.len, len);
	assert_memory_equal(v.p, want, len);
}
#define ASSERT_VIEW(v, s) assert_view(v, s, sizeof(s) - 1)

static struct buf bare_init(struct buf mechanisms, struct buf token)
{
	return context(0,
		       sequence(JOIN(context(0, sequence(mechanisms)), token.len ? context(2, octets(token)) : token)));
}

static struct buf framed(struct buf rest)
{
	return tlv(0x60, JOIN(LIT(SPNEGO), rest));
}

/* ---- NegTokenInit: what a MIC is computed over, and what is echoed ---- */

static void test_init_list(void **state)
{
	for (unsigned with = 0; with < 2; with++) {
		struct buf init = bare_init(LIT(MS_KRB5 KRB5 NEGOEX NTLM), LIT("token"));
		struct buf token AUTO_BUF = with ? framed(init) : init;
		struct spnego_init i;

		assert_int_equal(spnego_init_read(view_of(&token), &i), 0);
		ASSERT_VIEW(i.mech_types, "\x30\x2e" MS_KRB5 KRB5 NEGOEX NTLM);
		ASSERT_VIEW(i.mech_token, "token");
	}
}

/* The list is used as it stands there, lengths that are longer than they must be included. */
static void test_init_list_as_it_stands(void **state)
{
	struct buf token AUTO_BUF = framed(
	    context(0, sequence(tlv_long(2, 0xa0, tlv_long(3, 0x30, JOIN(LIT(U2U), tlv_long(1, 6, LIT("\x2a"))))))));
	struct spnego_init i;

	assert_int_equal(spnego_init_read(view_of(&token), &i), 0);
	ASSERT_VIEW(i.mech_types, "\x30\x83\0\0\x10" U2U "\x06\x81\x01\x2a");
	assert_null(i.mech_token.p);
}

static void assert_init_refused(const char *what, struct buf token)
{
	struct spnego_init i, before;

	memset(&before, 0x5a, sizeof before);
	memcpy(&i, &before, sizeof i);
	if (spnego_init_read(view_of(&token), &i) != -EPROTO)
		fail_msg("taken: %s", what);
	assert_memory_equal(&i, &before, sizeof i);
	buf_free(&token);
}

static void test_init_refused(void **state)
{
	struct buf good AUTO_BUF = framed(bare_init(LIT(KRB5), LIT("token")));
	struct buf bare AUTO_BUF = bare_init(LIT(KRB5), LIT("token"));

	for (size_t n = 0; n < good.len; n++)
		assert_init_refused("cut", buf_copy(good.p, n));
	for (size_t n = 0; n < bare.len; n++)
		assert_init_refused("cut", buf_copy(bare.p, n));
	assert_init_refused("behind the frame", JOIN(buf_copy(good.p, good.len), LIT("\0")));
	assert_init_refused("twice", JOIN(buf_copy(good.p, good.len), buf_copy(good.p, good.len)));
	assert_init_refused("behind one without frame", JOIN(buf_copy(bare.p, bare.len), LIT("\0")));
	assert_init_refused("behind it in the frame", framed(JOIN(buf_copy(bare.p, bare.len), LIT("\0"))));
	assert_init_refused("in a frame of Kerberos", tlv(0x60, JOIN(LIT(KRB5), buf_copy(bare.p, bare.len))));
	assert_init_refused("in two frames", framed(buf_copy(good.p, good.len)));
	assert_init_refused("[1]", framed(context(1, sequence(context(0, sequence(LIT(KRB5)))))));
}

/* Every value of each octet that is a tag, a length or SPNEGO's own name. */
static void test_init_octets(void **state)
{
	static const uint8_t fixed[] = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
					 12, 13, 14, 15, 16, 17, 18, 29, 30, 31, 32 };
	struct buf good AUTO_BUF = framed(bare_init(LIT(KRB5), LIT("token")));

	assert_int_equal(good.p[29], 0xa2);
	assert_int_equal(good.len, 33 + 5);
	for (size_t n = 0; n < sizeof fixed; n++) {
		for (unsigned v = 0; v < 256; v++) {
			struct spnego_init i;
			struct buf m AUTO_BUF = buf_copy(good.p, good.len);
			int r;

			m.p[fixed[n]] = (uint8_t)v;
			r = spnego_init_read(view_of(&m), &i);
			/* another context than [2] is mechListMIC or what is GSSAPI's to judge: then there is no token
			 */
			if (fixed[n] == 29 && v != 0xa2 && r == 0)
				assert_null(i.mech_token.p);
			else if (r != (v == good.p[fixed[n]] ? 0 : -EPROTO))
				fail_msg("octet %u as %02x", fixed[n], v);
		}
	}
}

static const struct {
	enum gss_mech mechs[6];
	size_t n;
	const char *list;
	size_t len;
} lists[] = {
	{ { GSS_MECH_MS_KRB5, GSS_MECH_KRB5, GSS_MECH_NEGOEX, GSS_MECH_NTLM },
	  4,
	  "\x30\x2e" MS_KRB5 KRB5 NEGOEX NTLM,
	  48 },
	{ { GSS_MECH_USER_TO_USER, GSS_MECH_KRB5, GSS_MECH_NTLM }, 3, "\x30\x23" U2U KRB5 NTLM, 37 },
	{ { GSS_MECH_SPNEGO }, 1, "\x30\x08" SPNEGO, 10 },
};

static void test_init_written(void **state)
{
	static const size_t token_len[] = { 0, 1, 80, 127, 128, 255, 256, 3000 };

	for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
		for (size_t t = 0; t < sizeof token_len / sizeof *token_len; t++) {
			struct buf token AUTO_BUF = buf_fill('t', token_len[t]);
			struct buf list = context(0, buf_copy(lists[l].list, lists[l].len));
			struct buf want AUTO_BUF =
			    framed(context(0, sequence(JOIN(list, context(2, octets(buf_copy(token.p, token.len)))))));
			struct buf out AUTO_BUF = buf_new(want.len), small AUTO_BUF = buf_new(want.len - 1);
			size_t len, ignored = 77;
			struct spnego_init i;

			assert_int_equal(
			    spnego_init_write(lists[l].mechs, lists[l].n, view_of(&token), out.p, out.len, &len), 0);
			assert_int_equal(len, want.len);
			assert_memory_equal(out.p, want.p, len);
			assert_int_equal(spnego_init_read(view_of(&out), &i), 0);
			assert_view(i.mech_types, lists[l].list, lists[l].len);
			assert_int_equal(i.mech_token.len, token.len);
			assert_int_equal(spnego_init_write(lists[l].mechs, lists[l].n, view_of(&token), small.p,
							   small.len, &ignored),
					 -ENOSPC);
			assert_int_equal(ignored, 77);
		}
	}
}

static void test_init_written_without_token(void **state)
{
	static const enum gss_mech mech = GSS_MECH_KRB5;
	struct buf want AUTO_BUF = framed(bare_init(LIT(KRB5), NONE));
	uint8_t out[64];
	size_t len;

	assert_int_equal(spnego_init_write(&mech, 1, VIEW_NULL, out, sizeof out, &len), 0);
	assert_int_equal(len, want.len);
	assert_memory_equal(out, want.p, len);
}

/* ---- NegTokenResp ---- */

/* Bits of @with: which fields there are. */
static struct buf resp(unsigned with, struct buf token, struct buf mic)
{
	struct buf fields =
	    JOIN(with & 1 ? context(0, tlv(0x0a, LIT("\x01"))) : NONE, with & 2 ? context(1, LIT(MS_KRB5)) : NONE,
		 with & 4 ? context(2, octets(token)) : token, with & 8 ? context(3, octets(mic)) : mic);

	return context(1, sequence(fields));
}

/* Every set of fields, read, written and the same again. */
static void test_resps(void **state)
{
	for (unsigned with = 0; with < 16; with++) {
		struct buf token AUTO_BUF = resp(with, with & 4 ? LIT("token") : NONE, with & 8 ? LIT("mic") : NONE);
		struct buf out AUTO_BUF = buf_new(token.len);
		struct spnego_resp r;
		size_t len, ignored = 77;

		memset(&r, 0x5a, sizeof r);
		assert_int_equal(spnego_resp_read(view_of(&token), &r), 0);
		assert_int_equal(r.state, with & 1 ? SPNEGO_ACCEPT_INCOMPLETE : SPNEGO_NO_STATE);
		assert_int_equal(gss_mech_of(r.supported_mech), with & 2 ? GSS_MECH_MS_KRB5 : GSS_MECH_UNKNOWN);
		assert_true((r.supported_mech.p != NULL) == !!(with & 2));
		assert_true((r.response_token.p != NULL) == !!(with & 4));
		assert_true((r.mech_list_mic.p != NULL) == !!(with & 8));
		if (with & 4)
			ASSERT_VIEW(r.response_token, "token");
		if (with & 8)
			ASSERT_VIEW(r.mech_list_mic, "mic");
		assert_int_equal(spnego_resp_write(&r, out.p, out.len, &len), 0);
		assert_int_equal(len, token.len);
		assert_memory_equal(out.p, token.p, len);
		for (size_t room = 0; room < len; room++) {
			struct buf small AUTO_BUF = buf_new(room);

			assert_int_equal(spnego_resp_write(&r, small.p, room, &ignored), -ENOSPC);
		}
		assert_int_equal(ignored, 77);
	}
}

/* What is there and empty is not the same as what is absent. */
static void test_resp_empty_fields(void **state)
{
	struct buf token AUTO_BUF = resp(4 | 8, NONE, NONE);
	struct spnego_resp r;
	uint8_t out[64];
	size_t len;

	assert_int_equal(spnego_resp_read(view_of(&token), &r), 0);
	ASSERT_VIEW(r.response_token, "");
	ASSERT_VIEW(r.mech_list_mic, "");
	assert_int_equal(spnego_resp_write(&r, out, sizeof out, &len), 0);
	assert_int_equal(len, token.len);
	assert_memory_equal(out, token.p, len);
}

static void test_resp_states(void **state)
{
	for (unsigned v = 0; v < 256; v++) {
		uint8_t octet = (uint8_t)v;
		struct buf token AUTO_BUF = context(1, sequence(context(0, tlv(0x0a, buf_copy(&octet, 1)))));
		struct spnego_resp r = { .state = SPNEGO_NO_STATE };

		assert_int_equal(spnego_resp_read(view_of(&token), &r), v <= SPNEGO_REQUEST_MIC ? 0 : -EPROTO);
		assert_int_equal(r.state, v <= SPNEGO_REQUEST_MIC ? (int)v : SPNEGO_NO_STATE);
	}
}

static void test_resp_lengths(void **state)
{
	static const size_t lens[] = { 1, 100, 127, 128, 255, 256, 16384, 65000 };

	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		struct buf token AUTO_BUF = resp(15, buf_fill('t', lens[i]), buf_fill('m', lens[i]));
		struct buf out AUTO_BUF = buf_new(token.len);
		struct spnego_resp r;
		size_t len;

		assert_int_equal(spnego_resp_read(view_of(&token), &r), 0);
		assert_int_equal(r.response_token.len, lens[i]);
		assert_int_equal(r.mech_list_mic.len, lens[i]);
		assert_int_equal(spnego_resp_write(&r, out.p, out.len, &len), 0);
		assert_int_equal(len, token.len);
		assert_memory_equal(out.p, token.p, len);
	}
}

static void assert_resp_refused(const char *what, struct buf token)
{
	struct spnego_resp r, before;

	memset(&before, 0x5a, sizeof before);
	memcpy(&r, &before, sizeof r);
	if (spnego_resp_read(view_of(&token), &r) != -EPROTO)
		fail_msg("taken: %s", what);
	assert_memory_equal(&r, &before, sizeof r);
	buf_free(&token);
}

static void test_resp_refused(void **state)
{
	struct buf good AUTO_BUF = resp(15, LIT("token"), LIT("mic"));
	const struct buf *g = &good;

	for (size_t n = 0; n < good.len; n++)
		assert_resp_refused("cut", buf_copy(good.p, n));
	assert_resp_refused("behind it", JOIN(buf_copy(g->p, g->len), LIT("\0")));
	assert_resp_refused("twice", JOIN(buf_copy(g->p, g->len), buf_copy(g->p, g->len)));
	assert_resp_refused("framed", framed(buf_copy(g->p, g->len)));
	assert_resp_refused("NegTokenInit", bare_init(LIT(KRB5), LIT("token")));
	assert_resp_refused("[2]", context(2, sequence(NONE)));
	assert_resp_refused("behind the SEQUENCE", context(1, JOIN(sequence(NONE), LIT("\0"))));
	assert_resp_refused("no SEQUENCE", context(1, LIT("\xa0\x03\x0a\x01\x01")));
	assert_resp_refused("[4]", context(1, sequence(context(4, octets(LIT("x"))))));
	assert_resp_refused("state of two octets", context(1, sequence(context(0, LIT("\x0a\x02\0\x01")))));
	assert_resp_refused("empty state", context(1, sequence(context(0, LIT("\x0a\0")))));
	assert_resp_refused("state as INTEGER", context(1, sequence(context(0, LIT("\x02\x01\x01")))));
	assert_resp_refused("two states in one", context(1, sequence(context(0, LIT("\x0a\x01\x01\x0a\x01\x01")))));
	assert_resp_refused("two states", context(1, sequence(LIT("\xa0\x03\x0a\x01\x01\xa0\x03\x0a\x01\x01"))));
	assert_resp_refused("nothing in [0]", context(1, sequence(context(0, NONE))));
	assert_resp_refused("mechanism as OCTET STRING", context(1, sequence(context(1, octets(LIT("x"))))));
	assert_resp_refused("two mechanisms", context(1, sequence(context(1, LIT(KRB5 KRB5)))));
	assert_resp_refused("nothing in [1]", context(1, sequence(context(1, NONE))));
	assert_resp_refused("nothing in [2]", context(1, sequence(context(2, NONE))));
	assert_resp_refused("token as SEQUENCE", context(1, sequence(context(2, sequence(LIT(""))))));
	assert_resp_refused("two tokens in one", context(1, sequence(context(2, LIT("\4\1a\4\1b")))));
	assert_resp_refused("two tokens",
			    context(1, sequence(JOIN(context(2, LIT("\4\1a")), context(2, LIT("\4\1b"))))));
	assert_resp_refused("nothing in [3]", context(1, sequence(context(3, NONE))));
	assert_resp_refused("MIC before token",
			    context(1, sequence(JOIN(context(3, LIT("\4\1a")), context(2, LIT("\4\1b"))))));
	assert_resp_refused("state last",
			    context(1, sequence(JOIN(context(2, LIT("\4\1a")), context(0, LIT("\x0a\x01\x01"))))));
}

/* Every value of every octet: only the state and the contents of the other fields are free. */
static void test_resp_octets(void **state)
{
	struct buf good AUTO_BUF = resp(15, LIT("token"), LIT("mic"));
	unsigned taken = 0;

	for (size_t at = 0; at < good.len; at++) {
		for (unsigned v = 0; v < 256; v++) {
			struct buf m AUTO_BUF = buf_copy(good.p, good.len);
			struct spnego_resp r;

			m.p[at] = (uint8_t)v;
			if (v == good.p[at] || spnego_resp_read(view_of(&m), &r) < 0)
				continue;
			taken++;
			assert_int_equal(r.supported_mech.len, 9);
			assert_int_equal(r.response_token.len, 5);
			assert_int_equal(r.mech_list_mic.len, 3);
		}
	}
	assert_int_equal(taken, 3 + (9 + 5 + 3) * 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init_list),    cmocka_unit_test(test_init_list_as_it_stands),
		cmocka_unit_test(test_init_refused), cmocka_unit_test(test_init_octets),
		cmocka_unit_test(test_init_written), cmocka_unit_test(test_init_written_without_token),
		cmocka_unit_test(test_resps),        cmocka_unit_test(test_resp_empty_fields),
		cmocka_unit_test(test_resp_states),  cmocka_unit_test(test_resp_lengths),
		cmocka_unit_test(test_resp_refused), cmocka_unit_test(test_resp_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
