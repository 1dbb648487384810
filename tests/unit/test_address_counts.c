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
	struct addresses *t = addresses_new();
	struct address *a, *b, *c;

	(void)state;
	assert_non_null(t);
	a = addresses_enter(t, "192.0.2.1", ADDRESS_WAITING);
	b = addresses_enter(t, "192.0.2.2", ADDRESS_WAITING);
	c = addresses_enter(t, "192.0.2.1", ADDRESS_WAITING);
	assert_ptr_equal(a, c);
	assert_ptr_not_equal(a, b);
	assert_int_equal(address_count(a, ADDRESS_WAITING), 2);
	assert_int_equal(address_count(b, ADDRESS_WAITING), 1);
	assert_int_equal(address_count(a, ADDRESS_SESSION), 0);
	/* from one stage to the other */
	assert_ptr_equal(addresses_enter(t, "192.0.2.1", ADDRESS_SESSION), a);
	address_leave(a, ADDRESS_WAITING);
	address_leave(a, ADDRESS_WAITING);
	assert_int_equal(address_count(a, ADDRESS_WAITING), 0);
	assert_int_equal(address_count(a, ADDRESS_SESSION), 1);
	/* the last one forgets it */
	address_leave(a, ADDRESS_SESSION);
	a = addresses_enter(t, "192.0.2.1", ADDRESS_WAITING);
	assert_int_equal(address_count(a, ADDRESS_WAITING), 1);
	address_leave(a, ADDRESS_WAITING);
	address_leave(b, ADDRESS_WAITING);
	address_leave(NULL, ADDRESS_WAITING);
	assert_int_equal(address_count(NULL, ADDRESS_WAITING), 0);
	addresses_free(t);
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

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct addresses *t = addresses_new();
		struct address *a = addresses_enter(t, row[i].a, ADDRESS_SESSION);
		struct address *b = addresses_enter(t, row[i].b, ADDRESS_SESSION);

		if ((a == b) != row[i].same)
			fail_msg("%s and %s", row[i].a, row[i].b);
		address_leave(a, ADDRESS_SESSION);
		address_leave(b, ADDRESS_SESSION);
		addresses_free(t);
	}
}

/* More of them than chains, in and out in another order. */
static void test_many(void **state)
{
	enum { N = 3 * RDP_CONNECTIONS_MAX };
	struct addresses *t = addresses_new();
	static struct address *all[N];
	char text[32];

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		(void)snprintf(text, sizeof text, "10.%u.%u.%u", i >> 16, i >> 8 & 0xff, i & 0xff);
		all[i] = addresses_enter(t, text, i % 2 ? ADDRESS_SESSION : ADDRESS_WAITING);
		assert_int_equal(address_count(all[i], i % 2 ? ADDRESS_SESSION : ADDRESS_WAITING), 1);
	}
	for (unsigned i = 0; i < N; i++) {
		unsigned k = i * 1021U % N;

		assert_int_equal(address_count(all[k], k % 2 ? ADDRESS_SESSION : ADDRESS_WAITING), 1);
		address_leave(all[k], k % 2 ? ADDRESS_SESSION : ADDRESS_WAITING);
		all[k] = NULL;
	}
	addresses_free(t);
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
