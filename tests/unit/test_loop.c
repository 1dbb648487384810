/* SPDX-License-Identifier: MIT */
/* Not under valgrind: it does not take mount(2) without a type. */
/* A timer in a process that is confined as the verifier is, with /proc as ProcSubset=pid shows it. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/loop.h"
#include "credsspd/ntlm-verifier/ntlm-verifier-sandbox.h"

#define NO_MOUNT 77
#define FAILED 99

static char dir[] = "/tmp/test-loop.XXXXXX", store[64];

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	return sd_event_exit(sd_event_source_get_event(source), 42);
}

static int confine_for_store(void)
{
	return confine_store(store);
}

static int hide_all_but_pids(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	return mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "subset=pid") < 0 ? -errno : 0;
}

__attribute__((noreturn)) static void run(int (*new_loop)(sd_event **), int (*confinement)(void))
{
	sd_event *event = NULL;
	int fd = open("/dev/null", O_RDONLY);

	if (hide_all_but_pids() < 0)
		_exit(NO_MOUNT);
	if (confine_early(fd) < 0 || new_loop(&event) < 0 || confinement() < 0 ||
	    sd_event_add_time_relative(event, NULL, CLOCK_BOOTTIME, 1000, 0, on_timer, NULL) < 0)
		_exit(FAILED);
	_exit(sd_event_loop(event));
}

static int outcome(int (*new_loop)(sd_event **), int (*confinement)(void))
{
	pid_t pid = fork();
	int w;

	if (pid == 0)
		run(new_loop, confinement);
	assert_int_equal(waitpid(pid, &w, 0), pid);
	if (WIFEXITED(w) && WEXITSTATUS(w) == NO_MOUNT)
		skip(); /* not root */
	return WIFSIGNALED(w) ? -WTERMSIG(w) : WEXITSTATUS(w);
}

static void test_timer(void **state)
{
	assert_int_equal(outcome(loop_new, confine_for_store), 42);
	assert_int_equal(outcome(loop_new, confine_winbind), 42);
}

/* If sd-event needed no file any more, test_timer() would show nothing. */
static void test_without_the_first_turn(void **state)
{
	assert_int_equal(outcome(sd_event_new, confine_winbind), -SIGSYS);
}

static int setup(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(store, sizeof store, "%s/ntlm", dir);
	return 0;
}

static int teardown(void **state)
{
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timer),
		cmocka_unit_test(test_without_the_first_turn),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
