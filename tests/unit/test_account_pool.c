/* SPDX-License-Identifier: MIT */
/* The supervisor's side of account checkers: this program listens in the warden's place and answers, or does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/loop.h"
#include "common/base/refusal.h"
#include "common/ipc/packet.h"
#include "credsspd/supervisor/account-pool.c"

#define ASKS_MAX 8U

struct asker {
	struct account_ask *ask;
	unsigned calls;
	bool answered;
	struct account_answer answer;
	char why[80];
};

static char dir[] = "/tmp/test-account-pool.XXXXXX", path[64];
static sd_event *event;
static struct account_pool *pool;
static int listener = -1;
static struct asker askers[ASKS_MAX];

static void on_answer(const struct account_answer *answer, const char *why, void *userdata)
{
	struct asker *a = userdata;

	a->calls++;
	a->ask = NULL;
	a->answered = answer != NULL;
	if (answer)
		a->answer = *answer;
	else
		(void)snprintf(a->why, sizeof a->why, "%s", why);
}

static void turn(unsigned msec)
{
	while (sd_event_run(event, msec * 1000U) > 0)
		;
}

static void listen_again(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	strcpy(at.sun_path, path);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(listener >= 0);
	(void)unlink(path);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(listener, 16), 0);
}

static int set_up(void **state)
{
	memset(askers, 0, sizeof askers);
	assert_true(loop_new(&event) >= 0);
	assert_int_equal(account_pool_new(event, path, &pool), 0);
	listen_again();
	return 0;
}

static int tear_down(void **state)
{
	/* ends the connections that no test has accepted */
	listener = close_fd(listener);
	account_pool_free(pool);
	(void)sd_event_unref(event);
	(void)unlink(path);
	return 0;
}

static int ask(unsigned i)
{
	struct account_question q = { .type = 0 };

	(void)snprintf(q.user, sizeof q.user, "user%u", i);
	return account_ask(pool, &q, on_answer, &askers[i], &askers[i].ask);
}

static int accept_one(void)
{
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* Returns the id of the question that has come. */
static uint64_t expect_question(int fd, const char *user)
{
	struct account_question q;

	assert_int_equal(packet_recv(fd, &q, sizeof q, NULL, 0), sizeof q);
	assert_int_equal(q.type, ACCOUNT_QUESTION);
	assert_string_equal(q.user, user);
	return q.id;
}

static struct account_answer answer_to(uint64_t id)
{
	return (struct account_answer){
		.type = ACCOUNT_ANSWER, .id = id, .refusal = REFUSAL_ACCOUNT_EXPIRED, .pam = 13, .detail = "because"
	};
}

static void test_answers(void **state)
{
	AUTO_CLOSE int fd = -1;
	struct account_answer a;

	assert_int_equal(ask(0), 0);
	fd = accept_one();
	assert_true(fd >= 0);
	a = answer_to(expect_question(fd, "user0"));
	assert_int_equal(askers[0].calls, 0);
	assert_int_equal(packet_send(fd, &a, sizeof a, NULL, 0), 0);
	turn(20);
	assert_int_equal(askers[0].calls, 1);
	assert_true(askers[0].answered);
	assert_int_equal(askers[0].answer.refusal, REFUSAL_ACCOUNT_EXPIRED);
	/* the same process answers the next one */
	assert_int_equal(ask(1), 0);
	a = answer_to(expect_question(fd, "user1"));
	assert_int_equal(packet_send(fd, &a, sizeof a, NULL, 0), 0);
	turn(20);
	assert_true(askers[1].answered);
	assert_true(accept_one() < 0);
}

/* More questions than processes: the others wait for their turn. */
static void test_queue(void **state)
{
	int fds[ACCOUNT_CHECKERS_MAX];
	struct account_answer a;

	for (unsigned i = 0; i < ACCOUNT_CHECKERS_MAX + 2; i++)
		assert_int_equal(ask(i), 0);
	for (unsigned i = 0; i < ACCOUNT_CHECKERS_MAX; i++) {
		fds[i] = accept_one();
		assert_true(fds[i] >= 0);
	}
	assert_true(accept_one() < 0);
	/* a cancelled question is not asked */
	account_ask_cancel(askers[ACCOUNT_CHECKERS_MAX].ask);
	a = answer_to(expect_question(fds[1], "user1"));
	assert_int_equal(packet_send(fds[1], &a, sizeof a, NULL, 0), 0);
	turn(20);
	assert_true(askers[1].answered);
	a = answer_to(expect_question(fds[1], "user5"));
	assert_int_equal(packet_send(fds[1], &a, sizeof a, NULL, 0), 0);
	turn(20);
	assert_true(askers[5].answered);
	assert_int_equal(askers[4].calls, 0);
	/* cancelled while it is asked: the answer goes nowhere, and the process is free again */
	account_ask_cancel(askers[0].ask);
	a = answer_to(expect_question(fds[0], "user0"));
	assert_int_equal(packet_send(fds[0], &a, sizeof a, NULL, 0), 0);
	turn(20);
	assert_int_equal(askers[0].calls, 0);
	for (unsigned i = 0; i < ACCOUNT_CHECKERS_MAX; i++)
		(void)close(fds[i]);
}

/* A stopped service costs no time, one that has been started again is used. */
static void test_service_stopped(void **state)
{
	AUTO_CLOSE int fd = -1;
	struct account_answer a;

	listener = close_fd(listener);
	assert_int_equal(ask(0), -ECONNREFUSED);
	(void)unlink(path);
	assert_int_equal(ask(0), -ENOENT);
	assert_int_equal(askers[0].calls, 0);
	listen_again();
	assert_int_equal(ask(1), 0);
	fd = accept_one();
	a = answer_to(expect_question(fd, "user1"));
	assert_int_equal(packet_send(fd, &a, sizeof a, NULL, 0), 0);
	turn(20);
	assert_true(askers[1].answered);
	/* the process ends while it is idle, and while it is asked */
	fd = close_fd(fd);
	assert_int_equal(ask(2), 0);
	fd = accept_one();
	(void)expect_question(fd, "user2");
	fd = close_fd(fd);
	turn(20);
	assert_int_equal(askers[2].calls, 1);
	assert_false(askers[2].answered);
	assert_non_null(strstr(askers[2].why, "ended"));
}

/* All processes have ended while they were idle: the next question does not wait until each end has been seen. */
static void test_idle_processes_ended(void **state)
{
	struct account_answer a;
	int fds[2];

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(ask(i), 0);
		fds[i] = accept_one();
	}
	for (unsigned i = 0; i < 2; i++) {
		a = answer_to(expect_question(fds[i], i ? "user1" : "user0"));
		assert_int_equal(packet_send(fds[i], &a, sizeof a, NULL, 0), 0);
	}
	turn(20);
	(void)close(fds[0]);
	(void)close(fds[1]);
	assert_int_equal(ask(2), 0);
	fds[0] = accept_one();
	assert_true(fds[0] >= 0);
	(void)expect_question(fds[0], "user2");
	(void)close(fds[0]);
}

/* The service is stopped while a question waits for a process: the question does not wait for its deadline. */
static void test_service_stopped_with_queue(void **state)
{
	for (unsigned i = 0; i < ACCOUNT_CHECKERS_MAX + 1; i++)
		assert_int_equal(ask(i), 0);
	for (unsigned i = 0; i < ACCOUNT_CHECKERS_MAX; i++)
		(void)close(accept_one());
	listener = close_fd(listener);
	turn(20);
	for (unsigned i = 0; i < ACCOUNT_CHECKERS_MAX + 1; i++) {
		assert_int_equal(askers[i].calls, 1);
		assert_false(askers[i].answered);
	}
}

static void test_malformed_answers(void **state)
{
	for (unsigned i = 0; i < 5; i++) {
		AUTO_CLOSE int fd = -1;
		struct account_answer a;
		size_t len = sizeof a;
		char octet;

		assert_int_equal(ask(i), 0);
		fd = accept_one();
		a = answer_to(expect_question(fd, (const char[]){ 'u', 's', 'e', 'r', (char)('0' + i), '\0' }));
		if (i == 0)
			a.type = ACCOUNT_QUESTION;
		else if (i == 1)
			a.id++;
		else if (i == 2)
			a.refusal = REFUSAL_MAX_;
		else if (i == 3)
			memset(a.detail, 'x', sizeof a.detail);
		else
			len--;
		assert_int_equal(packet_send(fd, &a, len, NULL, 0), 0);
		turn(20);
		assert_int_equal(askers[i].calls, 1);
		assert_false(askers[i].answered);
		/* and the connection is closed, which ends the process */
		assert_int_equal(packet_recv(fd, &octet, 1, NULL, 0), 0);
	}
}

/* What a checker that was taken over may say of an account: states of an account, and nothing that the client's address pays for. */
static void test_refusals_of_a_liar(void **state)
{
	static const bool allowed[REFUSAL_MAX_ + 1] = {
		[REFUSAL_NONE] = true,
		[REFUSAL_ACCOUNT_DISABLED] = true,
		[REFUSAL_ACCOUNT_EXPIRED] = true,
		[REFUSAL_PASSWORD_EXPIRED] = true,
		[REFUSAL_PASSWORD_MUST_CHANGE] = true,
		[REFUSAL_ACCOUNT_RESTRICTION] = true,
	};

	for (unsigned refusal = 0; refusal <= REFUSAL_MAX_; refusal++) {
		AUTO_CLOSE int fd = -1;
		struct account_answer a;

		memset(askers, 0, sizeof askers);
		account_pool_renew(pool);
		assert_int_equal(ask(0), 0);
		fd = accept_one();
		a = answer_to(expect_question(fd, "user0"));
		a.refusal = (uint16_t)refusal;
		assert_int_equal(packet_send(fd, &a, sizeof a, NULL, 0), 0);
		turn(20);
		assert_int_equal(askers[0].calls, 1);
		if (askers[0].answered != allowed[refusal])
			fail_msg("refusal %s", refusal_word(refusal));
		if (askers[0].answered)
			assert_int_equal(refusal_weight(askers[0].answer.refusal), 0);
	}
}

/* A second answer ends the process, whether a question waits for one or not; the next question gets its own answer. */
static void test_two_answers(void **state)
{
	for (unsigned busy = 0; busy < 2; busy++) {
		AUTO_CLOSE int fd = -1;
		AUTO_CLOSE int next = -1;
		struct account_answer a;
		char octet;

		memset(askers, 0, sizeof askers);
		assert_int_equal(ask(0), 0);
		fd = accept_one();
		a = answer_to(expect_question(fd, "user0"));
		assert_int_equal(packet_send(fd, &a, sizeof a, NULL, 0), 0);
		if (busy) {
			turn(20);
			assert_int_equal(ask(1), 0);
		}
		assert_int_equal(packet_send(fd, &a, sizeof a, NULL, 0), 0);
		turn(20);
		assert_int_equal(askers[0].calls, 1);
		assert_true(askers[0].answered);
		assert_int_equal(askers[1].calls, busy);
		assert_false(askers[1].answered);
		if (busy)
			(void)expect_question(fd, "user1");
		assert_int_equal(packet_recv(fd, &octet, 1, NULL, 0), 0);
		assert_int_equal(ask(2), 0);
		next = accept_one();
		a = answer_to(expect_question(next, "user2"));
		assert_int_equal(packet_send(next, &a, sizeof a, NULL, 0), 0);
		turn(20);
		assert_true(askers[2].answered);
		account_pool_renew(pool);
	}
}

/* Larger than an answer, and larger than any message of ours; with a descriptor. */
static void test_huge_answers(void **state)
{
	static uint8_t huge[65536];

	for (unsigned i = 0; i < 3; i++) {
		AUTO_CLOSE int fd = -1;
		struct account_answer a;
		char octet;
		int extra = STDERR_FILENO;

		assert_int_equal(ask(i), 0);
		fd = accept_one();
		a = answer_to(expect_question(fd, (const char[]){ 'u', 's', 'e', 'r', (char)('0' + i), '\0' }));
		memcpy(huge, &a, sizeof a);
		/* a kernel with SO_PASSRIGHTS takes no descriptor at all */
		(void)packet_send(fd, huge, i == 0 ? sizeof a + 1 : i == 1 ? sizeof huge : sizeof a, &extra, i == 2);
		if (i == 2)
			(void)shutdown(fd, SHUT_WR);
		turn(20);
		assert_int_equal(askers[i].calls, 1);
		assert_false(askers[i].answered);
		assert_int_equal(packet_recv(fd, &octet, 1, NULL, 0), 0);
	}
}

static void test_renewal(void **state)
{
	AUTO_CLOSE int idle = -1;
	AUTO_CLOSE int busy = -1;
	struct account_answer a;
	char octet;

	account_pool_warm_up(pool);
	idle = accept_one();
	assert_true(idle >= 0);
	account_pool_warm_up(pool);
	assert_true(accept_one() < 0);
	account_pool_renew(pool);
	assert_int_equal(packet_recv(idle, &octet, 1, NULL, 0), 0);
	assert_int_equal(ask(0), 0);
	busy = accept_one();
	account_pool_renew(pool);
	a = answer_to(expect_question(busy, "user0"));
	assert_int_equal(packet_send(busy, &a, sizeof a, NULL, 0), 0);
	turn(20);
	assert_true(askers[0].answered);
	assert_int_equal(packet_recv(busy, &octet, 1, NULL, 0), 0);
}

/* A question that only waited for a process tells nothing about modules: it does not count towards the pause. */
static void test_all_busy(void **state)
{
	int fds[ACCOUNT_CHECKERS_MAX];
	unsigned last = ACCOUNT_CHECKERS_MAX + ACCOUNT_CHECK_MISSES;

	for (unsigned i = 0; i < last; i++)
		assert_int_equal(ask(i), 0);
	for (unsigned i = 0; i < ACCOUNT_CHECKERS_MAX; i++)
		fds[i] = accept_one();
	for (unsigned i = ACCOUNT_CHECKERS_MAX; i < last; i++)
		assert_int_equal(sd_event_source_set_time(askers[i].ask->deadline, 1), 0);
	turn(300);
	for (unsigned i = ACCOUNT_CHECKERS_MAX; i < last; i++) {
		assert_int_equal(askers[i].calls, 1);
		assert_non_null(strstr(askers[i].why, "busy"));
	}
	assert_int_equal(askers[0].calls, 0);
	assert_int_equal(ask(last), 0); /* no pause */
	for (unsigned i = 0; i < ACCOUNT_CHECKERS_MAX; i++)
		(void)close(fds[i]);
}

/* Modules that hang: each question is given up in time, its process is ended, and then the check pauses. */
static void test_deadline(void **state)
{
	int fds[ACCOUNT_CHECK_MISSES];
	struct timespec from, to;
	char octet;

	(void)clock_gettime(CLOCK_BOOTTIME, &from);
	for (unsigned i = 0; i < ACCOUNT_CHECK_MISSES; i++) {
		assert_int_equal(ask(i), 0);
		fds[i] = accept_one();
	}
	for (unsigned i = 0; i < ACCOUNT_CHECK_MISSES; i++)
		while (!askers[i].calls)
			(void)sd_event_run(event, 1000000);
	(void)clock_gettime(CLOCK_BOOTTIME, &to);
	assert_in_range(to.tv_sec - from.tv_sec, ACCOUNT_CHECK_TIMEOUT_SEC - 1, ACCOUNT_CHECK_TIMEOUT_SEC + 2);
	for (unsigned i = 0; i < ACCOUNT_CHECK_MISSES; i++) {
		assert_false(askers[i].answered);
		assert_non_null(strstr(askers[i].why, "hangs"));
		(void)expect_question(fds[i], (const char[]){ 'u', 's', 'e', 'r', (char)('0' + i), '\0' });
		assert_int_equal(packet_recv(fds[i], &octet, 1, NULL, 0), 0);
		(void)close(fds[i]);
	}
	assert_int_equal(ask(3), -EAGAIN);
	/* a reload is a new beginning */
	account_pool_renew(pool);
	assert_int_equal(ask(4), 0);
}

static int make_dir(void **state)
{
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s/socket", dir);
	return 0;
}

static int remove_dir(void **state)
{
	return rmdir(dir);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers),
		TEST(test_queue),
		TEST(test_service_stopped),
		TEST(test_idle_processes_ended),
		TEST(test_service_stopped_with_queue),
		TEST(test_malformed_answers),
		TEST(test_refusals_of_a_liar),
		TEST(test_two_answers),
		TEST(test_huge_answers),
		TEST(test_renewal),
		TEST(test_all_busy),
		TEST(test_deadline),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
