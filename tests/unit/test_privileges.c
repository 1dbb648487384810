/* SPDX-License-Identifier: MIT */
/* Not under valgrind: it has no seccomp. */
/*
 * pam_credssp/helper/privileges.h: each deed in a process of its own, before and after. The ids and capabilities of the
 * real program are in tests/pam/card.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pam_credssp/helper/helper-sandbox.h"
#include "pam_credssp/helper/privileges.h"

static char file[] = "/tmp/test_privileges.XXXXXX";
static int opened;  /* it, for writing */
static pid_t other; /* a process of the same user */
static char octet = 'x';

/* ---- deeds: 0, or errno ---- */

static int result_of(long r)
{
	return r < 0 ? errno : 0;
}

static int run_program(void)
{
	return result_of(execl("/bin/true", "true", (char *)NULL));
}

static int trace(void)
{
	return result_of(ptrace(PTRACE_SEIZE, other, NULL, NULL));
}

static int read_memory(void)
{
	char copy;
	struct iovec here = { &copy, 1 }, there = { &octet, 1 };

	return result_of(process_vm_readv(other, &here, 1, &there, 1, 0));
}

static int signal_process(void)
{
	return result_of(kill(other, 0));
}

static int make_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return result_of(pid < 0 ? -1 : waitpid(pid, NULL, 0));
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

static int leave_namespace(void)
{
	return result_of(unshare(CLONE_FS));
}

static int write_file(void)
{
	return result_of(open(file, O_WRONLY));
}

static int read_and_write_file(void)
{
	return result_of(open(file, O_RDWR | O_APPEND));
}

static int make_file(void)
{
	char path[sizeof file + 4];
	int r;

	(void)snprintf(path, sizeof path, "%s.new", file);
	r = result_of(open(path, O_RDONLY | O_CREAT, 0600));
	(void)unlink(path);
	return r;
}

static int change_mode(void)
{
	return result_of(fchmod(opened, 0666));
}

static int write_what_is_open(void)
{
	return result_of(write(opened, "x", 1));
}

static int read_file(void)
{
	return result_of(open("/etc/passwd", O_RDONLY));
}

static int talk(void)
{
	return result_of(socket(AF_INET, SOCK_DGRAM, 0));
}

static int make_executable(void)
{
	return result_of(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1
														   : 0);
}

static int is_dumpable(void)
{
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
}

static const struct {
	const char *what;
	int (*deed)(void);
	int tickets, cards; /* what becomes of it */
} rows[] = {
	{ "execve", run_program, EPERM, EPERM },
	{ "ptrace", trace, EPERM, EPERM },
	{ "process_vm_readv", read_memory, EPERM, EPERM },
	{ "kill", signal_process, EPERM, EPERM },
	{ "fork", make_process, EPERM, EPERM },
	{ "thread", make_thread, EAGAIN, 0 },
	{ "unshare", leave_namespace, EPERM, EPERM },
	{ "open for writing", write_file, EPERM, 0 },
	{ "open for both", read_and_write_file, EPERM, 0 },
	{ "make a file", make_file, EPERM, 0 },
	{ "fchmod", change_mode, EPERM, 0 },
	/* what libkrb5, its plugins and NSS need */
	{ "write", write_what_is_open, 0, 0 },
	{ "read a file", read_file, 0, 0 },
	{ "socket", talk, 0, 0 },
	{ "load a plugin", make_executable, 0, 0 },
};

/* ---- each in a process ---- */

static int outcome(unsigned (*give_up)(struct helper_result *), int (*deed)(void))
{
	struct helper_result result;
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		/* as main.c does */
		if (give_up && (helper_restrain() < 0 || give_up(&result) != HELPER_SUCCESS))
			_exit(254);
		_exit(deed());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static void test_deeds(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const int expected[] = { 0, rows[i].tickets, rows[i].cards };
		const int got[] = { outcome(NULL, rows[i].deed), outcome(privileges_for_tickets, rows[i].deed),
				    outcome(privileges_for_cards, rows[i].deed) };

		for (size_t n = 0; n < 3; n++)
			if (got[n] != expected[n])
				fail_msg("%s %zu: %d", rows[i].what, n, got[n]);
	}
}

static void test_not_dumpable(void **state)
{
	assert_int_equal(outcome(NULL, is_dumpable), 1);
	assert_int_equal(outcome(privileges_for_tickets, is_dumpable), 0);
}

static int setup(void **state)
{
	opened = mkstemp(file);
	other = fork();
	if (other == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			(void)pause();
	}
	return opened < 0 || other < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)kill(other, SIGKILL);
	(void)waitpid(other, NULL, 0);
	(void)close(opened);
	return unlink(file);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deeds),
		cmocka_unit_test(test_not_dumpable),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
