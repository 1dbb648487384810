/* SPDX-License-Identifier: MIT */
/* Not under valgrind: it has no seccomp. */
/* The PAM module's helper: each deed in a process of its own, restrained and, to show that it is that, not. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pam_credssp/helper/helper-sandbox.h"

static pid_t other;
static char octet;

static int result(long r)
{
	return r < 0 ? errno : 0;
}

static int run_program(void)
{
	return result(execl("/bin/true", "true", (char *)NULL));
}

static int make_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : result(waitpid(pid, NULL, 0));
}

static void *nothing(void *unused)
{
	return unused;
}

static int make_thread(void)
{
	pthread_t t;
	int r = pthread_create(&t, NULL, nothing, NULL);

	return r ? r : pthread_join(t, NULL);
}

static int trace(void)
{
	return result(ptrace(PTRACE_SEIZE, other, NULL, NULL));
}

static int read_memory(void)
{
	char copy;
	struct iovec here = { &copy, 1 }, there = { &octet, 1 };

	return result(process_vm_readv(other, &here, 1, &there, 1, 0));
}

static int signal_other(void)
{
	return result(kill(other, 0));
}

static int signal_thread(void)
{
	return result(syscall(SYS_tgkill, other, other, 0));
}

static int open_process(void)
{
	return result(syscall(SYS_pidfd_open, other, 0));
}

static int leave_nothing(void)
{
	return result(unshare(0));
}

static int listen_for_it(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? 255 : result(listen(fd, 1));
}

static int open_socket(void)
{
	return result(socket(AF_INET, SOCK_DGRAM, 0));
}

static int open_file(void)
{
	return result(open("/etc/passwd", O_RDONLY));
}

static int become_itself(void)
{
	return result(setresuid(getuid(), getuid(), getuid()));
}

static int signal_itself(void)
{
	return signal(SIGUSR1, SIG_IGN) == SIG_ERR ? errno : result(raise(SIGUSR1));
}

static const struct {
	const char *name;
	int (*deed)(void);
	int expected;
} deeds[] = {
	{ "execve", run_program, EPERM },
	{ "fork", make_process, EPERM },
	{ "ptrace", trace, EPERM },
	{ "process_vm_readv", read_memory, EPERM },
	{ "kill", signal_other, EPERM },
	{ "tgkill", signal_thread, EPERM },
	{ "pidfd_open", open_process, EPERM },
	{ "unshare", leave_nothing, EPERM },
	{ "listen", listen_for_it, EPERM },
	/* what modules and caches need */
	{ "thread", make_thread, 0 },
	{ "socket", open_socket, 0 },
	{ "open", open_file, 0 },
	{ "setresuid", become_itself, 0 },
	{ "raise", signal_itself, 0 },
};

static int outcome(int (*deed)(void), int restrained)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		/* in the program helper-run.c has done that */
		if (restrained && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || helper_restrain() < 0))
			_exit(254);
		_exit(deed());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void test_deeds(void **unused)
{
	for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
		int got = outcome(deeds[i].deed, 0);

		if (got != 0)
			fail_msg("%s: fails with %d even when it is allowed", deeds[i].name, got);
		got = outcome(deeds[i].deed, 1);
		if (got != deeds[i].expected)
			fail_msg("%s: %d", deeds[i].name, got);
	}
}

static int give_up(void)
{
	abort();
}

static int is_hidden(void)
{
	return prctl(PR_GET_DUMPABLE) == 0 ? 0 : 1;
}

static void test_itself(void **unused)
{
	assert_int_equal(outcome(give_up, 1), -SIGABRT);
	assert_int_equal(outcome(is_hidden, 1), 0);
}

static int set_up(void **unused)
{
	other = fork();
	if (other == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			(void)pause();
	}
	return other < 0 ? -1 : 0;
}

static int tear_down(void **unused)
{
	(void)kill(other, SIGKILL);
	return waitpid(other, NULL, 0) == other ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_deeds), cmocka_unit_test(test_itself) };

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
