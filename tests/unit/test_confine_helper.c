/* SPDX-License-Identifier: MIT */
/* credsspd/util/confine.h: each deed in a process of its own, confined and, to show that it is that, not. */
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
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "credsspd/util/confine.h"

static char file[] = "/tmp/test-confine-helper.XXXXXX";
static pid_t other; /* a process of the same user */
static char octet = 'x';

/* ---- deeds: 0, or errno ---- */

static int result(long r)
{
	return r < 0 ? errno : 0;
}

static int run_program(void)
{
	return result(execl("/bin/true", "true", (char *)NULL));
}

static int run_program_by_descriptor(void)
{
	char *const args[] = { (char *)(uintptr_t) "true", NULL };

	return result(syscall(SYS_execveat, AT_FDCWD, "/bin/true", args, environ, 0));
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

static int write_memory(void)
{
	struct iovec here = { &octet, 1 };

	return result(process_vm_writev(other, &here, 1, &here, 1, 0));
}

static int signal_process(void)
{
	return result(kill(other, 0));
}

static int signal_thread(void)
{
	return result(syscall(SYS_tkill, other, 0));
}

static int signal_thread_of_group(void)
{
	return result(syscall(SYS_tgkill, other, other, 0));
}

static int queue_signal(void)
{
	return result(sigqueue(other, 0, (union sigval){ .sival_int = 0 }));
}

static int open_process(void)
{
	return result(syscall(SYS_pidfd_open, other, 0));
}

static int change_mode(void)
{
	return result(chmod(file, 0600));
}

static int change_mode_at(void)
{
	return result(fchmodat(AT_FDCWD, file, 0600, 0));
}

static int change_mode_of_descriptor(void)
{
	int fd = open(file, O_RDONLY);

	return fd < 0 ? 255 : result(fchmod(fd, 0600));
}

static int become_itself(void)
{
	return result(setuid(getuid()));
}

static int become_own_group(void)
{
	return result(setresgid(getgid(), getgid(), getgid()));
}

static int leave_nothing(void)
{
	return result(unshare(0));
}

/* What modules of the host may well do. */

static int open_socket(void)
{
	return result(socket(AF_INET, SOCK_DGRAM, 0));
}

static int write_file(void)
{
	int fd = open(file, O_RDWR);

	return fd < 0 ? errno : result(write(fd, "x", 1));
}

static int make_process(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(7);
	return waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7 ? 0 : 255;
}

static int signal_itself(void)
{
	return signal(SIGUSR1, SIG_IGN) == SIG_ERR ? errno : result(raise(SIGUSR1));
}

static const struct {
	const char *name;
	int (*deed)(void);
	int expected; /* errno when confined */
} deeds[] = {
	{ "execve", run_program, EPERM },
	{ "execveat", run_program_by_descriptor, EPERM },
	{ "ptrace", trace, EPERM },
	{ "process_vm_readv", read_memory, EPERM },
	{ "process_vm_writev", write_memory, EPERM },
	{ "kill", signal_process, EPERM },
	{ "tkill", signal_thread, EPERM },
	{ "tgkill", signal_thread_of_group, EPERM },
	{ "rt_sigqueueinfo", queue_signal, EPERM },
	{ "pidfd_open", open_process, EPERM },
	{ "chmod", change_mode, EPERM },
	{ "fchmodat", change_mode_at, EPERM },
	{ "fchmod", change_mode_of_descriptor, EPERM },
	{ "setuid", become_itself, EPERM },
	{ "setresgid", become_own_group, EPERM },
	{ "unshare", leave_nothing, EPERM },
	{ "socket", open_socket, 0 },
	{ "write", write_file, 0 },
	{ "fork", make_process, 0 },
	{ "raise", signal_itself, 0 },
};

static int outcome(int (*deed)(void), int confined)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (confined && confine_helper(open("/dev/null", O_RDONLY), "helper") < 0)
			_exit(254);
		_exit(deed());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void test_deeds(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
		int got = outcome(deeds[i].deed, 0);

		if (got != 0)
			fail_msg("%s: fails with %d even when it is allowed", deeds[i].name, got);
		got = outcome(deeds[i].deed, 1);
		if (got != deeds[i].expected)
			fail_msg("%s: %d", deeds[i].name, got);
	}
}

/* abort(3) still ends it as it should. */
static int give_up(void)
{
	abort();
}

static void test_abort(void **unused)
{
	(void)unused;
	assert_int_equal(outcome(give_up, 1), -SIGABRT);
}

static int look_at_itself(void)
{
	struct rlimit core = { 1, 1 };
	char name[17] = "";
	int signal_ = 0;

	if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_cur || core.rlim_max)
		return 1;
	if (prctl(PR_GET_PDEATHSIG, &signal_) < 0 || signal_ != SIGKILL)
		return 2;
	if (prctl(PR_GET_NAME, name) < 0 || strcmp(name, "helper") != 0)
		return 3;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 4;
}

static int look_at_socket(void)
{
	int fd = open("/dev/null", O_RDONLY);

	return fd >= 0 && confine_helper(fd, "helper") == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC ? 0 : 1;
}

static int confine_without_socket(void)
{
	return confine_helper(-1, "helper") == -EBADF ? 0 : 1;
}

static void test_itself(void **unused)
{
	(void)unused;
	assert_int_equal(outcome(look_at_itself, 1), 0);
	assert_int_equal(outcome(look_at_socket, 0), 0);
	assert_int_equal(outcome(confine_without_socket, 0), 0);
}

static int set_up(void **unused)
{
	int fd = mkstemp(file);

	(void)unused;
	if (fd < 0)
		return -1;
	(void)close(fd);
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
	(void)unused;
	(void)kill(other, SIGKILL);
	(void)waitpid(other, NULL, 0);
	return unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deeds),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_itself),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
