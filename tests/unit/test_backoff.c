/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "credsspd/supervisor/backoff.h"

#define SEC 1000000ULL

static struct backoff_key key_of(const char *rhost)
{
	return backoff_key(990, rhost);
}

static void fail_once(struct backoff *b, const struct backoff_key *k, uint64_t now)
{
	assert_int_equal(backoff_begin(b, k, now), 0);
	backoff_end(b, k, now, 1);
}

static void test_waits_and_ends(void **state)
{
	struct backoff *b = backoff_new(3, 8);
	struct backoff_key k = key_of("192.0.2.1");
	struct backoff_key other = key_of("192.0.2.2");
	uint64_t now = 1000 * SEC;

	for (int i = 0; i < 3; i++)
		fail_once(b, &k, now);
	assert_int_equal(backoff_begin(b, &k, now), 1);
	assert_int_equal(backoff_begin(b, &other, now), 0);
	now += 1 * SEC;
	fail_once(b, &k, now);
	assert_int_equal(backoff_begin(b, &k, now), 2);
	now += 2 * SEC;
	fail_once(b, &k, now);
	now += 4 * SEC;
	fail_once(b, &k, now);
	assert_int_equal(backoff_begin(b, &k, now), 8);
	now += 8 * SEC;
	fail_once(b, &k, now);
	assert_int_equal(backoff_begin(b, &k, now), 8); /* the maximum */
	now += 8 * SEC;
	/* a success forgets nothing: it may be of another account */
	assert_int_equal(backoff_begin(b, &k, now), 0);
	backoff_end(b, &k, now, 0);
	fail_once(b, &k, now);
	assert_int_equal(backoff_begin(b, &k, now), 8);
	backoff_free(b);
}

/* One failure a minute is forgotten, and no more than a quarter of an hour of them is kept. */
static void test_decay(void **state)
{
	struct backoff *b = backoff_new(3, 8);
	struct backoff_key k = key_of("192.0.2.1");
	uint64_t now = 1000 * SEC;

	for (int i = 0; i < 3; i++)
		fail_once(b, &k, now);
	now += BACKOFF_DECAY_SEC * SEC;
	fail_once(b, &k, now);
	assert_int_equal(backoff_begin(b, &k, now), 1);
	now += 3 * BACKOFF_DECAY_SEC * SEC;
	for (int i = 0; i < 3; i++)
		fail_once(b, &k, now);
	now += 8 * SEC;
	assert_int_equal(backoff_begin(b, &k, now), 0);
	backoff_end(b, &k, now, 1000);
	now += (3 + BACKOFF_OVER_MAX - 1) * BACKOFF_DECAY_SEC * SEC;
	fail_once(b, &k, now);
	now += BACKOFF_DECAY_SEC * SEC;
	for (int i = 0; i < 2; i++)
		fail_once(b, &k, now);
	backoff_free(b);
}

static void test_in_flight(void **state)
{
	struct backoff *b = backoff_new(5, 60);
	struct backoff_key k = key_of("192.0.2.1");
	unsigned n = 0;

	while (backoff_begin(b, &k, SEC) == 0)
		n++;
	assert_int_equal(n, BACKOFF_IN_FLIGHT_MAX);
	for (unsigned i = 0; i < n; i++)
		backoff_end(b, &k, SEC, i < 4);
	for (n = 0; backoff_begin(b, &k, SEC) == 0;)
		n++;
	assert_int_equal(n, BACKOFF_IN_FLIGHT_MAX);
	for (unsigned i = 0; i < n; i++)
		backoff_end(b, &k, SEC, i < 1);
	/* it had to wait: one at a time */
	assert_int_equal(backoff_begin(b, &k, 3 * SEC), 0);
	assert_int_equal(backoff_begin(b, &k, 3 * SEC), -EAGAIN);
	backoff_free(b);
}

/* However many are under way: no more are judged than there are failures left, before the first is known. */
static void test_judging(void **state)
{
	struct backoff *b = backoff_new(5, 60);
	struct backoff_key k = key_of("192.0.2.1"), other = key_of("192.0.2.2");
	unsigned n = 0, failed = 0;

	for (int i = 0; i < 50; i++)
		assert_int_equal(backoff_begin(b, &k, SEC), 0);
	assert_int_equal(backoff_begin(b, &other, SEC), 0);
	while (backoff_judge(b, &k, SEC) == 0)
		n++;
	assert_int_equal(n, 5);
	assert_int_equal(backoff_judge(b, &k, SEC), -EAGAIN);
	assert_int_equal(backoff_judge(b, &other, SEC), 0);
	/* who is right makes room */
	backoff_judged(b, &k);
	backoff_end(b, &k, SEC, 0);
	assert_int_equal(backoff_judge(b, &k, SEC), 0);
	assert_int_equal(backoff_judge(b, &k, SEC), -EAGAIN);
	for (; failed < 5; failed++) {
		backoff_judged(b, &k);
		backoff_end(b, &k, SEC, 1);
		/* and who is wrong makes none */
		assert_int_equal(backoff_judge(b, &k, SEC), failed < 4 ? -EAGAIN : 1);
	}
	assert_int_equal(backoff_judge(b, &k, 2 * SEC), 0);
	assert_int_equal(backoff_judge(b, &k, 2 * SEC), -EAGAIN);
	backoff_free(b);
}

/* With backoff_max = 0 no address waits. */
static void test_off(void **state)
{
	struct backoff *b = backoff_new(1, 0);
	struct backoff_key k = key_of("192.0.2.1");

	for (int i = 0; i < 100; i++)
		fail_once(b, &k, SEC);
	for (unsigned i = 0; i < BACKOFF_IN_FLIGHT_MAX; i++) {
		assert_int_equal(backoff_begin(b, &k, SEC), 0);
		assert_int_equal(backoff_judge(b, &k, SEC), 0);
	}
	backoff_free(b);
}

static void test_keys(void **state)
{
	struct backoff_key a = key_of("2001:db8:1:2::1"), b = key_of("2001:db8:1:2:ffff::9"),
			   c = key_of("2001:db8:1:3::1");
	struct backoff_key d = key_of("::ffff:192.0.2.1"), e = key_of("192.0.2.1");
	struct backoff_key f = key_of(""), g = key_of("no address"), h = backoff_key(991, "192.0.2.1");

	assert_memory_equal(&a, &b, sizeof a);
	assert_memory_not_equal(&a, &c, sizeof a);
	assert_memory_equal(&d, &e, sizeof d);
	assert_memory_equal(&f, &g, sizeof f);
	assert_memory_not_equal(&e, &h, sizeof e);
}

static void test_table_full(void **state)
{
	struct backoff *b = backoff_new(1, 60);
	struct backoff_key bad = key_of("192.0.2.1");

	fail_once(b, &bad, SEC);
	fail_once(b, &bad, 2 * SEC);
	for (uint32_t i = 0; i < 2 * BACKOFF_TABLE_MAX; i++) {
		struct backoff_key k = { .caller = 1, .family = 4 };

		memcpy(k.address, &i, sizeof i);
		assert_int_equal(backoff_begin(b, &k, 3 * SEC), 0);
		backoff_end(b, &k, 3 * SEC, i % 2);
	}
	/* others came and went; the one with the most failures is still known */
	assert_int_not_equal(backoff_begin(b, &bad, 3 * SEC), 0);
	backoff_free(b);
}

/*
 * Handshakes that wait for another one of their address were compared by memcmp(), padding and all: some would never
 * have been woken. Found by clang-tidy.
 */
static void test_key_padding(void **state)
{
	struct backoff_key a, b;

	memset(&a, 0xff, sizeof a);
	memset(&b, 0, sizeof b);
	a.caller = b.caller = 7;
	a.family = b.family = 4;
	memset(a.address, 1, sizeof a.address);
	memset(b.address, 1, sizeof b.address);
	assert_true(backoff_key_equal(&a, &b));
	b.address[7] = 2;
	assert_false(backoff_key_equal(&a, &b));
	b = a;
	b.family = 6;
	assert_false(backoff_key_equal(&a, &b));
	b = a;
	b.caller = 8;
	assert_false(backoff_key_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_padding), cmocka_unit_test(test_waits_and_ends), cmocka_unit_test(test_decay),
		cmocka_unit_test(test_in_flight),   cmocka_unit_test(test_judging),        cmocka_unit_test(test_off),
		cmocka_unit_test(test_keys),        cmocka_unit_test(test_table_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
