/* SPDX-License-Identifier: MIT */
/* Not under valgrind: it has no seccomp. */
/* common/sandbox/sandbox.h: each deed in a process of its own, confined and, to show that it is that, not. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
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

#include "common/base/limits.h"
#include "common/sandbox/landlock.h"
#include "common/sandbox/sandbox.h"

static char file[] = "/tmp/test-confine-helper.XXXXXX";
static char dir[] = "/tmp/test-confine-helper.XXXXXX";
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

/* What modules of the host may well do, and what they may not. */

static int open_socket(void)
{
	return result(socket(AF_INET, SOCK_DGRAM, 0));
}

static int listen_anew(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return fd < 0 ? 255
		      : result(bind(fd, &(struct sockaddr){ .sa_family = AF_UNIX }, sizeof(sa_family_t)) < 0
				   ? -1
				   : listen(fd, 1));
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
	if (pid < 0)
		return errno;
	return waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7 ? 0 : 255;
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

static int read_file(void)
{
	int fd = open(file, O_RDONLY);

	return fd < 0 ? errno : 0;
}

static int read_system_file(void)
{
	int fd = open("/etc/passwd", O_RDONLY);

	return fd < 0 ? errno : 0;
}

static int write_nothing(void)
{
	int fd = open("/dev/null", O_RDWR);

	return fd < 0 ? errno : result(write(fd, "x", 1));
}

static int make_file(void)
{
	int fd = open(file, O_CREAT | O_WRONLY, 0600);

	return fd < 0 ? errno : 0;
}

static int remove_file(void)
{
	return unlink(file) < 0 ? errno : make_file();
}

static int signal_itself(void)
{
	return signal(SIGUSR1, SIG_IGN) == SIG_ERR ? errno : result(raise(SIGUSR1));
}

static const struct {
	const char *name;
	int (*deed)(void);
	int expected; /* errno when confined */
	int landlock; /* it is Landlock that forbids it */
} deeds[] = {
	{ "execve", run_program, EPERM, 0 },
	{ "execveat", run_program_by_descriptor, EPERM, 0 },
	{ "ptrace", trace, EPERM, 0 },
	{ "process_vm_readv", read_memory, EPERM, 0 },
	{ "process_vm_writev", write_memory, EPERM, 0 },
	{ "kill", signal_process, EPERM, 0 },
	{ "tkill", signal_thread, EPERM, 0 },
	{ "tgkill", signal_thread_of_group, EPERM, 0 },
	{ "rt_sigqueueinfo", queue_signal, EPERM, 0 },
	{ "pidfd_open", open_process, EPERM, 0 },
	{ "chmod", change_mode, EPERM, 0 },
	{ "fchmodat", change_mode_at, EPERM, 0 },
	{ "fchmod", change_mode_of_descriptor, EPERM, 0 },
	{ "setuid", become_itself, EPERM, 0 },
	{ "setresgid", become_own_group, EPERM, 0 },
	{ "unshare", leave_nothing, EPERM, 0 },
	{ "socket", open_socket, 0, 0 },
	{ "listen", listen_anew, EPERM, 0 },
	{ "fork", make_process, EPERM, 0 },
	{ "a thread", make_thread, 0, 0 },
	{ "raise", signal_itself, 0, 0 },
	{ "write", write_file, EACCES, 1 },
	{ "create", make_file, EACCES, 1 },
	{ "remove", remove_file, EACCES, 1 },
	{ "/dev/null", write_nothing, 0, 0 },
	{ "read", read_file, 0, 0 },
	{ "/etc/passwd", read_system_file, 0, 0 },
};

static int outcome(int (*deed)(void), int confined)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (confined && confine_helper(open("/dev/null", O_RDONLY), "helper", false) < 0)
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
		if (got != (deeds[i].landlock && !landlock_abi() ? 0 : deeds[i].expected))
			fail_msg("%s: %d", deeds[i].name, got);
	}
}

/* ---- supervisor and listener ---- */

static int open_unix(void)
{
	return result(socket(AF_UNIX, SOCK_DGRAM, 0));
}

/* A TCP socket that was inherited can be made to forget its peer. */
static int listening = -1;

static int connect_with_inherited(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof a;
	struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	int server = listening + 1;

	if (getsockname(server, (struct sockaddr *)&a, &len) < 0)
		return 255;
	if (connect(listening, &nobody, sizeof nobody) < 0)
		return errno;
	return result(connect(listening, (struct sockaddr *)&a, sizeof a));
}

/* The same without connect(2). @how: sendto, sendmsg, sendmmsg. */
static int fast_open(int how)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof a;
	struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	struct iovec iov = { "x", 1 };
	struct mmsghdr m = { .msg_hdr = { .msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &iov, .msg_iovlen = 1 } };

	if (getsockname(listening + 1, (struct sockaddr *)&a, &len) < 0)
		return 255;
	if (connect(listening, &nobody, sizeof nobody) < 0)
		return errno;
	if (how == 0)
		return result((int)sendto(listening, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&a, sizeof a));
	return result(how == 1 ? (int)sendmsg(listening, &m.msg_hdr, MSG_FASTOPEN)
			       : sendmmsg(listening, &m, 1, MSG_FASTOPEN));
}

static int fast_open_by_sendto(void)
{
	return fast_open(0);
}

static int fast_open_by_sendmsg(void)
{
	return fast_open(1);
}

static int fast_open_by_sendmmsg(void)
{
	return fast_open(2);
}

#define ABI_TCP 4
#define ABI_SIGNALS 6

static const struct {
	const char *name;
	int (*deed)(void);
	int supervisor, listener; /* errno when confined */
	int landlock;             /* the first version that forbids it */
} main_deeds[] = {
	{ "ptrace", trace, EPERM, EPERM, 0 },
	{ "process_vm_readv", read_memory, EPERM, EPERM, 0 },
	{ "setuid", become_itself, EPERM, EPERM, 0 },
	{ "unshare", leave_nothing, EPERM, EPERM, 0 },
	{ "execve", run_program, 0, EPERM, 0 },
	{ "execveat", run_program_by_descriptor, 0, EPERM, 0 },
	{ "socket", open_socket, 0, EAFNOSUPPORT, 0 },
	{ "AF_UNIX", open_unix, 0, 0, 0 },
	{ "listen", listen_anew, 0, EPERM, 0 },
	{ "connect", connect_with_inherited, 0, EACCES, ABI_TCP },
	{ "MSG_FASTOPEN by sendto", fast_open_by_sendto, 0, EPERM, 0 },
	{ "MSG_FASTOPEN by sendmsg", fast_open_by_sendmsg, 0, EPERM, 0 },
	{ "MSG_FASTOPEN by sendmmsg", fast_open_by_sendmmsg, 0, EPERM, 0 },
	{ "kill", signal_process, 0, EPERM, ABI_SIGNALS },
	{ "fork", make_process, 0, 0, 0 },
	{ "write", write_file, 0, 0, 0 },
};

static int outcome_of(int (*deed)(void), int (*confine)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (confine_start(500) < 0 || confine() < 0)
			_exit(254);
		_exit(deed());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int two_listening_sockets(void)
{
	const struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int first = -1;

	for (int i = 0; i < 2; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 4) < 0)
			return -1;
		first = i ? first : fd;
	}
	return first;
}

static void test_main_processes(void **unused)
{
	for (size_t i = 0; i < sizeof main_deeds / sizeof *main_deeds; i++) {
		int abi = landlock_abi(), got;

		/* anew for each: forgetting the peer is for good, in all who have it */
		listening = two_listening_sockets();
		assert_true(listening >= 0);
		got = outcome_of(main_deeds[i].deed, confine_supervisor);
		if (got != main_deeds[i].supervisor)
			fail_msg("supervisor: %s: %d", main_deeds[i].name, got);
		close(listening);
		close(listening + 1);
		listening = two_listening_sockets();
		got = outcome_of(main_deeds[i].deed, confine_listener);
		if (got != (abi >= main_deeds[i].landlock ? main_deeds[i].listener : 0))
			fail_msg("listener: %s: %d", main_deeds[i].name, got);
		close(listening);
		close(listening + 1);
	}
}

static int look_at_limits(void)
{
	struct rlimit core, size, space;

	if (getrlimit(RLIMIT_CORE, &core) < 0 || getrlimit(RLIMIT_FSIZE, &size) < 0 || getrlimit(RLIMIT_AS, &space) < 0)
		return 1;
	if (core.rlim_max || size.rlim_max != DAEMON_FILE_SIZE_MAX)
		return 2;
#if !defined(__SANITIZE_ADDRESS__)
	if (space.rlim_max != DAEMON_ADDRESS_SPACE_MAX)
		return 3;
#endif
	return prctl(PR_GET_DUMPABLE) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 4;
}

static int look_at_descriptors(void)
{
	int fd = fcntl(0, F_DUPFD, 20);

	if (fd < 20 || confine_start(0) < 0 || fcntl(fd, F_GETFD) >= 0 || fcntl(STDERR_FILENO, F_GETFD) < 0)
		return 1;
	return 0;
}

static void test_limits(void **unused)
{
	assert_int_equal(outcome_of(look_at_limits, confine_supervisor), 0);
	assert_int_equal(outcome_of(look_at_limits, confine_listener), 0);
	assert_int_equal(outcome(look_at_limits, 1), 0);
	assert_int_equal(outcome(look_at_descriptors, 0), 0);
	assert_true(strncmp(confine_says(), "confined by system call filters", 31) == 0);
}

/* abort(3) still ends it as it should. */
static int give_up(void)
{
	abort();
}

static void test_abort(void **unused)
{
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

	return fd >= 0 && confine_helper(fd, "helper", false) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC ? 0 : 1;
}

static int confine_without_socket(void)
{
	return confine_helper(-1, "helper", false) == -EBADF ? 0 : 1;
}

static void test_itself(void **unused)
{
	assert_int_equal(outcome(look_at_itself, 1), 0);
	assert_int_equal(outcome(look_at_socket, 0), 0);
	assert_int_equal(outcome(confine_without_socket, 0), 0);
}

static int set_up(void **unused)
{
	int fd = mkstemp(file);

	if (fd < 0)
		return -1;
	(void)close(fd);
	if (!mkdtemp(dir))
		return -1;
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
	(void)waitpid(other, NULL, 0);
	(void)rmdir(dir);
	return unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deeds), cmocka_unit_test(test_main_processes), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_abort), cmocka_unit_test(test_itself),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
