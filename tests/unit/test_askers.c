/* SPDX-License-Identifier: MIT */
/* Questions that block, each in a process of its own: how many at a time, in which order, what becomes of those that
 * die. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "credsspd/ntlm-verifier/askers.h"

/* ---- the answers, by what is asked; in the other process ---- */

static struct shared {
	unsigned running, most, n;
	unsigned open; /* those that wait may go on */
} * shared;

static void ask(const void *context, const struct winbind_question *question, struct winbind_reply *r)
{
	const struct verifier_query *query = &question->query;
	unsigned now = __atomic_add_fetch(&shared->running, 1, __ATOMIC_SEQ_CST), most = shared->most;

	assert_ptr_equal(context, shared);
	while (now > most &&
	       !__atomic_compare_exchange_n(&shared->most, &most, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	memset(r, 0, sizeof *r);
	(void)snprintf(r->name, sizeof r->name, "%s", query->user);
	r->uid = (uid_t)atoi(query->domain);
	r->session_key[3] = 7;
	if (strcmp(query->user, "dies") == 0)
		abort();
	if (strcmp(query->user, "leaves") == 0)
		_exit(0);
	if (strcmp(query->user, "lies") == 0)
		memset(r->name, 'x', sizeof r->name);
	while (strcmp(query->user, "waits") == 0 && !__atomic_load_n(&shared->open, __ATOMIC_SEQ_CST))
		(void)usleep(1000);
	(void)__atomic_add_fetch(&shared->n, 1, __ATOMIC_SEQ_CST);
	(void)__atomic_sub_fetch(&shared->running, 1, __ATOMIC_SEQ_CST);
}

/* ---- the questions ---- */

static struct {
	unsigned answered, refused;
	struct winbind_reply last;
	struct asking *asking[64];
} got;

static void on_answer(const struct winbind_reply *reply, void *userdata)
{
	got.answered++;
	got.refused += reply->refusal != REFUSAL_NONE;
	got.last = *reply;
	got.asking[(uintptr_t)userdata] = NULL;
}

static void put(struct askers *a, const char *user, unsigned number)
{
	struct winbind_question q = { .query = { .type = VERIFIER_QUERY } };

	(void)snprintf(q.query.user, sizeof q.query.user, "%s", user);
	(void)snprintf(q.query.domain, sizeof q.query.domain, "%u", number);
	assert_int_equal(askers_ask(a, &q, on_answer, (void *)(uintptr_t)number, &got.asking[number]), 0);
}

static void run_until(sd_event *event, unsigned answered)
{
	while (got.answered < answered)
		assert_true(sd_event_run(event, UINT64_MAX) >= 0);
}

static int setup(void **state)
{
	sd_event *event = NULL;

	memset(&got, 0, sizeof got);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || sd_event_new(&event) < 0 || signal(SIGCHLD, SIG_IGN) == SIG_ERR)
		return -1;
	*state = event;
	return 0;
}

static int teardown(void **state)
{
	(void)sd_event_unref(*state);
	return munmap(shared, sizeof *shared);
}

static void test_answers(void **state)
{
	struct askers *a = askers_new(*state, ask, shared);

	assert_non_null(a);
	put(a, "alice", 4);
	assert_int_equal(got.answered, 0); /* never from within the call */
	run_until(*state, 1);
	assert_int_equal(got.last.refusal, REFUSAL_NONE);
	assert_string_equal(got.last.name, "alice");
	assert_int_equal(got.last.uid, 4);
	assert_int_equal(got.last.session_key[3], 7);
	askers_free(a);
}

static void test_deaths(void **state)
{
	static const char *const how[] = { "dies", "leaves", "lies" };
	struct askers *a = askers_new(*state, ask, shared);

	for (unsigned i = 0; i < 3; i++) {
		put(a, how[i], i);
		run_until(*state, i + 1);
		assert_int_equal(got.last.refusal, REFUSAL_UNAVAILABLE);
		assert_string_equal(got.last.detail, "the process that asks winbind died");
	}
	put(a, "alice", 5);
	run_until(*state, 4);
	assert_int_equal(got.last.refusal, REFUSAL_NONE);
	askers_free(a);
}

static void test_many(void **state)
{
	enum { N = 3 * WINBIND_ASKERS_MAX };
	struct askers *a = askers_new(*state, ask, shared);

	for (unsigned i = 0; i < N; i++)
		put(a, i < WINBIND_ASKERS_MAX ? "waits" : "alice", i);
	while (__atomic_load_n(&shared->running, __ATOMIC_SEQ_CST) < WINBIND_ASKERS_MAX)
		(void)usleep(1000);
	/* the others wait their turn */
	assert_true(sd_event_run(*state, 20000) >= 0);
	assert_int_equal(got.answered, 0);
	__atomic_store_n(&shared->open, 1, __ATOMIC_SEQ_CST);
	run_until(*state, N);
	assert_int_equal(got.refused, 0);
	assert_int_equal(shared->most, WINBIND_ASKERS_MAX);
	assert_int_equal(shared->n, N);
	askers_free(a);
}

/* A cancelled question keeps its process, and the process counts, until it ends. */
static void test_cancelled(void **state)
{
	struct askers *a = askers_new(*state, ask, shared);

	for (unsigned i = 0; i < WINBIND_ASKERS_MAX; i++)
		put(a, "waits", i);
	put(a, "alice", WINBIND_ASKERS_MAX);
	put(a, "bob", WINBIND_ASKERS_MAX + 1);
	for (unsigned i = 0; i <= WINBIND_ASKERS_MAX; i++)
		asking_cancel(got.asking[i]);
	asking_cancel(NULL);
	assert_true(sd_event_run(*state, 20000) >= 0);
	assert_int_equal(got.answered, 0);
	__atomic_store_n(&shared->open, 1, __ATOMIC_SEQ_CST);
	run_until(*state, 1);
	assert_string_equal(got.last.name, "bob");
	askers_free(a);
}

static void test_freed(void **state)
{
	struct askers *a = askers_new(*state, ask, shared);

	for (unsigned i = 0; i < 2 * WINBIND_ASKERS_MAX; i++)
		put(a, "alice", i);
	askers_free(a);
	askers_free(NULL);
	assert_true(sd_event_run(*state, 20000) >= 0);
	assert_int_equal(got.answered, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deaths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_freed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
