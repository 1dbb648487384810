/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>

#include "credsspd-rdp/xrdp-slots.h"

/* Asks in the order of the letters, for two places. */
static void test_order(void **state)
{
	struct place p[5] = { { .state = PLACE_NONE } };
	struct places s;

	(void)state;
	places_init(&s, 2, 2);
	assert_null(places_next(&s));
	for (int i = 0; i < 5; i++)
		assert_int_equal(places_ask(&s, &p[i], i % 2 ? "alice" : "bob"), 0);
	assert_ptr_equal(places_next(&s), &p[0]);
	assert_ptr_equal(places_next(&s), &p[1]);
	assert_null(places_next(&s));
	/* nobody has two places, or asks twice */
	assert_int_equal(places_ask(&s, &p[0], "bob"), -EALREADY);
	assert_int_equal(places_ask(&s, &p[3], "bob"), -EALREADY);
	/* one that waited leaves: nothing becomes free */
	places_leave(&s, &p[2]);
	assert_null(places_next(&s));
	places_leave(&s, &p[1]);
	assert_ptr_equal(places_next(&s), &p[3]);
	assert_null(places_next(&s));
	/* leaving twice gives nothing back twice */
	places_leave(&s, &p[1]);
	places_leave(&s, &p[2]);
	assert_null(places_next(&s));
	places_leave(&s, &p[0]);
	places_leave(&s, &p[3]);
	assert_int_equal(s.n_taken, 0);
	/* again, at the end of the queue */
	assert_int_equal(places_ask(&s, &p[0], "bob"), 0);
	assert_ptr_equal(places_next(&s), &p[4]);
	assert_ptr_equal(places_next(&s), &p[0]);
	assert_int_equal(s.n_taken, 2);
}

/* An account that has its share waits, and those behind it go on. */
static void test_share(void **state)
{
	struct place p[6] = { { .state = PLACE_NONE } };
	struct places s;

	(void)state;
	places_init(&s, 4, 2);
	for (int i = 0; i < 5; i++)
		assert_int_equal(places_ask(&s, &p[i], i < 4 ? "alice" : "bob"), 0);
	assert_ptr_equal(places_next(&s), &p[0]);
	assert_ptr_equal(places_next(&s), &p[1]);
	assert_ptr_equal(places_next(&s), &p[4]);
	assert_null(places_next(&s));
	assert_int_equal(places_ask(&s, &p[5], "bob"), 0);
	assert_ptr_equal(places_next(&s), &p[5]);
	places_leave(&s, &p[4]);
	assert_null(places_next(&s));
	places_leave(&s, &p[0]);
	assert_ptr_equal(places_next(&s), &p[2]);
	assert_null(places_next(&s));
	for (int i = 0; i < 6; i++)
		places_leave(&s, &p[i]);
	assert_int_equal(s.n_taken, 0);
	assert_true(TAILQ_EMPTY(&s.waiting) && TAILQ_EMPTY(&s.taken));
}

static void test_closed(void **state)
{
	struct place p = { .state = PLACE_NONE };
	struct places s;

	(void)state;
	places_init(&s, 1, 1);
	assert_int_equal(places_ask(&s, &p, "alice"), 0);
	s.limit = 0; /* the end of the listener */
	assert_null(places_next(&s));
	places_leave(&s, &p);
	assert_true(TAILQ_EMPTY(&s.waiting));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
