/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "common/wire/der.h"
#include "tests/unit/build.h"

#define OCTETS(s) s, sizeof(s) - 1

static const struct {
	const char *name;
	const char *p;
	size_t len;
	int result;
	size_t header, contents;
} headers[] = {
	{ "nothing", OCTETS(""), 0, 0, 0 },
	{ "the tag", OCTETS("\x30"), 0, 0, 0 },
	{ "empty", OCTETS("\x30\x00"), 1, 2, 0 },
	{ "one", OCTETS("\x30\x01"), 1, 2, 1 },
	{ "127", OCTETS("\x30\x7f"), 1, 2, 127 },
	{ "indefinite", OCTETS("\x30\x80"), -EPROTO, 0, 0 },
	{ "one octet, not there", OCTETS("\x30\x81"), 0, 0, 0 },
	{ "one octet, 0", OCTETS("\x30\x81\x00"), 1, 3, 0 },
	{ "one octet, 128", OCTETS("\x30\x81\x80"), 1, 3, 128 },
	{ "one octet, 255", OCTETS("\x30\x81\xff"), 1, 3, 255 },
	{ "two octets, one there", OCTETS("\x30\x82\xff"), 0, 0, 0 },
	{ "two octets", OCTETS("\x30\x82\x12\x34"), 1, 4, 0x1234 },
	{ "three octets", OCTETS("\x30\x83\x12\x34\x56"), 1, 5, 0x123456 },
	{ "four octets, three there", OCTETS("\x30\x84\x12\x34\x56"), 0, 0, 0 },
	{ "four octets", OCTETS("\x30\x84\x12\x34\x56\x78"), 1, 6, 0x12345678 },
	{ "the largest", OCTETS("\x30\x84\xff\xff\xff\xff"), 1, 6, 0xffffffff },
	{ "five octets", OCTETS("\x30\x85\x00\x00\x00\x00\x01"), -EPROTO, 0, 0 },
	{ "126 octets", OCTETS("\x30\xfe"), -EPROTO, 0, 0 },
	{ "reserved", OCTETS("\x30\xff"), -EPROTO, 0, 0 },
	{ "another tag", OCTETS("\x31"), -EPROTO, 0, 0 },
	{ "a primitive SEQUENCE", OCTETS("\x10\x00"), -EPROTO, 0, 0 },
};

static void test_headers(void **state)
{
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
		struct buf in AUTO_BUF = buf_copy(headers[i].p, headers[i].len);
		size_t header = 0, contents = 0;
		int r = der_header(in.p, in.len, DER_SEQUENCE, &header, &contents);

		if (r != headers[i].result || header != headers[i].header || contents != headers[i].contents)
			fail_msg("%s: %d, %zu, %zu", headers[i].name, r, header, contents);
	}
}

static const struct {
	const char *name;
	const char *p;
	size_t len;
	bool taken;
	uint32_t value;
} integers[] = {
	{ "0", OCTETS("\x02\x01\x00"), true, 0 },
	{ "127", OCTETS("\x02\x01\x7f"), true, 127 },
	{ "128", OCTETS("\x02\x02\x00\x80"), true, 128 },
	{ "256", OCTETS("\x02\x02\x01\x00"), true, 256 },
	{ "2^31", OCTETS("\x02\x05\x00\x80\x00\x00\x00"), true, 0x80000000 },
	{ "2^32 - 1", OCTETS("\x02\x05\x00\xff\xff\xff\xff"), true, 0xffffffff },
	{ "a long length", OCTETS("\x02\x82\x00\x01\x05"), true, 5 },
	{ "2^32", OCTETS("\x02\x05\x01\x00\x00\x00\x00"), false, 0 },
	{ "2^39 - 1", OCTETS("\x02\x05\x7f\xff\xff\xff\xff"), false, 0 },
	{ "2^40", OCTETS("\x02\x06\x01\x00\x00\x00\x00\x00"), false, 0 },
	{ "-1", OCTETS("\x02\x01\xff"), false, 0 },
	{ "-128", OCTETS("\x02\x01\x80"), false, 0 },
	{ "-2^31", OCTETS("\x02\x04\x80\x00\x00\x00"), false, 0 },
	{ "0 in two octets", OCTETS("\x02\x02\x00\x00"), false, 0 },
	{ "127 in two octets", OCTETS("\x02\x02\x00\x7f"), false, 0 },
	{ "2^31 - 1 in five octets", OCTETS("\x02\x05\x00\x7f\xff\xff\xff"), false, 0 },
	{ "no octet", OCTETS("\x02\x00"), false, 0 },
	{ "cut", OCTETS("\x02\x02\x01"), false, 0 },
	{ "a BOOLEAN", OCTETS("\x01\x01\x01"), false, 0 },
};

static void test_integers(void **state)
{
	for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
		struct buf in AUTO_BUF = buf_copy(integers[i].p, integers[i].len);
		struct der d = der_init(in.p, in.len);
		uint32_t value = der_take_u32(&d);

		if (value != integers[i].value || der_ok(&d) != integers[i].taken)
			fail_msg("%s: %u, %d", integers[i].name, value, der_ok(&d));
	}
}

/* Once something was wrong nothing is right any more, and every answer is empty. */
static void test_sticky(void **state)
{
	struct buf in AUTO_BUF = LIT("\x04\x01x\x02\x01\x07\x30\x00\xa0\x03\x04\x01y");
	struct der d = der_init(in.p, in.len), inner;

	assert_null(der_take(&d, DER_SEQUENCE).p);
	assert_true(d.failed);
	assert_null(der_take(&d, DER_OCTET_STRING).p);
	assert_int_equal(der_take_u32(&d), 0);
	assert_false(der_is(&d, DER_OCTET_STRING));
	assert_null(der_take_optional_octets(&d, 0).p);
	inner = der_enter(&d, DER_OCTET_STRING);
	assert_true(inner.failed);
	assert_false(der_ok(&inner));
	assert_false(der_ok(&d));
}

static void test_walk(void **state)
{
	struct buf in AUTO_BUF = LIT("\x30\x0c\x04\x01x\x02\x01\x07\xa0\x02\x04\x00\xa2\x00");
	struct der d = der_init(in.p, in.len), seq;
	struct view v;

	seq = der_enter(&d, DER_SEQUENCE);
	assert_true(der_ok(&d));
	assert_false(der_ok(&seq)); /* there is something left */
	v = der_take(&seq, DER_OCTET_STRING);
	assert_int_equal(v.len, 1);
	assert_ptr_equal(v.p, in.p + 4);
	assert_int_equal(der_take_u32(&seq), 7);
	/* absent is NULL, empty is not */
	assert_null(der_take_optional_octets(&seq, 1).p);
	v = der_take_optional_octets(&seq, 0);
	assert_non_null(v.p);
	assert_int_equal(v.len, 0);
	assert_true(der_is(&seq, DER_CONTEXT(2)));
	assert_false(seq.failed);
	/* [2] is there, but holds nothing */
	assert_null(der_take_optional_octets(&seq, 2).p);
	assert_true(seq.failed);
}

/* No element reaches beyond the one that it is in. */
static void test_bounds(void **state)
{
	struct buf in AUTO_BUF = LIT("\x30\x04\xa0\x02\x04\x05hello");
	struct der d = der_init(in.p, in.len);
	struct der seq = der_enter(&d, DER_SEQUENCE);

	assert_null(der_take_optional_octets(&seq, 0).p);
	assert_true(seq.failed);
	assert_false(d.failed); /* the outer one is as good as before */
	assert_int_equal(d.len, 5);
}

/* What is written is read again, and the shortest form is written. */
static void test_write_numbers(void **state)
{
	static const struct {
		uint32_t value;
		size_t octets;
	} row[] = { { 0, 1 },     { 1, 1 },     { 127, 1 },   { 128, 2 },      { 255, 2 },      { 256, 2 },
		    { 32767, 2 }, { 32768, 3 }, { 65536, 3 }, { 1U << 23, 4 }, { INT32_MAX, 4 } };

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		uint8_t out[16];
		struct der_writer w = der_writer_init(out, sizeof out);
		struct der in, field;
		size_t len;

		der_put_u31_field(&w, 3, row[i].value);
		assert_int_equal(der_finish(&w, &len), 0);
		assert_int_equal(len, 4 + row[i].octets);
		in = der_init(out, len);
		field = der_enter(&in, DER_CONTEXT(3));
		assert_int_equal(der_take_u32(&field), row[i].value);
		assert_true(der_ok(&field) && der_ok(&in));
	}
}

static void test_write_lengths(void **state)
{
	static const size_t row[][2] = { { 0, 2 },   { 1, 2 },   { 127, 2 },   { 128, 3 },
					 { 255, 3 }, { 256, 4 }, { 65535, 4 }, { 65536, 5 } };
	static uint8_t contents[65536], out[65536 + 8];

	memset(contents, 0x5a, sizeof contents);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		size_t whole = row[i][0] + row[i][1], len;
		struct der_writer w = der_writer_init(out, whole);
		struct der in;
		struct view v;

		der_put_element(&w, DER_OCTET_STRING, contents, row[i][0]);
		assert_int_equal(der_finish(&w, &len), 0);
		assert_int_equal(len, whole);
		in = der_init(out, len);
		v = der_take(&in, DER_OCTET_STRING);
		assert_true(der_ok(&in));
		assert_int_equal(v.len, row[i][0]);
		assert_memory_equal(v.p, contents, v.len);
		/* one octet less is too little, whatever is put afterwards */
		w = der_writer_init(out, whole - 1);
		der_put_element(&w, DER_OCTET_STRING, contents, row[i][0]);
		der_put(&w, NULL, 0);
		assert_int_equal(der_finish(&w, &len), -ENOSPC);
		assert_int_equal(len, whole);
	}
}

/* From the end to the front: what is put first stands last. */
static void test_write_nested(void **state)
{
	static const uint8_t want[] = { 0x30, 0x0a, 0xa0, 0x03, 0x02, 0x01, 0x05, 0xa1, 0x03, 0x04, 0x01, 0x78 };
	uint8_t out[64];
	struct der_writer w = der_writer_init(out, sizeof out);
	size_t len;

	der_put_field(&w, 1, DER_OCTET_STRING, "x", 1);
	der_put_u31_field(&w, 0, 5);
	der_put_header(&w, DER_SEQUENCE, 0);
	assert_int_equal(der_finish(&w, &len), 0);
	assert_int_equal(len, sizeof want);
	assert_memory_equal(out, want, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),       cmocka_unit_test(test_integers),
		cmocka_unit_test(test_sticky),        cmocka_unit_test(test_walk),
		cmocka_unit_test(test_bounds),        cmocka_unit_test(test_write_numbers),
		cmocka_unit_test(test_write_lengths), cmocka_unit_test(test_write_nested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
