/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/logoninfo.h"
#include "tests/unit/build.h"

#define FIXED 236U

static void put(uint8_t *p, size_t len, uint32_t v)
{
	for (size_t i = 0; i < len; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

/* As Windows writes it, as far as it is read, and a few bytes more. */
static struct buf info(const uint16_t *name, uint32_t n)
{
	struct buf b = buf_new(FIXED + 12 + 2 * n + 4);

	memset(b.p, 0, b.len);
	b.p[0] = 1;
	b.p[1] = 0x10;
	b.p[2] = 8;
	put(b.p + 16, 4, 0x20000);
	put(b.p + 68, 2, 2 * n);
	put(b.p + 70, 2, 2 * n);
	put(b.p + 72, 4, 0x20004);
	put(b.p + FIXED, 4, n);
	put(b.p + FIXED + 8, 4, n);
	for (uint32_t i = 0; i < n; i++)
		put(b.p + FIXED + 12 + 2 * (size_t)i, 2, name[i]);
	return b;
}

static int read_buf(struct buf b, char out[ACCOUNT_NAME_MAX + 1])
{
	memset(out, 0xaa, ACCOUNT_NAME_MAX + 1);
	return logon_info_account((struct view){ b.p, b.len }, out);
}

static void test_names(void **state)
{
	static const uint16_t machine[] = { 'l', 'o', 'r', 'e', 'n', 'z', '$' }, joerg[] = { 'J', 0xf6, 'r', 'g' };
	char out[ACCOUNT_NAME_MAX + 1];
	struct buf b = info(machine, 7);

	assert_int_equal(read_buf(b, out), 0);
	assert_string_equal(out, "lorenz$");
	free(b.p);
	b = info(joerg, 4);
	assert_int_equal(read_buf(b, out), 0);
	assert_string_equal(out, "J\303\266rg");
	free(b.p);
}

static void test_malformed(void **state)
{
	static const uint16_t name[] = { 'a', 'l', 'i', 'c', 'e' };
	static const struct {
		size_t at, len;
		uint32_t v;
	} row[] = {
		{ 0, 1, 2 },
		{ 1, 1, 0 },
		{ 16, 4, 0 },
		{ 68, 2, 0 },
		{ 68, 2, 9 },
		{ 68, 2, 12 },
		{ 68, 2, 0xfffe },
		{ 72, 4, 0 },
		{ FIXED, 4, 4 },
		{ FIXED + 4, 4, 1 },
		{ FIXED + 8, 4, 4 },
		{ FIXED + 8, 4, 0x80000005 },
		{ FIXED + 12, 2, 0 },
		{ FIXED + 12, 2, ':' },
		{ FIXED + 14, 2, '/' },
		{ FIXED + 16, 2, 0xd800 },
		{ FIXED + 12, 2, 10 },
	};
	char out[ACCOUNT_NAME_MAX + 1];
	struct buf b;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		b = info(name, 5);
		put(b.p + row[i].at, row[i].len, row[i].v);
		if (read_buf(b, out) != -EBADMSG)
			fail_msg("row %zu", i);
		free(b.p);
	}
	/* every length that is too short, in a block of just that length */
	b = info(name, 5);
	for (size_t len = 0; len < FIXED + 12 + 10; len++) {
		struct buf shorter = buf_copy(b.p, len);

		assert_int_equal(read_buf(shorter, out), -EBADMSG);
		free(shorter.p);
	}
	free(b.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
