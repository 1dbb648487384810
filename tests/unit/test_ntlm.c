/* SPDX-License-Identifier: MIT */
/* The messages of NTLM, as clients send them and malformed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/ntlm.h"
#include "tests/unit/build.h"

#define SIGNATURE "NTLMSSP\0"
#define FLAGS "\xb7\x82\x08\xe2"

static struct view view_of(const struct buf *b)
{
	return (struct view){ b->p, b->len };
}

static void put_le(uint8_t *p, uint32_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* ---- flags ---- */

static void test_missing_flags(void **state)
{
	char text[100], small[5];

	ntlm_missing_flags(NTLM_REQUIRED, text, sizeof text);
	assert_string_equal(text, "");
	ntlm_missing_flags(~NTLM_REQUIRED, text, sizeof text);
	assert_string_equal(text, "UNICODE SIGN SEAL NTLM EXTENDED_SESSIONSECURITY 128 KEY_EXCH");
	ntlm_missing_flags(NTLM_REQUIRED & ~(NTLM_128 | NTLM_SIGN), text, sizeof text);
	assert_string_equal(text, "SIGN 128");
	ntlm_missing_flags(0, small, sizeof small);
	assert_string_equal(small, "UNIC");
}

/* ---- NEGOTIATE ---- */

static void test_negotiate(void **state)
{
	static const char whole[] =
	    SIGNATURE "\x01\0\0\0" FLAGS "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0a\0\x63\x45\0\0\0\x0f"
		      "names that are not looked at";

	for (size_t n = 0; n < sizeof whole; n++) {
		struct buf m AUTO_BUF = buf_copy(whole, n);
		uint32_t flags = 0;

		/* 16 bytes are enough: neither fields nor Version */
		assert_int_equal(ntlm_negotiate_read(view_of(&m), &flags), n < 16 ? -EPROTO : 0);
		assert_int_equal(flags, n < 16 ? 0 : 0xe20882b7);
	}
	for (unsigned at = 0; at < 12; at++) {
		struct buf m AUTO_BUF = buf_copy(whole, 40);
		uint32_t flags;

		m.p[at] ^= 0x20;
		assert_int_equal(ntlm_negotiate_read(view_of(&m), &flags), -EPROTO);
	}
	struct buf longest AUTO_BUF = buf_fill(0, NTLM_NEGOTIATE_MAX),
			   longer AUTO_BUF = buf_fill(0, NTLM_NEGOTIATE_MAX + 1);
	uint32_t flags;

	memcpy(longest.p, whole, 16);
	memcpy(longer.p, whole, 16);
	assert_int_equal(ntlm_negotiate_read(view_of(&longest), &flags), 0);
	assert_int_equal(ntlm_negotiate_read(view_of(&longer), &flags), -EPROTO);
}

/* ---- AV pairs ---- */

static void test_av_pairs(void **state)
{
	struct buf all AUTO_BUF = LIT("\x01\0\x02\0ab\x07\0\x08\0timestam"
				      "\x63\0\0\0\0\0\0\0rest");
	struct view pairs = view_of(&all), value;
	uint16_t id;

	assert_int_equal(ntlm_av_next(&pairs, &id, &value), 1);
	assert_int_equal(id, NTLM_AV_NB_COMPUTER_NAME);
	assert_int_equal(value.len, 2);
	assert_int_equal(ntlm_av_next(&pairs, &id, &value), 1);
	assert_int_equal(id, NTLM_AV_TIMESTAMP);
	assert_memory_equal(value.p, "timestam", 8);
	assert_int_equal(ntlm_av_next(&pairs, &id, &value), 1);
	assert_int_equal(id, 0x63);
	assert_int_equal(value.len, 0);
	assert_int_equal(ntlm_av_next(&pairs, &id, &value), 0);
	assert_memory_equal(pairs.p, "\0\0\0\0rest", 8);
}

static void test_av_pairs_refused(void **state)
{
	struct buf row[] = {
		LIT(""),
		LIT("\0"),
		LIT("\0\0\0"),
		LIT("\0\0\1\0a"), /* an end with a value */
		LIT("\1\0\2\0a"), /* longer than what is there */
		LIT("\1\0\xff\xff"
		    "ab\0\0\0\0"),       /* much longer */
		LIT("\1\0\2\0ab"),       /* no end */
		LIT("\1\0\2\0ab\0\0\0"), /* half of one */
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct view pairs = view_of(&row[i]), value;
		uint16_t id;
		int r;

		while ((r = ntlm_av_next(&pairs, &id, &value)) == 1)
			;
		if (r != -EPROTO)
			fail_msg("row %zu: %d", i, r);
		buf_free(&row[i]);
	}
}

/* ---- CHALLENGE ---- */

static const struct ntlm_names names = {
	.nb_domain = "CORP", .nb_computer = "RDP1", .dns_domain = "corp.test", .dns_computer = "rdp1.corp.test"
};

/* The pairs in Windows' order, and none that a client would change before it makes its MIC. */
static void test_challenge(void **state)
{
	static const uint16_t order[] = { 2, 1, 4, 3, 7 };
	static const char *const text[] = { "C\0O\0R\0P",
					    "R\0D\0P\0"
					    "1",
					    "c\0o\0r\0p\0.\0t\0e\0s\0t",
					    "r\0d\0p\0"
					    "1\0.\0c\0o\0r\0p\0.\0t\0e\0s\0t",
					    "TIMESTAM" };
	static const size_t len[] = { 8, 8, 18, 28, 8 };
	const uint32_t flags = NTLM_REQUIRED | NTLM_REQUEST_TARGET | NTLM_VERSION | NTLM_TARGET_TYPE_SERVER;
	uint8_t out[512];
	struct ntlm_challenge c;
	struct view pairs, value;
	size_t n;
	uint16_t id;

	assert_int_equal(ntlm_challenge_write(flags, &names, (const uint8_t *)"01234567", (const uint8_t *)"TIMESTAM",
					      out, sizeof out, &n),
			 0);
	assert_memory_equal(out, SIGNATURE "\x02\0\0\0\x08\0\x08\0\x38\0\0\0", 20);
	assert_memory_equal(out + 24, "01234567\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(out[55], 15); /* NTLMRevisionCurrent */
	assert_memory_equal(out + 56, text[1], 7);
	assert_int_equal(ntlm_challenge_read((struct view){ out, n }, &c), 0);
	assert_int_equal(c.flags, flags);
	assert_memory_equal(c.server_challenge, "01234567", 8);
	pairs = c.target_info;
	assert_ptr_equal(pairs.p + pairs.len, out + n);
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		assert_int_equal(ntlm_av_next(&pairs, &id, &value), 1);
		assert_int_equal(id, order[i]);
		assert_int_equal(value.len, len[i]);
		assert_memory_equal(value.p, text[i], len[i] - 1);
	}
	assert_int_equal(ntlm_av_next(&pairs, &id, &value), 0);
	assert_int_equal(pairs.len, 4);
}

static void test_challenge_flags(void **state)
{
	uint8_t out[512], zero[8] = { 0 };
	size_t n;

	/* neither asked for the target's name nor Version */
	assert_int_equal(ntlm_challenge_write(NTLM_REQUIRED, &names, zero, zero, out, sizeof out, &n), 0);
	assert_memory_equal(out + 12, "\0\0\0\0", 4);
	assert_memory_equal(out + 48, "\0\0\0\0\0\0\0\0", 8);
	/* a member of a domain says the domain's name */
	assert_int_equal(ntlm_challenge_write(NTLM_REQUEST_TARGET | NTLM_TARGET_TYPE_DOMAIN, &names, zero, zero, out,
					      sizeof out, &n),
			 0);
	assert_memory_equal(out + 56, "C\0O\0R\0P", 7);
}

static void test_challenge_room(void **state)
{
	struct ntlm_names bad = names;
	uint8_t challenge[8] = { 0 };
	size_t n, need;
	uint8_t whole[512];

	assert_int_equal(
	    ntlm_challenge_write(NTLM_REQUEST_TARGET, &names, challenge, challenge, whole, sizeof whole, &need), 0);
	for (size_t size = 0; size < need; size++) {
		struct buf out AUTO_BUF = buf_new(size);

		n = 77;
		assert_int_equal(
		    ntlm_challenge_write(NTLM_REQUEST_TARGET, &names, challenge, challenge, out.p, size, &n), -ENOSPC);
		assert_int_equal(n, 77);
	}
	(void)snprintf(bad.dns_computer, sizeof bad.dns_computer, "rdp\xff");
	assert_int_equal(ntlm_challenge_write(0, &bad, challenge, challenge, whole, sizeof whole, &n), -EILSEQ);
}

static void test_challenge_refused(void **state)
{
	uint8_t challenge[8] = { 0 }, whole[512];
	struct ntlm_challenge c;
	size_t n;

	assert_int_equal(ntlm_challenge_write(0, &names, challenge, challenge, whole, sizeof whole, &n), 0);
	for (size_t cut = 0; cut < n; cut++) {
		struct buf part AUTO_BUF = buf_copy(whole, cut);

		assert_int_equal(ntlm_challenge_read(view_of(&part), &c), -EPROTO);
	}
}

/* ---- AUTHENTICATE ---- */

enum { LM, NT, DOMAIN, USER, WORKSTATION, KEY, N_FIELDS };

struct authenticate {
	struct {
		uint16_t len;
		uint32_t offset;
	} field[N_FIELDS];
	size_t total;
};

/* As FreeRDP sends it: 72 bytes of header with Version, then the MIC, then the fields. */
static const struct authenticate sane = {
	.field = { [DOMAIN] = { 8, 88 },
		   [USER] = { 10, 96 },
		   [WORKSTATION] = { 4, 106 },
		   [LM] = { 24, 110 },
		   [NT] = { 300, 134 },
		   [KEY] = { 16, 434 } },
	.total = 450,
};

static struct buf authenticate(const struct authenticate *a)
{
	uint8_t header[64] = SIGNATURE "\x03";
	struct buf b = buf_fill(0xcc, a->total);

	for (unsigned i = 0; i < N_FIELDS; i++) {
		put_le(header + 12 + 8 * i, a->field[i].len, 2);
		put_le(header + 14 + 8 * i, a->field[i].len, 2);
		put_le(header + 16 + 8 * i, a->field[i].offset, 4);
	}
	put_le(header + 60, 0xe2888215, 4);
	memcpy(b.p, header, a->total < sizeof header ? a->total : sizeof header);
	return b;
}

static void test_authenticate(void **state)
{
	struct buf m AUTO_BUF = authenticate(&sane);
	struct ntlm_authenticate a;

	assert_int_equal(ntlm_authenticate_read(view_of(&m), &a), 0);
	assert_int_equal(a.flags, 0xe2888215);
	assert_ptr_equal(a.domain.p, m.p + 88);
	assert_int_equal(a.domain.len, 8);
	assert_ptr_equal(a.user.p, m.p + 96);
	assert_ptr_equal(a.workstation.p, m.p + 106);
	assert_ptr_equal(a.lm_response.p, m.p + 110);
	assert_ptr_equal(a.nt_response.p, m.p + 134);
	assert_int_equal(a.nt_response.len, 300);
	assert_ptr_equal(a.session_key.p, m.p + 434);
	assert_int_equal(a.mic_offset, 72);
	/* cut anywhere, a field is outside */
	for (size_t n = 0; n < m.len; n++) {
		struct buf part AUTO_BUF = buf_copy(m.p, n);

		assert_int_equal(ntlm_authenticate_read(view_of(&part), &a), -EPROTO);
	}
}

/* Where the payload begins, the header ends, whatever the flags say. */
static void test_mic_offset(void **state)
{
	for (uint32_t begin = 64; begin < 100; begin++) {
		struct authenticate short_one = { .field = { [USER] = { 2, begin }, [NT] = { 44, begin + 2 } },
						  .total = begin + 46 };
		struct buf m AUTO_BUF = authenticate(&short_one);
		struct ntlm_authenticate a;

		assert_int_equal(ntlm_authenticate_read(view_of(&m), &a), 0);
		assert_int_equal(a.mic_offset, begin >= 88 ? 72 : begin >= 80 ? 64 : 0);
	}
}

/* Each field moved around the ends of header and message. */
static void test_authenticate_fields(void **state)
{
	static const uint32_t offset[] = { 0,   1,   12,  63,    64,         65,         434,        435,       440,
					   449, 450, 451, 65535, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff };

	for (unsigned f = 0; f < N_FIELDS; f++) {
		for (size_t i = 0; i < sizeof offset / sizeof *offset; i++) {
			struct authenticate a = sane;
			uint64_t end = (uint64_t)offset[i] + a.field[f].len;
			struct ntlm_authenticate read;

			a.field[f].offset = offset[i];
			struct buf m AUTO_BUF = authenticate(&a);

			assert_int_equal(ntlm_authenticate_read(view_of(&m), &read),
					 offset[i] >= 64 && end <= a.total ? 0 : -EPROTO);
			/* where an empty field points does not matter */
			a.field[f].len = 0;
			struct buf none AUTO_BUF = authenticate(&a);

			assert_int_equal(ntlm_authenticate_read(view_of(&none), &read), 0);
		}
	}
}

static void test_authenticate_written(void **state)
{
	struct buf nt AUTO_BUF = buf_fill(7, 300), key AUTO_BUF = buf_fill(8, 16), long_one AUTO_BUF = buf_new(65536);
	struct ntlm_authenticate a = { .flags = 0x12345678,
				       .nt_response = view_of(&nt),
				       .user = { (const uint8_t *)"u\0", 2 },
				       .session_key = view_of(&key) };
	struct ntlm_authenticate read;
	uint8_t out[512];
	size_t n;

	assert_int_equal(ntlm_authenticate_write(&a, out, sizeof out, &n), 0);
	assert_int_equal(n, 88 + 300 + 2 + 16);
	assert_int_equal(ntlm_authenticate_read((struct view){ out, n }, &read), 0);
	assert_int_equal(read.flags, 0x12345678);
	assert_int_equal(read.mic_offset, 72);
	assert_int_equal(read.nt_response.len, 300);
	assert_memory_equal(read.session_key.p, key.p, 16);
	assert_int_equal(read.domain.len, 0);
	for (size_t size = 0; size < n; size++) {
		struct buf less AUTO_BUF = buf_new(size);

		assert_int_equal(ntlm_authenticate_write(&a, less.p, size, &n), -ENOSPC);
	}
	a.nt_response = view_of(&long_one); /* more than a field's length can say */
	struct buf room AUTO_BUF = buf_new(100000);

	assert_int_equal(ntlm_authenticate_write(&a, room.p, room.len, &n), -ENOSPC);
}

static void test_v2_response(void **state)
{
	for (size_t n = 0; n < 60; n++) {
		struct buf r AUTO_BUF = buf_fill(1, n);

		assert_int_equal(ntlm_is_v2_response(view_of(&r)), n >= 44);
		for (size_t at = 16; at < 18 && n >= 44; at++) {
			r.p[at] = 2;
			assert_false(ntlm_is_v2_response(view_of(&r)));
			r.p[at] = 1;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing_flags),
		cmocka_unit_test(test_negotiate),
		cmocka_unit_test(test_av_pairs),
		cmocka_unit_test(test_av_pairs_refused),
		cmocka_unit_test(test_challenge),
		cmocka_unit_test(test_challenge_flags),
		cmocka_unit_test(test_challenge_room),
		cmocka_unit_test(test_challenge_refused),
		cmocka_unit_test(test_authenticate),
		cmocka_unit_test(test_mic_offset),
		cmocka_unit_test(test_authenticate_fields),
		cmocka_unit_test(test_authenticate_written),
		cmocka_unit_test(test_v2_response),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
