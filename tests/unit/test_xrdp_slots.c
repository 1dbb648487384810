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
	struct xrdp_slot p[5] = { { .state = XRDP_SLOT_NONE } };
	struct xrdp_slots s;

	xrdp_slots_init(&s, 2, 2);
	assert_null(xrdp_slots_next(&s));
	for (int i = 0; i < 5; i++)
		assert_int_equal(xrdp_slots_ask(&s, &p[i], i % 2 ? "alice" : "bob"), 0);
	assert_ptr_equal(xrdp_slots_next(&s), &p[0]);
	assert_ptr_equal(xrdp_slots_next(&s), &p[1]);
	assert_null(xrdp_slots_next(&s));
	/* no connection has two slots, or asks twice */
	assert_int_equal(xrdp_slots_ask(&s, &p[0], "bob"), -EALREADY);
	assert_int_equal(xrdp_slots_ask(&s, &p[3], "bob"), -EALREADY);
	/* one that waited leaves: nothing becomes free */
	xrdp_slots_leave(&s, &p[2]);
	assert_null(xrdp_slots_next(&s));
	xrdp_slots_leave(&s, &p[1]);
	assert_ptr_equal(xrdp_slots_next(&s), &p[3]);
	assert_null(xrdp_slots_next(&s));
	/* leaving twice gives nothing back twice */
	xrdp_slots_leave(&s, &p[1]);
	xrdp_slots_leave(&s, &p[2]);
	assert_null(xrdp_slots_next(&s));
	xrdp_slots_leave(&s, &p[0]);
	xrdp_slots_leave(&s, &p[3]);
	assert_int_equal(s.n_taken, 0);
	/* again, at the end of the queue */
	assert_int_equal(xrdp_slots_ask(&s, &p[0], "bob"), 0);
	assert_ptr_equal(xrdp_slots_next(&s), &p[4]);
	assert_ptr_equal(xrdp_slots_next(&s), &p[0]);
	assert_int_equal(s.n_taken, 2);
}

/* An account that has its share waits, and those behind it go on. */
static void test_share(void **state)
{
	struct xrdp_slot p[6] = { { .state = XRDP_SLOT_NONE } };
	struct xrdp_slots s;

	xrdp_slots_init(&s, 4, 2);
	for (int i = 0; i < 5; i++)
		assert_int_equal(xrdp_slots_ask(&s, &p[i], i < 4 ? "alice" : "bob"), 0);
	assert_ptr_equal(xrdp_slots_next(&s), &p[0]);
	assert_ptr_equal(xrdp_slots_next(&s), &p[1]);
	assert_ptr_equal(xrdp_slots_next(&s), &p[4]);
	assert_null(xrdp_slots_next(&s));
	assert_int_equal(xrdp_slots_ask(&s, &p[5], "bob"), 0);
	assert_ptr_equal(xrdp_slots_next(&s), &p[5]);
	xrdp_slots_leave(&s, &p[4]);
	assert_null(xrdp_slots_next(&s));
	xrdp_slots_leave(&s, &p[0]);
	assert_ptr_equal(xrdp_slots_next(&s), &p[2]);
	assert_null(xrdp_slots_next(&s));
	for (int i = 0; i < 6; i++)
		xrdp_slots_leave(&s, &p[i]);
	assert_int_equal(s.n_taken, 0);
	assert_true(TAILQ_EMPTY(&s.queued) && TAILQ_EMPTY(&s.taken));
}

static void test_closed(void **state)
{
	struct xrdp_slot p = { .state = XRDP_SLOT_NONE };
	struct xrdp_slots s;

	xrdp_slots_init(&s, 1, 1);
	assert_int_equal(xrdp_slots_ask(&s, &p, "alice"), 0);
	s.limit = 0; /* the end of the listener */
	assert_null(xrdp_slots_next(&s));
	xrdp_slots_leave(&s, &p);
	assert_true(TAILQ_EMPTY(&s.queued));
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
