/* SPDX-License-Identifier: MIT */
/* TSRequest against MS-CSSP 2.2.1 and what real clients make of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>

#include "common/wire/tsrequest.h"
#include "tests/unit/build.h"

#define NONCE "0123456789abcdefghijklmnopqrstuv"
#define N_NONCE "\xa5\x22\x04\x20" NONCE
#define V(s) ((struct view){ (const uint8_t *)(s), sizeof(s) - 1 })

/* Reads a copy that ends where the message ends. */
static int read_copy(const void *p, size_t len, struct tsrequest *ret_, struct buf *ret_copy)
{
	*ret_copy = buf_copy(p, len);
	return tsrequest_read(ret_copy->p, len, ret_);
}

static void assert_refused(const char *name, const void *p, size_t len, int expected)
{
	struct tsrequest t, before;
	struct buf copy AUTO_BUF;
	int r;

	memset(&before, 0x5a, sizeof before);
	memcpy(&t, &before, sizeof t);
	r = read_copy(p, len, &t, &copy);
	if (r != expected)
		fail_msg("%s: %d instead of %d", name, r, expected);
	assert_memory_equal(&t, &before, sizeof t);
}

static bool view_is(struct view a, struct view b)
{
	return (a.p == NULL) == (b.p == NULL) && a.len == b.len && (!a.len || memcmp(a.p, b.p, a.len) == 0);
}

static void assert_same(const char *name, const struct tsrequest *a, const struct tsrequest *b)
{
	if (a->version != b->version || a->has_error_code != b->has_error_code || a->error_code != b->error_code)
		fail_msg("%s: version %u, errorCode %d %08x", name, a->version, a->has_error_code, a->error_code);
	if (!view_is(a->nego_token, b->nego_token) || !view_is(a->auth_info, b->auth_info) ||
	    !view_is(a->pub_key_auth, b->pub_key_auth) || !view_is(a->client_nonce, b->client_nonce))
		fail_msg("%s: other contents", name);
}

/* ---- reading ---- */

#define MESSAGE(s) s, sizeof(s) - 1

static const struct accepted {
	const char *name;
	const char *p;
	size_t len;
	struct tsrequest t;
} accepted[] = {
	{ "version alone", MESSAGE("\x30\x05\xa0\x03\x02\x01\x06"), { .version = 6 } },
	{ "version 2", MESSAGE("\x30\x05\xa0\x03\x02\x01\x02"), { .version = 2 } },
	{ "version 7", MESSAGE("\x30\x05\xa0\x03\x02\x01\x07"), { .version = 7 } },
	{ "version 127", MESSAGE("\x30\x05\xa0\x03\x02\x01\x7f"), { .version = 127 } },
	{ "version 128", MESSAGE("\x30\x06\xa0\x04\x02\x02\x00\x80"), { .version = 128 } },
	{ "version 2^31 - 1", MESSAGE("\x30\x08\xa0\x06\x02\x04\x7f\xff\xff\xff"), { .version = 0x7fffffff } },
	{ "version 2^32 - 1", MESSAGE("\x30\x09\xa0\x07\x02\x05\x00\xff\xff\xff\xff"), { .version = 0xffffffff } },
	{ "negoToken",
	  MESSAGE("\x30\x12\xa0\x03\x02\x01\x06\xa1\x0b\x30\x09\x30\x07\xa0\x05\x04\x03"
		  "abc"),
	  { .version = 6, .nego_token = V("abc") } },
	{ "negoToken, empty",
	  MESSAGE("\x30\x0f\xa0\x03\x02\x01\x06\xa1\x08\x30\x06\x30\x04\xa0\x02\x04\x00"),
	  { .version = 6, .nego_token = V("") } },
	{ "authInfo",
	  MESSAGE("\x30\x0b\xa0\x03\x02\x01\x05\xa2\x04\x04\x02hi"),
	  { .version = 5, .auth_info = V("hi") } },
	{ "pubKeyAuth",
	  MESSAGE("\x30\x0b\xa0\x03\x02\x01\x02\xa3\x04\x04\x02hi"),
	  { .version = 2, .pub_key_auth = V("hi") } },
	{ "errorCode, four octets",
	  MESSAGE("\x30\x0d\xa0\x03\x02\x01\x03\xa4\x06\x02\x04\xc0\x00\x00\x6d"),
	  { .version = 3, .has_error_code = true, .error_code = 0xc000006d } },
	{ "errorCode, five octets",
	  MESSAGE("\x30\x0e\xa0\x03\x02\x01\x03\xa4\x07\x02\x05\x00\xc0\x00\x00\x6d"),
	  { .version = 3, .has_error_code = true, .error_code = 0xc000006d } },
	{ "errorCode 0",
	  MESSAGE("\x30\x0a\xa0\x03\x02\x01\x04\xa4\x03\x02\x01\x00"),
	  { .version = 4, .has_error_code = true } },
	{ "errorCode -1",
	  MESSAGE("\x30\x0a\xa0\x03\x02\x01\x04\xa4\x03\x02\x01\xff"),
	  { .version = 4, .has_error_code = true, .error_code = 0xffffffff } },
	{ "clientNonce", MESSAGE("\x30\x29\xa0\x03\x02\x01\x06" N_NONCE), { .version = 6, .client_nonce = V(NONCE) } },
	{ "the lengths of rdesktop",
	  MESSAGE("\x30\x82\x00\x1e\xa0\x82\x00\x05\x02\x82\x00\x01\x02\xa1\x82\x00\x11\x30\x81\x0e\x30\x84\x00\x00\x00"
		  "\x08\xa0\x06\x04\x83\x00\x00\x01"
		  "x"),
	  { .version = 2, .nego_token = V("x") } },
};

static void test_accepted(void **state)
{
	for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
		const struct accepted *a = &accepted[i];
		struct buf copy AUTO_BUF;
		struct tsrequest t;
		size_t total = 0;
		int r = read_copy(a->p, a->len, &t, &copy);

		if (r)
			fail_msg("%s: %d", a->name, r);
		assert_same(a->name, &t, &a->t);
		assert_int_equal(tsrequest_frame(copy.p, copy.len, &total), 1);
		assert_int_equal(total, a->len);
	}
}

static const struct {
	const char *name;
	const char *p;
	size_t len;
} refused[] = {
	{ "nothing", MESSAGE("") },
	{ "an empty SEQUENCE", MESSAGE("\x30\x00") },
	{ "no version", MESSAGE("\x30\x06\xa2\x04\x04\x02hi") },
	{ "an empty version field", MESSAGE("\x30\x02\xa0\x00") },
	{ "version of no octets", MESSAGE("\x30\x04\xa0\x02\x02\x00") },
	{ "version 0", MESSAGE("\x30\x05\xa0\x03\x02\x01\x00") },
	{ "version 1", MESSAGE("\x30\x05\xa0\x03\x02\x01\x01") },
	{ "version -1", MESSAGE("\x30\x05\xa0\x03\x02\x01\xff") },
	{ "version -2^31", MESSAGE("\x30\x08\xa0\x06\x02\x04\x80\x00\x00\x00") },
	{ "version 2^32", MESSAGE("\x30\x09\xa0\x07\x02\x05\x01\x00\x00\x00\x00") },
	{ "version of six octets", MESSAGE("\x30\x0a\xa0\x08\x02\x06\x00\x00\x00\x00\x00\x06") },
	{ "version with a leading zero", MESSAGE("\x30\x06\xa0\x04\x02\x02\x00\x06") },
	{ "version with three leading zeros", MESSAGE("\x30\x08\xa0\x06\x02\x04\x00\x00\x00\x06") },
	{ "version as OCTET STRING", MESSAGE("\x30\x05\xa0\x03\x04\x01\x06") },
	{ "version as ENUMERATED", MESSAGE("\x30\x05\xa0\x03\x0a\x01\x06") },
	{ "version, implicit", MESSAGE("\x30\x03\x80\x01\x06") },
	{ "version, not tagged", MESSAGE("\x30\x03\x02\x01\x06") },
	{ "two versions in one field", MESSAGE("\x30\x08\xa0\x06\x02\x01\x06\x02\x01\x06") },
	{ "version twice", MESSAGE("\x30\x0a\xa0\x03\x02\x01\x06\xa0\x03\x02\x01\x06") },
	{ "a SET", MESSAGE("\x31\x05\xa0\x03\x02\x01\x06") },
	{ "indefinite length", MESSAGE("\x30\x80\xa0\x03\x02\x01\x06\x00\x00") },
	{ "indefinite length inside", MESSAGE("\x30\x07\xa0\x80\x02\x01\x06\x00\x00") },
	{ "five octets of length", MESSAGE("\x30\x85\x00\x00\x00\x00\x05\xa0\x03\x02\x01\x06") },
	{ "five octets of length inside", MESSAGE("\x30\x0a\xa0\x85\x00\x00\x00\x00\x03\x02\x01\x06") },
	{ "the reserved length", MESSAGE("\x30\xff\xa0\x03\x02\x01\x06") },
	{ "a length that would wrap", MESSAGE("\x30\x84\xff\xff\xff\xff\xa0\x03\x02\x01\x06") },
	{ "a length that would wrap inside", MESSAGE("\x30\x0b\xa0\x03\x02\x01\x06\xa2\x84\xff\xff\xff\xfe") },
	{ "an octet behind the message", MESSAGE("\x30\x05\xa0\x03\x02\x01\x06\x00") },
	{ "an octet behind the fields", MESSAGE("\x30\x06\xa0\x03\x02\x01\x06\x00") },
	{ "an octet behind the version", MESSAGE("\x30\x06\xa0\x04\x02\x01\x06\x00") },
	{ "an octet behind authInfo", MESSAGE("\x30\x0a\xa0\x03\x02\x01\x06\xa2\x03\x04\x00\x00") },
	{ "end-of-contents behind the fields", MESSAGE("\x30\x07\xa0\x03\x02\x01\x06\x00\x00") },
	{ "no negoToken in the list", MESSAGE("\x30\x09\xa0\x03\x02\x01\x06\xa1\x02\x30\x00") },
	{ "an empty negoTokens field", MESSAGE("\x30\x07\xa0\x03\x02\x01\x06\xa1\x00") },
	{ "an empty NegoData", MESSAGE("\x30\x0b\xa0\x03\x02\x01\x06\xa1\x04\x30\x02\x30\x00") },
	{ "an empty negoToken field", MESSAGE("\x30\x0d\xa0\x03\x02\x01\x06\xa1\x06\x30\x04\x30\x02\xa0\x00") },
	{ "a negoToken without the list", MESSAGE("\x30\x0d\xa0\x03\x02\x01\x06\xa1\x06\x30\x04\xa0\x02\x04\x00") },
	{ "negoToken as [1]", MESSAGE("\x30\x0f\xa0\x03\x02\x01\x06\xa1\x08\x30\x06\x30\x04\xa1\x02\x04\x00") },
	{ "negoToken not tagged", MESSAGE("\x30\x0d\xa0\x03\x02\x01\x06\xa1\x06\x30\x04\x30\x02\x04\x00") },
	{ "two negoTokens",
	  MESSAGE("\x30\x15\xa0\x03\x02\x01\x06\xa1\x0e\x30\x0c\x30\x04\xa0\x02\x04\x00\x30\x04\xa0\x02\x04\x00") },
	{ "two tokens in one NegoData",
	  MESSAGE("\x30\x13\xa0\x03\x02\x01\x06\xa1\x0c\x30\x0a\x30\x08\xa0\x02\x04\x00\xa0\x02\x04\x00") },
	{ "an empty authInfo field", MESSAGE("\x30\x07\xa0\x03\x02\x01\x06\xa2\x00") },
	{ "authInfo as UTF8String", MESSAGE("\x30\x0b\xa0\x03\x02\x01\x06\xa2\x04\x0c\x02hi") },
	{ "authInfo, implicit", MESSAGE("\x30\x09\xa0\x03\x02\x01\x06\x82\x02hi") },
	{ "authInfo, constructed", MESSAGE("\x30\x0b\xa0\x03\x02\x01\x06\xa2\x04\x24\x02\x04\x00") },
	{ "authInfo twice", MESSAGE("\x30\x0d\xa0\x03\x02\x01\x06\xa2\x02\x04\x00\xa2\x02\x04\x00") },
	{ "pubKeyAuth before authInfo", MESSAGE("\x30\x0d\xa0\x03\x02\x01\x06\xa3\x02\x04\x00\xa2\x02\x04\x00") },
	{ "authInfo before version", MESSAGE("\x30\x09\xa2\x02\x04\x00\xa0\x03\x02\x01\x06") },
	{ "clientNonce before errorCode", MESSAGE("\x30\x2e\xa0\x03\x02\x01\x06" N_NONCE "\xa4\x03\x02\x01\x00") },
	{ "field [6]", MESSAGE("\x30\x09\xa0\x03\x02\x01\x06\xa6\x02\x04\x00") },
	{ "field [31]", MESSAGE("\x30\x0a\xa0\x03\x02\x01\x06\xbf\x1f\x02\x04\x00") },
	{ "field [0] with a long tag", MESSAGE("\x30\x06\xbf\x00\x03\x02\x01\x06") },
	{ "errorCode of no octets", MESSAGE("\x30\x09\xa0\x03\x02\x01\x06\xa4\x02\x02\x00") },
	{ "errorCode of five octets", MESSAGE("\x30\x0e\xa0\x03\x02\x01\x06\xa4\x07\x02\x05\x01\xc0\x00\x00\x6d") },
	{ "errorCode of six octets", MESSAGE("\x30\x0f\xa0\x03\x02\x01\x06\xa4\x08\x02\x06\x00\x00\xc0\x00\x00\x6d") },
	{ "errorCode as OCTET STRING", MESSAGE("\x30\x0d\xa0\x03\x02\x01\x06\xa4\x06\x04\x04\xc0\x00\x00\x6d") },
	{ "an octet behind errorCode", MESSAGE("\x30\x0b\xa0\x03\x02\x01\x06\xa4\x04\x02\x01\x00\x00") },
	{ "an empty clientNonce", MESSAGE("\x30\x09\xa0\x03\x02\x01\x06\xa5\x02\x04\x00") },
	{ "clientNonce twice", MESSAGE("\x30\x4d\xa0\x03\x02\x01\x06" N_NONCE N_NONCE) },
	{ "a TLS alert", MESSAGE("\x15\x03\x03\x00\x02\x02\x31") },
	{ "a TPKT", MESSAGE("\x03\x00\x00\x0b\x06\xe0\x00\x00\x00\x00\x00") },
	{ "an HTTP request", MESSAGE("GET / HTTP/1.0\r\n\r\n") },
};

static void test_refused(void **state)
{
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		assert_refused(refused[i].name, refused[i].p, refused[i].len, -EPROTO);
}

static void test_nonce_lengths(void **state)
{
	for (size_t n = 0; n <= 200; n++) {
		struct buf m AUTO_BUF =
		    sequence(JOIN(LIT("\xa0\x03\x02\x01\x06"), context(5, octets(buf_fill('n', n)))));
		struct tsrequest t;

		assert_int_equal(tsrequest_read(m.p, m.len, &t), n == CLIENT_NONCE_LEN ? 0 : -EPROTO);
	}
}

/* ---- all fields ---- */

#define FULL_NEGO "nego"
#define FULL_AUTH "authinfo"
#define FULL_PUB "pubkey"

static const struct tsrequest full = {
	.version = 6,
	.nego_token = V(FULL_NEGO),
	.auth_info = V(FULL_AUTH),
	.pub_key_auth = V(FULL_PUB),
	.client_nonce = V(NONCE),
	.has_error_code = true,
	.error_code = 0xc000006d,
};

static struct buf view_buf(struct view v)
{
	return buf_copy(v.p, v.len);
}

static struct buf empty(void)
{
	return buf_new(0);
}

/* Strict DER of @t, which has a version under 128. */
static struct buf expected(const struct tsrequest *t)
{
	uint8_t version = (uint8_t)t->version;
	uint8_t code[] = { (uint8_t)(t->error_code >> 24), (uint8_t)(t->error_code >> 16),
			   (uint8_t)(t->error_code >> 8), (uint8_t)t->error_code };

	return sequence(JOIN(
	    context(0, tlv(0x02, buf_copy(&version, 1))),
	    t->nego_token.p ? context(1, sequence(sequence(context(0, octets(view_buf(t->nego_token)))))) : empty(),
	    t->auth_info.p ? context(2, octets(view_buf(t->auth_info))) : empty(),
	    t->pub_key_auth.p ? context(3, octets(view_buf(t->pub_key_auth))) : empty(),
	    t->has_error_code ? context(4, tlv(0x02, buf_copy(code, sizeof code))) : empty(),
	    t->client_nonce.p ? context(5, octets(view_buf(t->client_nonce))) : empty()));
}

static void test_truncated(void **state)
{
	struct buf m AUTO_BUF = expected(&full);

	for (size_t n = 0; n < m.len; n++) {
		struct buf part AUTO_BUF = buf_copy(m.p, n);
		size_t total = 4711;
		int r = tsrequest_frame(part.p, n, &total);

		assert_refused("truncated", m.p, n, -EPROTO);
		assert_int_equal(r, n < 2 ? 0 : 1);
		assert_int_equal(total, n < 2 ? 4711 : m.len);
	}
}

/* The octets of values; every other one of the message is structure. */
static bool is_value(const struct buf *m, size_t at)
{
	static const struct view value[] = { V(FULL_NEGO), V(FULL_AUTH), V(FULL_PUB), V(NONCE), V("\xc0\x00\x00\x6d") };

	if (at == 6) /* version */
		return true;
	for (size_t i = 0; i < sizeof value / sizeof *value; i++) {
		const uint8_t *p = memmem(m->p, m->len, value[i].p, value[i].len);

		if (p && at >= (size_t)(p - m->p) && at < (size_t)(p - m->p) + value[i].len)
			return true;
	}
	return false;
}

/* Every octet of the structure is decisive: no other value of it is taken. */
static void test_every_octet(void **state)
{
	struct buf m AUTO_BUF = expected(&full);
	struct tsrequest t;
	size_t structure = 0;

	assert_int_equal(tsrequest_read(m.p, m.len, &t), 0);
	for (size_t i = 0; i < m.len; i++) {
		uint8_t was = m.p[i];

		for (unsigned v = 0; v < 256 && !is_value(&m, i); v++) {
			m.p[i] = (uint8_t)v;
			if (v != was && tsrequest_read(m.p, m.len, &t) == 0)
				fail_msg("octet %zu as %02x", i, v);
		}
		m.p[i] = was;
		structure += !is_value(&m, i);
	}
	assert_int_equal(structure, m.len - 1 - 4 - 8 - 6 - 32 - 4);
}

/* ---- framing ---- */

static const struct {
	const char *name;
	const char *p;
	size_t len;
	int result;
	size_t total;
} frames[] = {
	{ "nothing yet", MESSAGE(""), 0, 0 },
	{ "the tag", MESSAGE("\x30"), 0, 0 },
	{ "short", MESSAGE("\x30\x05"), 1, 7 },
	{ "longest short form", MESSAGE("\x30\x7f"), 1, 129 },
	{ "one octet of two", MESSAGE("\x30\x82\x01"), 0, 0 },
	{ "two octets", MESSAGE("\x30\x82\x01\x00"), 1, 260 },
	{ "not minimal", MESSAGE("\x30\x84\x00\x00\x00\x05"), 1, 11 },
	{ "three of four", MESSAGE("\x30\x84\x00\x00\x00"), 0, 0 },
	{ "the limit", MESSAGE("\x30\x83\x01\x03\xfb"), 1, TSREQUEST_MAX },
	{ "one more", MESSAGE("\x30\x83\x01\x03\xfc"), -EMSGSIZE, 0 },
	{ "the limit, not minimal", MESSAGE("\x30\x84\x00\x01\x03\xfa"), 1, TSREQUEST_MAX },
	{ "one more, not minimal", MESSAGE("\x30\x84\x00\x01\x03\xfb"), -EMSGSIZE, 0 },
	{ "the largest", MESSAGE("\x30\x84\xff\xff\xff\xff"), -EMSGSIZE, 0 },
	{ "indefinite", MESSAGE("\x30\x80"), -EPROTO, 0 },
	{ "five octets", MESSAGE("\x30\x85"), -EPROTO, 0 },
	{ "reserved", MESSAGE("\x30\xff"), -EPROTO, 0 },
	{ "a SET", MESSAGE("\x31"), -EPROTO, 0 },
	{ "TPKT", MESSAGE("\x03"), -EPROTO, 0 },
	{ "NUL", MESSAGE("\x00"), -EPROTO, 0 },
};

static void test_frames(void **state)
{
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
		struct buf copy AUTO_BUF = buf_copy(frames[i].p, frames[i].len);
		size_t total = 0;
		int r = tsrequest_frame(copy.p, copy.len, &total);

		if (r != frames[i].result || total != frames[i].total)
			fail_msg("%s: %d, %zu", frames[i].name, r, total);
	}
}

/* ---- the limit ---- */

static void test_limit(void **state)
{
	/* version 5, and [2] and OCTET STRING with three octets of length each, in a SEQUENCE with three */
	const size_t around = 5 + 5 + 5 + 5;

	for (size_t n = TSREQUEST_MAX - 1; n <= TSREQUEST_MAX + 1; n++) {
		struct buf value AUTO_BUF = buf_fill('x', n - around);
		struct tsrequest t = { .version = 6, .auth_info = { value.p, value.len } }, read;
		struct buf m AUTO_BUF = expected(&t);
		struct buf out AUTO_BUF = buf_new(TSREQUEST_MAX);
		size_t len = 0, total = 0;
		bool fits = n <= TSREQUEST_MAX;

		assert_int_equal(m.len, n);
		assert_int_equal(tsrequest_read(m.p, m.len, &read), fits ? 0 : -EMSGSIZE);
		assert_int_equal(tsrequest_frame(m.p, m.len, &total), fits ? 1 : -EMSGSIZE);
		assert_int_equal(tsrequest_write(&t, out.p, out.len, &len), fits ? 0 : -ENOSPC);
		assert_int_equal(len, fits ? n : 0);
		if (fits)
			assert_memory_equal(out.p, m.p, n);
	}
}

/* ---- writing ---- */

/* Every combination of fields: strict DER, and read again as it was. */
static void test_round_trips(void **state)
{
	static const size_t lengths[] = { 0,   1,   32,  119, 120, 121, 122, 123,  124,  125,
					  126, 127, 128, 129, 255, 256, 257, 1024, 16000 };
	uint8_t value[16000];

	for (size_t i = 0; i < sizeof value; i++)
		value[i] = (uint8_t)(i * 7);
	for (unsigned fields = 0; fields < 32; fields++) {
		for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
			struct view v = { value, lengths[l] };
			struct tsrequest t = { .version = 2 + fields % 5 }, again;

			if (fields & 1)
				t.nego_token = v;
			if (fields & 2)
				t.auth_info = v;
			if (fields & 4)
				t.pub_key_auth = v;
			if (fields & 8)
				t.client_nonce = (struct view){ value + l, CLIENT_NONCE_LEN };
			t.has_error_code = fields & 16;
			t.error_code = t.has_error_code ? 0xc0000000 + (uint32_t)l : 0;

			struct buf m AUTO_BUF = expected(&t);
			struct buf out AUTO_BUF = buf_new(m.len);
			size_t len = 0;

			assert_int_equal(tsrequest_write(&t, out.p, out.len, &len), 0);
			assert_int_equal(len, m.len);
			assert_memory_equal(out.p, m.p, len);
			assert_int_equal(tsrequest_read(out.p, len, &again), 0);
			assert_same("round trip", &again, &t);
		}
	}
}

static void test_write_room(void **state)
{
	struct buf m AUTO_BUF = expected(&full);

	for (size_t room = 0; room <= m.len + 8; room++) {
		struct buf out AUTO_BUF = buf_new(room);
		size_t len = 4711;
		int r = tsrequest_write(&full, out.p, room, &len);

		assert_int_equal(r, room < m.len ? -ENOSPC : 0);
		assert_int_equal(len, room < m.len ? 4711 : m.len);
		if (r == 0)
			assert_memory_equal(out.p, m.p, len);
	}
}

static void test_write_versions(void **state)
{
	static const uint32_t refuse[] = { 0, 1, 0x80, 0x106, 0xffffffff };
	uint8_t out[64];
	size_t len;

	for (size_t i = 0; i < sizeof refuse / sizeof *refuse; i++) {
		struct tsrequest t = { .version = refuse[i] };

		assert_int_equal(tsrequest_write(&t, out, sizeof out, &len), -ENOSPC);
	}
	for (uint32_t v = 2; v < 0x80; v++) {
		struct tsrequest t = { .version = v }, again;

		assert_int_equal(tsrequest_write(&t, out, sizeof out, &len), 0);
		assert_int_equal(tsrequest_read(out, len, &again), 0);
		assert_int_equal(again.version, v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),      cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nonce_lengths), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_every_octet),   cmocka_unit_test(test_frames),
		cmocka_unit_test(test_limit),         cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_write_room),    cmocka_unit_test(test_write_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
