/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "credsspd/ntlm-verifier/throttle.h"

#define SEC 1000000ULL
#define MSEC 1000ULL

/* Of ten other names, nearly all are answered at once: with a random key one may share a counter. */
static void assert_others_are_free(struct throttle *t, bool known, uint64_t now)
{
	unsigned free_ones = 0;
	char name[16];

	for (int i = 0; i < 10; i++) {
		(void)snprintf(name, sizeof name, "other%d", i);
		free_ones += throttle_charge(t, known, name, now) == 0;
	}
	assert_true(free_ones >= 8);
}

static void test_exchange(void **state)
{
	static const uint64_t msec[] = { 0, 0, 0, 0, 0, 250, 500, 1000, 2000, 4000, 8000, 8000, 8000 };
	struct throttle *t = throttle_new();
	uint64_t now = 5000 * SEC;

	assert_non_null(t);
	_Static_assert(ACCOUNT_DELAY_FREE_FAILURES == 5 && ACCOUNT_DELAY_MAX_MSEC == 8000, "what the table is for");
	for (size_t i = 0; i < sizeof msec / sizeof *msec; i++)
		assert_int_equal(throttle_charge(t, true, "alice", now), msec[i] * MSEC);
	/* others do not wait, nor does the same name in the other table */
	assert_others_are_free(t, true, now);
	assert_int_equal(throttle_charge(t, false, "alice", now), 0);
	/* case is no way around it */
	assert_int_equal(throttle_charge(t, true, "ALICE", now), 8000 * MSEC);
	/* a right password is the end of it */
	throttle_clear(t, true, "Alice");
	assert_int_equal(throttle_charge(t, true, "alice", now), 0);
	throttle_free(t);
}

static void test_never_more_than_the_limit(void **state)
{
	struct throttle *t = throttle_new();

	for (unsigned i = 0; i < 100000; i++)
		assert_true(throttle_charge(t, i % 2, "alice", i) <= ACCOUNT_DELAY_MAX_MSEC * MSEC);
	throttle_free(t);
}

static void test_decay(void **state)
{
	struct throttle *t = throttle_new();
	uint64_t now = 0;

	for (int i = 0; i < 8; i++)
		(void)throttle_charge(t, true, "alice", now);
	/* 8 failures; 3 are forgotten, the rest of the minute counts on */
	now += 3 * THROTTLE_DECAY_SEC * SEC + 10 * SEC;
	assert_int_equal(throttle_charge(t, true, "alice", now), 250 * MSEC);
	now += (THROTTLE_DECAY_SEC - 10) * SEC;
	assert_int_equal(throttle_charge(t, true, "alice", now), 250 * MSEC);
	now += 100 * THROTTLE_DECAY_SEC * SEC;
	for (unsigned i = 0; i < ACCOUNT_DELAY_FREE_FAILURES; i++)
		assert_int_equal(throttle_charge(t, true, "alice", now), 0);
	/* a clock that goes back harms nothing */
	assert_int_equal(throttle_charge(t, true, "alice", 1), 250 * MSEC);
	throttle_free(t);
}

/* Who fails with a hundred thousand invented names neither frees nor delays an account. */
static void test_spraying(void **state)
{
	struct throttle *t = throttle_new();
	char name[32];

	for (int i = 0; i < 12; i++)
		(void)throttle_charge(t, true, "alice", 0);
	for (unsigned i = 0; i < 100000; i++) {
		(void)snprintf(name, sizeof name, "nobody%u", i);
		(void)throttle_charge(t, false, name, 0);
	}
	assert_int_equal(throttle_charge(t, true, "alice", 0), ACCOUNT_DELAY_MAX_MSEC * MSEC);
	assert_others_are_free(t, true, 0);
	throttle_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_never_more_than_the_limit),
		cmocka_unit_test(test_decay),
		cmocka_unit_test(test_spraying),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
