/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>

#include "common/wire/utf16.h"
#include "tests/unit/build.h"

#define TEXT(s) s, sizeof(s) - 1

/* The same text in both forms. */
static const struct {
	const char *name;
	const char *utf16;
	size_t utf16_len;
	const char *utf8;
	size_t utf8_len;
} same[] = {
	{ "nothing", TEXT(""), TEXT("") },
	{ "ASCII", TEXT("a\0Z\0 \0~\0"), TEXT("aZ ~") },
	{ "NUL inside", TEXT("a\0\0\0b\0"), TEXT("a\0b") },
	{ "NUL at the end", TEXT("a\0\0\0"), TEXT("a\0") },
	{ "U+007F, U+0080", TEXT("\x7f\0\x80\0"), TEXT("\x7f\xc2\x80") },
	{ "U+07FF, U+0800", TEXT("\xff\x07\x00\x08"), TEXT("\xdf\xbf\xe0\xa0\x80") },
	{ "Latin", TEXT("\xfc\0\xdf\0"), TEXT("\xc3\xbc\xc3\x9f") },
	{ "Euro", TEXT("\xac\x20"), TEXT("\xe2\x82\xac") },
	{ "Han", TEXT("\x2d\x4e\x87\x65"), TEXT("\xe4\xb8\xad\xe6\x96\x87") },
	{ "below the surrogates", TEXT("\xff\xd7"), TEXT("\xed\x9f\xbf") },
	{ "above the surrogates", TEXT("\x00\xe0"), TEXT("\xee\x80\x80") },
	{ "byte order mark", TEXT("\xff\xfe"), TEXT("\xef\xbb\xbf") },
	{ "U+FFFF", TEXT("\xff\xff"), TEXT("\xef\xbf\xbf") },
	{ "U+10000", TEXT("\x00\xd8\x00\xdc"), TEXT("\xf0\x90\x80\x80") },
	{ "U+1F600", TEXT("\x3d\xd8\x00\xde"), TEXT("\xf0\x9f\x98\x80") },
	{ "U+10FFFF", TEXT("\xff\xdb\xff\xdf"), TEXT("\xf4\x8f\xbf\xbf") },
	{ "a pair between letters",
	  TEXT("a\0\x3d\xd8\x00\xde"
	       "b\0"),
	  TEXT("a\xf0\x9f\x98\x80"
	       "b") },
};

static void test_same(void **state)
{
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		struct buf wide AUTO_BUF = buf_copy(same[i].utf16, same[i].utf16_len);
		struct buf narrow AUTO_BUF = buf_copy(same[i].utf8, same[i].utf8_len);
		const struct view in16 = { wide.p, wide.len }, in8 = { narrow.p, narrow.len };

		for (size_t room = 0; room <= narrow.len + 1; room++) {
			struct buf out AUTO_BUF = buf_new(room);
			size_t len = 4711;
			int r = utf16le_to_utf8(in16, out.p, room, &len);

			if (r != (room < narrow.len ? -ENOSPC : 0) || len != (r ? 4711 : narrow.len) ||
			    (r == 0 && memcmp(out.p, narrow.p, len) != 0))
				fail_msg("%s, %zu octets of room: %d", same[i].name, room, r);
		}
		for (size_t room = 0; room <= wide.len + 1; room++) {
			struct buf out AUTO_BUF = buf_new(room);
			size_t len = 4711;
			int r = utf8_to_utf16le(in8, out.p, room, &len);

			if (r != (room < wide.len ? -ENOSPC : 0) || len != (r ? 4711 : wide.len) ||
			    (r == 0 && memcmp(out.p, wide.p, len) != 0))
				fail_msg("%s back, %zu octets of room: %d", same[i].name, room, r);
		}
		assert_int_equal(utf8_check(narrow.p, narrow.len), 0);
	}
}

static const struct {
	const char *name;
	const char *p;
	size_t len;
} bad_utf16[] = {
	{ "one octet", TEXT("a") },
	{ "three octets", TEXT("a\0b") },
	{ "a high surrogate at the end", TEXT("a\0\x00\xd8") },
	{ "a high surrogate and half a unit", TEXT("\x00\xd8\x00") },
	{ "a high surrogate before a letter", TEXT("\xff\xdb"
						   "a\0") },
	{ "a high surrogate before NUL", TEXT("\x00\xd8\x00\x00") },
	{ "two high surrogates", TEXT("\x00\xd8\x00\xd8\x00\xdc") },
	{ "a low surrogate", TEXT("\x00\xdc") },
	{ "the last low surrogate", TEXT("\xff\xdf") },
	{ "two low surrogates", TEXT("\x00\xdc\x00\xdc") },
	{ "the last two", TEXT("\xff\xdf\xff\xdf") },
	{ "a pair the wrong way round", TEXT("\x00\xdc\x00\xd8") },
	{ "a pair and a low one", TEXT("\x00\xd8\x00\xdc\x00\xdc") },
	{ "a high one before U+E000", TEXT("\x00\xd8\x00\xe0") },
	{ "a pair in big endian", TEXT("\xd8\x3d\xde\x00\xdc") },
};

static void test_bad_utf16(void **state)
{
	for (size_t i = 0; i < sizeof bad_utf16 / sizeof *bad_utf16; i++) {
		struct buf in AUTO_BUF = buf_copy(bad_utf16[i].p, bad_utf16[i].len);
		uint8_t out[64];
		size_t len = 4711;
		int r = utf16le_to_utf8((struct view){ in.p, in.len }, out, sizeof out, &len);

		if (r != -EILSEQ || len != 4711)
			fail_msg("%s: %d", bad_utf16[i].name, r);
	}
}

static const struct {
	const char *name;
	const char *p;
	size_t len;
} bad_utf8[] = {
	{ "a continuation", TEXT("\x80") },
	{ "two continuations", TEXT("a\xbf\xbf") },
	{ "NUL in two octets", TEXT("\xc0\x80") },
	{ "'/' in two octets", TEXT("\xc0\xaf") },
	{ "U+007F in two octets", TEXT("\xc1\xbf") },
	{ "'/' in three octets", TEXT("\xe0\x80\xaf") },
	{ "U+07FF in three octets", TEXT("\xe0\x9f\xbf") },
	{ "'/' in four octets", TEXT("\xf0\x80\x80\xaf") },
	{ "U+FFFF in four octets", TEXT("\xf0\x8f\xbf\xbf") },
	{ "the first surrogate", TEXT("\xed\xa0\x80") },
	{ "the last surrogate", TEXT("\xed\xbf\xbf") },
	{ "a pair of surrogates (CESU-8)", TEXT("\xed\xa0\xbd\xed\xb8\x80") },
	{ "U+110000", TEXT("\xf4\x90\x80\x80") },
	{ "lead octet F5", TEXT("\xf5\x80\x80\x80") },
	{ "five octets", TEXT("\xf8\x88\x80\x80\x80") },
	{ "six octets", TEXT("\xfc\x84\x80\x80\x80\x80") },
	{ "FE", TEXT("\xfe") },
	{ "FF", TEXT("\xff") },
	{ "four octets without a lead", TEXT("\x80\x90\x80\x80") },
	{ "four octets with one for two", TEXT("\xc1\x90\x80\x80") },
	{ "four octets with one for five", TEXT("\xf8\x90\x80\x80") },
	{ "two octets cut", TEXT("\xc3") },
	{ "three octets cut", TEXT("\xe2\x82") },
	{ "four octets cut", TEXT("\xf0\x9f\x98") },
	{ "two octets broken off", TEXT("\xc3"
					"a") },
	{ "three octets broken off", TEXT("\xe2\x82"
					  "a") },
	{ "four octets broken off", TEXT("\xf0\x9f\x98"
					 "a") },
	{ "a lead octet in a sequence", TEXT("\xe2\xe2\x82\xac") },
	{ "Latin-1", TEXT("M\xfcller") },
	{ "bad after good", TEXT("good \xe2\x82\xac \xff") },
};

static void test_bad_utf8(void **state)
{
	for (size_t i = 0; i < sizeof bad_utf8 / sizeof *bad_utf8; i++) {
		struct buf in AUTO_BUF = buf_copy(bad_utf8[i].p, bad_utf8[i].len);
		uint8_t out[64];
		size_t len = 4711;
		int r = utf8_to_utf16le((struct view){ in.p, in.len }, out, sizeof out, &len);

		if (r != -EILSEQ || len != 4711 || utf8_check(in.p, in.len) != -EILSEQ)
			fail_msg("%s: %d", bad_utf8[i].name, r);
	}
}

static void test_absent(void **state)
{
	uint8_t out[1];
	size_t len = 4711;

	assert_int_equal(utf16le_to_utf8(VIEW_NULL, out, 0, &len), 0);
	assert_int_equal(len, 0);
	len = 4711;
	assert_int_equal(utf8_to_utf16le(VIEW_NULL, out, 0, &len), 0);
	assert_int_equal(len, 0);
	assert_int_equal(utf8_check(NULL, 0), 0);
}

/* RFC 3629, section 3, and RFC 2781, spelled out for one code point. */
static size_t encode_utf8(uint32_t c, uint8_t out[4])
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 + c / 64);
		out[1] = (uint8_t)(0x80 + c % 64);
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 + c / 4096);
		out[1] = (uint8_t)(0x80 + c / 64 % 64);
		out[2] = (uint8_t)(0x80 + c % 64);
		return 3;
	}
	out[0] = (uint8_t)(0xf0 + c / 262144);
	out[1] = (uint8_t)(0x80 + c / 4096 % 64);
	out[2] = (uint8_t)(0x80 + c / 64 % 64);
	out[3] = (uint8_t)(0x80 + c % 64);
	return 4;
}

static size_t encode_utf16le(uint32_t c, uint8_t out[4])
{
	uint32_t high = c < 0x10000 ? c : 0xd800 + (c - 0x10000) / 1024, low = 0xdc00 + c % 1024;

	out[0] = (uint8_t)(high % 256);
	out[1] = (uint8_t)(high / 256);
	out[2] = (uint8_t)(low % 256);
	out[3] = (uint8_t)(low / 256);
	return c < 0x10000 ? 2 : 4;
}

/* Every value of 21 bits: all characters in both directions, surrogates and what is above U+10FFFF in none. */
static void test_every_code_point(void **state)
{
	size_t taken = 0;

	for (uint32_t c = 0; c < 0x200000; c++) {
		uint8_t utf8[4], utf16[4], out[4];
		size_t n8 = encode_utf8(c, utf8), n16 = encode_utf16le(c, utf16), len = 0;
		bool character = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
		int r = utf8_to_utf16le((struct view){ utf8, n8 }, out, sizeof out, &len);

		if (r != (character ? 0 : -EILSEQ) || utf8_check(utf8, n8) != r)
			fail_msg("U+%X: %d", c, r);
		if (r)
			continue;
		taken++;
		if (len != n16 || memcmp(out, utf16, len) != 0)
			fail_msg("U+%X: other UTF-16", c);
		r = utf16le_to_utf8((struct view){ utf16, n16 }, out, sizeof out, &len);
		if (r || len != n8 || memcmp(out, utf8, len) != 0)
			fail_msg("U+%X: %d, other UTF-8", c, r);
	}
	assert_int_equal(taken, 0x110000 - 0x800);
}

/* How many of all sequences of one, two and three octets are UTF-8: counted by the ranges of RFC 3629. */
static void test_every_short_sequence(void **state)
{
	size_t taken[4] = { 0 };

	for (uint32_t v = 0; v < 0x1000000; v++) {
		const uint8_t p[3] = { (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

		taken[3] += utf8_check(p, 3) == 0;
		if (v < 0x10000)
			taken[2] += utf8_check(p + 1, 2) == 0;
		if (v < 0x100)
			taken[1] += utf8_check(p + 2, 1) == 0;
	}
	/* 128 characters take one octet, 1920 two, 65536 - 2048 three without the surrogates */
	assert_int_equal(taken[1], 128);
	assert_int_equal(taken[2], 128 * 128 + 1920);
	assert_int_equal(taken[3], 128 * 128 * 128 + 2 * 128 * 1920 + (0x10000 - 0x800 - 0x800));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_bad_utf16),
		cmocka_unit_test(test_bad_utf8),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_every_code_point),
		cmocka_unit_test(test_every_short_sequence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
