/* SPDX-License-Identifier: MIT */
/* Of common/wire/gsstoken.h: names of mechanisms, framing of Kerberos tokens, MIC tokens. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/gsstoken.h"
#include "common/wire/krb5-guard.h"
#include "tests/unit/build.h"

static struct view view_of(const struct buf *b)
{
	return (struct view){ b->p, b->len };
}

#define OID(s) s, sizeof(s) - 1

static const struct {
	const char *oid;
	size_t len;
	enum gss_mech mech;
} mechs[] = {
	{ OID("\x2b\x06\x01\x05\x05\x02"), GSS_MECH_SPNEGO },
	{ OID("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"), GSS_MECH_KRB5 },
	{ OID("\x2a\x86\x48\x82\xf7\x12\x01\x02\x02"), GSS_MECH_MS_KRB5 },
	{ OID("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x03"), GSS_MECH_USER_TO_USER },
	{ OID("\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"), GSS_MECH_NTLM },
	{ OID("\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x1e"), GSS_MECH_NEGOEX },
};
#define N_MECHS (sizeof mechs / sizeof *mechs)

static enum gss_mech known(const struct buf *oid)
{
	for (size_t i = 0; i < N_MECHS; i++)
		if (oid->len == mechs[i].len && memcmp(oid->p, mechs[i].oid, oid->len) == 0)
			return mechs[i].mech;
	return GSS_MECH_UNKNOWN;
}

/* Each, its beginnings, an octet more, and every value of every octet of it. */
static void test_mechs(void **state)
{
	assert_int_equal(N_MECHS, GSS_MECHS_ - 1);
	assert_int_equal(gss_mech_of(VIEW_NULL), GSS_MECH_UNKNOWN);
	for (size_t i = 0; i < N_MECHS; i++) {
		struct view v = gss_mech_oid(mechs[i].mech);

		assert_int_equal(v.len, mechs[i].len);
		assert_memory_equal(v.p, mechs[i].oid, v.len);
		assert_int_equal(gss_mech_of(v), mechs[i].mech);
		for (size_t n = 0; n < v.len; n++) {
			struct buf part AUTO_BUF = buf_copy(v.p, n);

			assert_int_equal(gss_mech_of(view_of(&part)), known(&part));
			for (unsigned o = 0; o < 256; o++) {
				struct buf other AUTO_BUF = buf_copy(v.p, v.len);

				other.p[n] = (uint8_t)o;
				assert_int_equal(gss_mech_of(view_of(&other)), known(&other));
			}
		}
		for (unsigned o = 0; o < 256; o++) {
			uint8_t octet = (uint8_t)o;
			struct buf longer AUTO_BUF = JOIN(buf_copy(v.p, v.len), buf_copy(&octet, 1));

			assert_int_equal(gss_mech_of(view_of(&longer)), known(&longer));
		}
	}
}

/* ---- frames ---- */

static struct buf framed(const char *oid, size_t oid_len, struct buf rest)
{
	return tlv(0x60, JOIN(tlv(0x06, buf_copy(oid, oid_len)), rest));
}

static const uint16_t ids[] = { 0, 1, 0x0100, 0x0200, 0x0300, 0x0400, 0x0401, 0xffff };
static const size_t lens[] = { 0, 1, 100, 112, 113, 114, 115, 116, 127, 128, 239, 240, 241, 242, 243, 255, 256, 16384 };

static void test_frames(void **state)
{
	for (size_t m = 0; m < N_MECHS; m++) {
		for (size_t k = 0; k < sizeof ids / sizeof *ids * (sizeof lens / sizeof *lens); k++) {
			uint16_t want_id = ids[k % (sizeof ids / sizeof *ids)], id = 0;
			const uint8_t tok_id[2] = { (uint8_t)(want_id >> 8), (uint8_t)want_id };
			struct buf message AUTO_BUF = buf_fill(0xcc, lens[k / (sizeof ids / sizeof *ids)]);
			struct buf want AUTO_BUF = framed(mechs[m].oid, mechs[m].len,
							  JOIN(buf_copy(tok_id, 2), buf_copy(message.p, message.len)));
			struct buf out AUTO_BUF = buf_new(want.len), small AUTO_BUF = buf_new(want.len - 1);
			size_t len = 0, ignored = 77;
			enum gss_mech mech = GSS_MECH_UNKNOWN;
			struct view got = VIEW_NULL;

			assert_int_equal(
			    gss_frame_write(mechs[m].mech, want_id, view_of(&message), out.p, out.len, &len), 0);
			assert_int_equal(len, want.len);
			assert_memory_equal(out.p, want.p, len);
			assert_int_equal(gss_frame_read(view_of(&out), &mech, &id, &got), 0);
			assert_int_equal(mech, mechs[m].mech);
			assert_int_equal(id, want_id);
			assert_ptr_equal(got.p, out.p + out.len - message.len);
			assert_int_equal(got.len, message.len);
			assert_int_equal(
			    gss_frame_write(mechs[m].mech, want_id, view_of(&message), small.p, small.len, &ignored),
			    -ENOSPC);
			assert_int_equal(ignored, 77);
		}
	}
}

static void assert_frame_refused(const char *what, struct buf token)
{
	static const uint8_t octet;
	enum gss_mech mech = GSS_MECHS_;
	struct view message = { &octet, 4711 };
	uint16_t id = 0x5a5a;

	if (gss_frame_read(view_of(&token), &mech, &id, &message) != -EPROTO)
		fail_msg("taken: %s", what);
	assert_int_equal(mech, GSS_MECHS_);
	assert_int_equal(id, 0x5a5a);
	assert_ptr_equal(message.p, &octet);
	assert_int_equal(message.len, 4711);
	buf_free(&token);
}

static void test_frame_refused(void **state)
{
	struct buf good AUTO_BUF = framed(OID("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"), LIT("\x01\x00\x6e\x00"));
	const struct buf *g = &good;

	for (size_t n = 0; n < good.len; n++)
		assert_frame_refused("cut", buf_copy(good.p, n));
	assert_frame_refused("behind it", JOIN(buf_copy(g->p, g->len), LIT("\0")));
	assert_frame_refused("no TOK_ID", framed("\x2a", 1, buf_new(0)));
	assert_frame_refused("half a TOK_ID", framed("\x2a", 1, LIT("\x01")));
	assert_frame_refused("no mechanism", tlv(0x60, LIT("\x01\x00\x6e\x00")));
	assert_frame_refused("an empty frame", LIT("\x60\0"));
	/* tags and lengths */
	for (size_t at = 0; at < 4; at++) {
		for (unsigned v = 0; v < 256; v++) {
			struct buf m = buf_copy(g->p, g->len);

			m.p[at] = (uint8_t)v;
			/* a mechanism of another length leaves another message */
			if (v == g->p[at] || (at == 3 && v <= 11))
				buf_free(&m);
			else
				assert_frame_refused("another octet", m);
		}
	}
}

/* An unknown mechanism does not make a frame malformed. */
static void test_frame_unknown(void **state)
{
	struct buf token AUTO_BUF = framed("", 0, LIT("\x01\x02"));
	enum gss_mech mech = GSS_MECHS_;
	struct view message;
	uint16_t id;

	assert_int_equal(gss_frame_read(view_of(&token), &mech, &id, &message), 0);
	assert_int_equal(mech, GSS_MECH_UNKNOWN);
	assert_int_equal(id, 0x0102);
	assert_int_equal(message.len, 0);
	assert_non_null(message.p);
}

/* ---- MIC tokens ---- */

static void test_mic(void **state)
{
	static const uint8_t header[8] = { 4, 4, 4, 0xff, 0xff, 0xff, 0xff, 0xff };

	for (size_t n = 0; n <= 100; n++) {
		struct buf t AUTO_BUF = buf_fill(0xcc, n);

		memcpy(t.p, header, n < sizeof header ? n : sizeof header);
		/* the shortest checksum, that of AES-SHA1, has 12 octets */
		assert_int_equal(krb5_mic_guard(view_of(&t)), n < 16 + 12 ? -EPROTO : 0);
	}
	/* the sequence number and the checksum are free, the rest is not */
	for (size_t at = 0; at < 16 + 12; at++) {
		for (unsigned v = 0; v < 256; v++) {
			struct buf t AUTO_BUF = buf_fill(0xcc, 16 + 12);

			memcpy(t.p, header, sizeof header);
			t.p[at] = (uint8_t)v;
			if (krb5_mic_guard(view_of(&t)) != (at >= 8 || v == header[at] ? 0 : -EPROTO))
				fail_msg("octet %zu as %02x", at, v);
		}
	}
	assert_int_equal(krb5_mic_guard(VIEW_NULL), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mechs),         cmocka_unit_test(test_frames),
		cmocka_unit_test(test_frame_refused), cmocka_unit_test(test_frame_unknown),
		cmocka_unit_test(test_mic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
