/* SPDX-License-Identifier: MIT */
/* Not under valgrind: it does not know pidfd_open(2). */
/* A process of the supervisor's that gives no sign of life. This program is its own child: the service execs it again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "common/ipc/packet.h"
#include "tests/unit/service.h"

#define CHILD "--child"
#define READY 1
#define PING 2
#define SIGN_SEC 1

static sd_event *event;
static struct service *service;

/* ---- the child: ready, and ready again when it is asked ---- */

static int child_main(void)
{
	const uint8_t ready = READY;
	uint8_t octet = PING;

	do {
		if (octet != PING || packet_send(3, &ready, 1, NULL, 0) < 0)
			return 1;
	} while (packet_recv(3, &octet, 1, NULL, 0) > 0);
	return 0;
}

/* ---- the supervisor ---- */

static const struct service_ops ops = {
	.name = "child",
	.arg1 = CHILD,
	.ready_type = READY,
	.ping_type = PING,
	.ping_len = 1,
	.sign_sec = SIGN_SEC,
	.record_max = 1,
	.record = on_record,
	.gone = on_gone,
};

static void run_for(unsigned msec)
{
	struct timespec t;
	uint64_t end, now;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	end = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 + msec;
	do {
		assert_true(sd_event_run(event, 50000) >= 0);
		(void)clock_gettime(CLOCK_MONOTONIC, &t);
		now = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
	} while (now < end);
}

/* The pid of the one that takes work, which is not @other. */
static pid_t current_other_than(pid_t other)
{
	for (int i = 0; i < 200; i++) {
		const struct process *c = service_current(service);

		if (c && c->pid != other)
			return c->pid;
		assert_true(sd_event_run(event, 50000) >= 0);
	}
	fail_msg("no process takes work");
	return -1;
}

static void test_suspect(void **unused)
{
	pid_t pid = current_other_than(-1);

	process_suspect(service_current(service));
	process_suspect(service_current(service));
	run_for(2000 * SIGN_SEC);
	assert_int_equal(current_other_than(-1), pid); /* it has answered */
	assert_int_equal(gone, 0);
}

static void test_stopped(void **unused)
{
	pid_t pid = current_other_than(-1);

	assert_int_equal(kill(pid, SIGSTOP), 0);
	process_suspect(service_current(service));
	run_for(500 * SIGN_SEC);
	assert_int_equal(current_other_than(-1), pid); /* it has its time */
	assert_int_equal(gone, 0);
	(void)current_other_than(pid);
	assert_int_equal(gone, 1);
	assert_int_equal(kill(pid, 0), -1);
}

/* One that goes on in time has answered. */
static void test_paused(void **unused)
{
	pid_t pid = current_other_than(-1);

	gone = 0;
	assert_int_equal(kill(pid, SIGSTOP), 0);
	process_suspect(service_current(service));
	run_for(500 * SIGN_SEC);
	assert_int_equal(kill(pid, SIGCONT), 0);
	run_for(1500 * SIGN_SEC);
	assert_int_equal(current_other_than(-1), pid);
	assert_int_equal(gone, 0);
}

static int setup(void **unused)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || sd_event_new(&event) < 0 ||
	    service_new(event, &ops, "none", NULL, &service) < 0)
		return -1;
	return service_start(service);
}

static int teardown(void **unused)
{
	service_free(service);
	(void)sd_event_unref(event);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suspect),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_paused),
	};

	if (argc > 1 && strcmp(argv[1], CHILD) == 0)
		return child_main();
	(void)alarm(60);
	return cmocka_run_group_tests(tests, setup, teardown);
}
