/* SPDX-License-Identifier: MIT */
/* Not under valgrind: /proc/self/exe is valgrind there. */
/* The process that a daemon makes of itself in another role: this program, which then looks at what it got. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/exec.h"

/* In the new process: 42 when all is as exec.h says. */
static int look(int argc, char **argv)
{
	sigset_t blocked;
	int death = 0;

	if (argc != 5 || strcmp(argv[2], "two") != 0 || strcmp(argv[3], "--config") != 0 ||
	    strcmp(argv[4], "/a/config") != 0)
		return 1;
	if (getenv("NOTIFY_SOCKET") || getenv("LISTEN_FDS") || getenv("WATCHDOG_USEC"))
		return 2;
	if (sigprocmask(SIG_SETMASK, NULL, &blocked) < 0 || sigismember(&blocked, SIGTERM))
		return 3;
	if (fcntl(3, F_GETFD) != 0 || fcntl(50, F_GETFD) >= 0)
		return 4;
	return prctl(PR_GET_PDEATHSIG, &death) == 0 && death == SIGKILL ? 42 : 5;
}

static int outcome(pid_t parent)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), other = fcntl(fd, F_DUPFD, 50), w;
	sigset_t all;
	pid_t pid = fork();

	if (pid == 0) {
		(void)sigfillset(&all);
		(void)sigprocmask(SIG_SETMASK, &all, NULL);
		exec_role("--look", "two", "/a/config", fd, parent);
	}
	(void)close(fd);
	(void)close(other);
	assert_int_equal(waitpid(pid, &w, 0), pid);
	assert_true(WIFEXITED(w));
	return WEXITSTATUS(w);
}

static void test_role(void **state)
{
	assert_int_equal(
	    setenv("NOTIFY_SOCKET", "/nowhere", 1) | setenv("LISTEN_FDS", "1", 1) | setenv("WATCHDOG_USEC", "1", 1), 0);
	assert_int_equal(outcome(getpid()), 42);
}

/* The parent has ended before the child could ask for a signal at its end: the child ends too. */
static void test_orphan(void **state)
{
	assert_int_equal(outcome(getpid() + 1), 127);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_role), cmocka_unit_test(test_orphan) };

	if (argc > 1 && strcmp(argv[1], "--look") == 0)
		return look(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
