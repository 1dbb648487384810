/* SPDX-License-Identifier: MIT */
/* Whether a Begin starts a logon, and which logon it may evict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/supervisor.h"

static struct fake_logon held[HANDSHAKES_MAX];

/*
 * Begins @n logons of @caller that await their clients' next messages: held[@first ...]. @rhost: the address of all, or
 * NULL for an address each.
 */
static void hold(unsigned first, unsigned n, uid_t caller, const char *rhost)
{
	for (unsigned i = first; i < first + n; i++) {
		struct logon_peer peer = { .rport = 1 };

		if (rhost)
			(void)snprintf(peer.rhost, sizeof peer.rhost, "%s", rhost);
		else
			(void)snprintf(peer.rhost, sizeof peer.rhost, "10.0.%u.%u", i / 200, i % 200);
		assert_int_equal(begin_from(caller, &peer, &held[i]), 0);
		TAILQ_FIRST(&supervisor->logons.list)->state = LOGON_CLIENT; /* no worker: it is never asked */
	}
}

static void release_all(void)
{
	for (unsigned i = 0; i < HANDSHAKES_MAX; i++)
		held[i].channel = close_fd(held[i].channel);
	settle_down();
	assert_int_equal(supervisor->logons.live, 0);
}

/* Makes the client of the logon silent for so long. */
static void silent_for(uint64_t id, unsigned sec)
{
	struct logon *h;

	TAILQ_FOREACH(h, &supervisor->logons.list, entry)
		if (h->id == id)
			h->turn_began -= sec * USEC_PER_SEC;
}

static int begin_at(uid_t caller, const char *rhost)
{
	struct logon_peer peer = { .rport = 1 };
	struct fake_logon l;
	int r;

	(void)snprintf(peer.rhost, sizeof peer.rhost, "%s", rhost);
	r = begin_from(caller, &peer, &l);
	(void)close_fd(l.channel);
	return r;
}

static void test_arguments(void **unused)
{
	const struct logon_peer peer = { .rhost = "192.0.2.1" };
	struct logons *l = &supervisor->logons;
	static char key[SUBJECT_PUBLIC_KEY_MAX + 1];
	uint64_t id;
	int fd;

	assert_int_equal(admission_begin(l, 1, "xrdp-sesman", key, 10, &peer, &id, &fd), -EACCES);
	assert_int_equal(admission_begin(l, 4243, "other", key, 10, &peer, &id, &fd), -EACCES);
	assert_int_equal(admission_begin(l, 4243, "xrdp-sesman", key, 0, &peer, &id, &fd), -EINVAL);
	assert_int_equal(admission_begin(l, 4243, "xrdp-sesman", key, sizeof key, &peer, &id, &fd), -EINVAL);
	assert_int_equal(l->refused, 0);
	assert_int_equal(l->live, 0);
}

/* A front end with as many unread answers as dbus-daemon passes on has to wait, and is told when it need not any more.
 */
static unsigned first_over_calls;

static void on_first_over(void *userdata)
{
	first_over_calls++;
}

static void test_waits(void **unused)
{
	struct fake_logon l[HANDSHAKES_BEGUN_MAX];

	supervisor->logons.first_over = on_first_over;
	for (unsigned i = 0; i < HANDSHAKES_BEGUN_MAX; i++) {
		assert_false(admission_waits(&supervisor->logons, 4243));
		l[i] = begin("192.0.2.1");
	}
	assert_true(admission_waits(&supervisor->logons, 4243));
	assert_false(admission_waits(&supervisor->logons, 4244));
	assert_int_equal(first_over_calls, 0);
	send_tsrequest(&l[0], "AP-REQ");
	settle_down();
	assert_int_equal(first_over_calls, 1);
	assert_false(admission_waits(&supervisor->logons, 4243));
	for (unsigned i = 0; i < HANDSHAKES_BEGUN_MAX; i++)
		close_logon(&l[i]);
	assert_true(first_over_calls >= HANDSHAKES_BEGUN_MAX);
}

static void test_back_off(void **unused)
{
	struct backoff_key key = backoff_key(4243, "192.0.2.1");

	backoff_configure(supervisor->backoff, 1, 60);
	backoff_end(supervisor->backoff, &key, clock_usec(), 1); /* not known yet: no failure */
	close_logon(&(struct fake_logon){ .channel = begin("192.0.2.1").channel, .worker = -1, .verifier = -1 });
	backoff_end(supervisor->backoff, &key, clock_usec(), 1);
	assert_int_equal(begin_at(4243, "192.0.2.1"), -EAGAIN);
	assert_int_equal(begin_at(4244, "192.0.2.1"), 0); /* another front end */
	assert_int_equal(supervisor->logons.refusals[REFUSAL_BACKOFF], 1);
	settle_down();
}

/* An address that is exempt is never counted. */
static void test_exempt(void **unused)
{
	backoff_configure(supervisor->backoff, 1, 60);
	hold(0, BACKOFF_IN_FLIGHT_MAX + 1, 4243, "192.0.2.9");
	release_all();
}

/* An address has a limit of its own, and only its own silent clients make room in it. */
static void test_address_full(void **unused)
{
	hold(0, BACKOFF_IN_FLIGHT_MAX, 4243, "192.0.2.1");
	assert_int_equal(begin_at(4243, "192.0.2.1"), -EAGAIN);
	silent_for(held[3].id, HANDSHAKE_PATIENCE_SEC);
	silent_for(held[5].id, HANDSHAKE_PATIENCE_SEC + 1);
	assert_int_equal(begin_at(4243, "192.0.2.1"), 0);
	(void)assert_failed(&held[5], REFUSAL_LIMIT); /* the one that was silent for longest */
	settle_down();
	assert_int_equal(supervisor->logons.refusals[REFUSAL_LIMIT], 1);
	release_all();
	assert_int_equal(begin_at(4243, "192.0.2.1"), 0); /* none of it was a failure */
	settle_down();
}

/* All slots of a front end are taken by one address more than others: that address loses its longest silent logon. */
static void test_busiest_address(void **unused)
{
	hold(0, 60, 4243, "192.0.2.1");
	hold(60, HANDSHAKES_PER_CALLER_MAX - 60, 4243, NULL);
	silent_for(held[7].id, 2);
	silent_for(held[100].id, 5);
	assert_int_equal(begin_at(4243, "192.0.2.7"), 0);
	(void)assert_failed(&held[7], REFUSAL_LIMIT);
	settle_down();
	release_all();
}

/* No address has more than others: a newcomer waits for a client to be silent for HANDSHAKE_PATIENCE_SEC. */
static void test_even_addresses(void **unused)
{
	struct logon *h;

	hold(0, HANDSHAKES_PER_CALLER_MAX, 4243, NULL);
	assert_int_equal(begin_at(4243, "192.0.2.7"), -EBUSY);
	assert_int_equal(supervisor->logons.refusals[REFUSAL_LIMIT], 1);
	hold(HANDSHAKES_PER_CALLER_MAX, 1, 4244, NULL); /* another front end has slots of its own */
	silent_for(held[HANDSHAKES_PER_CALLER_MAX].id, 100);
	assert_int_equal(begin_at(4243, "192.0.2.7"), -EBUSY);
	silent_for(held[9].id, HANDSHAKE_PATIENCE_SEC);
	/* a client whose answer is being judged, or waits for that, is not silent */
	h = TAILQ_FIRST(&supervisor->logons.list);
	h = TAILQ_NEXT(h, entry);
	h->turn_began = 0;
	h->judging = true;
	h = TAILQ_NEXT(h, entry);
	h->turn_began = 0;
	h->queued = true;
	assert_int_equal(begin_at(4243, "192.0.2.7"), 0);
	(void)assert_failed(&held[9], REFUSAL_LIMIT);
	settle_down();
	h->queued = false;
	release_all();
}

/* The limit of all front ends together. */
static void test_all_full(void **unused)
{
	hold(0, HANDSHAKES_PER_CALLER_MAX, 4243, NULL);
	hold(HANDSHAKES_PER_CALLER_MAX, HANDSHAKES_MAX - HANDSHAKES_PER_CALLER_MAX, 4244, NULL);
	assert_int_equal(begin_at(4244, "192.0.2.7"), -EBUSY);
	release_all();
}

static int setup_exempt(void **unused)
{
	start_all(" backoff_exempt = 192.0.2.9\n");
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_exempt, teardown_all)

static const struct CMUnitTest tests[] = {
	TEST(test_arguments),    TEST(test_waits),           TEST(test_back_off),       TEST(test_exempt),
	TEST(test_address_full), TEST(test_busiest_address), TEST(test_even_addresses), TEST(test_all_full),
};

SUPERVISOR_TEST_MAIN(tests)
