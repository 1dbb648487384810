/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "credsspd-rdp/address-counts.h"

static void test_count(void **state)
{
	struct address_counts *t = address_counts_new();
	struct address_count *a, *b, *c;

	assert_non_null(t);
	a = address_counts_enter(t, "192.0.2.1", ADDRESS_PRE_TLS);
	b = address_counts_enter(t, "192.0.2.2", ADDRESS_PRE_TLS);
	c = address_counts_enter(t, "192.0.2.1", ADDRESS_PRE_TLS);
	assert_ptr_equal(a, c);
	assert_ptr_not_equal(a, b);
	assert_int_equal(address_counts_get(a, ADDRESS_PRE_TLS), 2);
	assert_int_equal(address_counts_get(b, ADDRESS_PRE_TLS), 1);
	assert_int_equal(address_counts_get(a, ADDRESS_CONNECTION), 0);
	/* from one stage to the other */
	assert_ptr_equal(address_counts_enter(t, "192.0.2.1", ADDRESS_CONNECTION), a);
	address_counts_leave(a, ADDRESS_PRE_TLS);
	address_counts_leave(a, ADDRESS_PRE_TLS);
	assert_int_equal(address_counts_get(a, ADDRESS_PRE_TLS), 0);
	assert_int_equal(address_counts_get(a, ADDRESS_CONNECTION), 1);
	/* the last one forgets it */
	address_counts_leave(a, ADDRESS_CONNECTION);
	a = address_counts_enter(t, "192.0.2.1", ADDRESS_PRE_TLS);
	assert_int_equal(address_counts_get(a, ADDRESS_PRE_TLS), 1);
	address_counts_leave(a, ADDRESS_PRE_TLS);
	address_counts_leave(b, ADDRESS_PRE_TLS);
	address_counts_leave(NULL, ADDRESS_PRE_TLS);
	assert_int_equal(address_counts_get(NULL, ADDRESS_PRE_TLS), 0);
	address_counts_free(t);
}

static void test_same(void **state)
{
	static const struct {
		const char *a, *b;
		int same;
	} row[] = {
		{ "2001:db8::1", "2001:db8:0:0:ffff::1", 1 }, /* one /64 */
		{ "2001:db8::1", "2001:db8:0:1::1", 0 },
		{ "::", "0.0.0.0", 0 },
		{ "192.0.2.1", "192.0.2.11", 0 },
		{ "", "", 1 }, /* no address at all is one, too */
		{ "", "0.0.0.0", 0 },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct address_counts *t = address_counts_new();
		struct address_count *a = address_counts_enter(t, row[i].a, ADDRESS_CONNECTION);
		struct address_count *b = address_counts_enter(t, row[i].b, ADDRESS_CONNECTION);

		if ((a == b) != row[i].same)
			fail_msg("%s and %s", row[i].a, row[i].b);
		address_counts_leave(a, ADDRESS_CONNECTION);
		address_counts_leave(b, ADDRESS_CONNECTION);
		address_counts_free(t);
	}
}

/* More of them than chains, in and out in another order. */
static void test_many(void **state)
{
	enum { N = 3 * RDP_CONNECTIONS_MAX };
	struct address_counts *t = address_counts_new();
	static struct address_count *all[N];
	char text[32];

	for (unsigned i = 0; i < N; i++) {
		(void)snprintf(text, sizeof text, "10.%u.%u.%u", i >> 16, i >> 8 & 0xff, i & 0xff);
		all[i] = address_counts_enter(t, text, i % 2 ? ADDRESS_CONNECTION : ADDRESS_PRE_TLS);
		assert_int_equal(address_counts_get(all[i], i % 2 ? ADDRESS_CONNECTION : ADDRESS_PRE_TLS), 1);
	}
	for (unsigned i = 0; i < N; i++) {
		unsigned k = i * 1021U % N;

		assert_int_equal(address_counts_get(all[k], k % 2 ? ADDRESS_CONNECTION : ADDRESS_PRE_TLS), 1);
		address_counts_leave(all[k], k % 2 ? ADDRESS_CONNECTION : ADDRESS_PRE_TLS);
		all[k] = NULL;
	}
	address_counts_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
