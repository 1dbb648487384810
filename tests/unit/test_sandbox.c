/* SPDX-License-Identifier: MIT */
/* Not under valgrind: it has no seccomp. */
/* Each deed in a process of its own that is confined as the verifier is. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/landlock.h>

#include "credsspd/ntlm-verifier/ntlm-verifier-sandbox.h"

static char dir[] = "/tmp/test-confine.XXXXXX", store[64], outside[64];

/* ---- deeds: 0, or errno ---- */

static int result(long r)
{
	return r < 0 ? errno : 0;
}

static int open_socket(void)
{
	return result(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int open_pair(void)
{
	int p[2];

	return result(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
}

static int run_program(void)
{
	return result(execl("/bin/true", "true", (char *)NULL));
}

static int make_process(void)
{
	return result(fork());
}

static int trace_parent(void)
{
	/* unlike PTRACE_ATTACH it does not stop the process that waits for us */
	return result(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL));
}

static int signal_parent(void)
{
	return result(syscall(SYS_kill, getppid(), 0));
}

static int map_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int make_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? 0 : result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int change_mode(void)
{
	return result(chmod(store, 0666));
}

static int read_outside(void)
{
	return result(openat(AT_FDCWD, outside, O_RDONLY));
}

static int read_passwd(void)
{
	return result(openat(AT_FDCWD, "/etc/passwd", O_RDONLY));
}

static int write_outside(void)
{
	return result(openat(AT_FDCWD, outside, O_WRONLY));
}

static int remove_outside(void)
{
	return result(unlinkat(AT_FDCWD, outside, 0));
}

static int rename_outside(void)
{
	int e = result(renameat(AT_FDCWD, store, AT_FDCWD, "/tmp/test-confine-moved"));

	/* which of the two depends on the version of Landlock */
	return e == EXDEV ? EACCES : e;
}

static int make_link(void)
{
	return result(symlinkat("/etc/passwd", AT_FDCWD, store));
}

static int use_store(void)
{
	char other[80];
	int d = openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY), fd;

	(void)snprintf(other, sizeof other, "%s.new", store);
	fd = openat(AT_FDCWD, other, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (d < 0 || fd < 0 || write(fd, "x", 1) != 1 || fsync(fd) < 0 ||
	    renameat(AT_FDCWD, other, AT_FDCWD, store) < 0 || fsync(d) < 0 || openat(AT_FDCWD, store, O_RDONLY) < 0 ||
	    unlinkat(AT_FDCWD, store, 0) < 0)
		return errno;
	return 0;
}

static int open_internet_socket(void)
{
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int read_nothing(void)
{
	int fd = openat(AT_FDCWD, store, O_RDONLY);

	return fd < 0 ? errno : close(fd);
}

/* What askers.c does. */
static int ask_somebody(void)
{
	struct sockaddr_un there = { .sun_family = AF_UNIX };
	int p[2], fd;
	char c = 'x';
	pid_t pid;

	(void)snprintf(there.sun_path, sizeof there.sun_path, "%s", store);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p) < 0)
		return errno;
	pid = fork();
	if (pid == 0) {
		(void)alarm(5);
		fd = dup2(p[1], 60);
		(void)close_range(61, ~0U, 0);
		p[0] = socket(AF_UNIX, SOCK_STREAM, 0);
		/* a file of that name, but no socket */
		if (connect(p[0], (struct sockaddr *)&there, sizeof there) < 0 && errno == ECONNREFUSED)
			(void)write(fd, &c, 1);
		_exit(0);
	}
	close(p[1]);
	return pid > 0 && read(p[0], &c, 1) == 1 ? 0 : EPROTO;
}

#define KILLED (-SIGSYS)

static const struct {
	const char *name;
	int (*deed)(void);
	int expected; /* errno, or KILLED */
	int landlock; /* it is Landlock that forbids it */
} deeds[] = {
	{ "use the store", use_store, 0, 0 },
	{ "socket", open_socket, KILLED, 0 },
	{ "socketpair", open_pair, KILLED, 0 },
	{ "execve", run_program, KILLED, 0 },
	{ "fork", make_process, KILLED, 0 },
	{ "ptrace", trace_parent, KILLED, 0 },
	{ "kill", signal_parent, KILLED, 0 },
	{ "mmap PROT_EXEC", map_code, KILLED, 0 },
	{ "mprotect PROT_EXEC", make_code, KILLED, 0 },
	{ "chmod", change_mode, KILLED, 0 },
	{ "symlink", make_link, KILLED, 0 },
	{ "read a file elsewhere", read_outside, EACCES, 1 },
	{ "read /etc/passwd", read_passwd, EACCES, 1 },
	{ "write a file elsewhere", write_outside, EACCES, 1 },
	{ "remove a file elsewhere", remove_outside, EACCES, 1 },
	{ "move a file elsewhere", rename_outside, EACCES, 1 },
};

static const struct {
	const char *name;
	int (*deed)(void);
	int expected;
} winbind_deeds[] = {
	{ "ask in a fork", ask_somebody, 0 },
	{ "socket", open_socket, 0 },
	{ "socket of the internet", open_internet_socket, KILLED },
	{ "read a file", read_nothing, KILLED },
	{ "execve", run_program, KILLED },
	{ "kill", signal_parent, KILLED },
	{ "ptrace", trace_parent, KILLED },
	{ "mmap PROT_EXEC", map_code, KILLED },
	{ "chmod", change_mode, KILLED },
};

static int confine_for_store(void)
{
	return confine_store(store);
}

/* The same deed without confinement (NULL) has to succeed, or the test shows nothing. */
static int outcome(int (*deed)(void), int (*confinement)(void))
{
	pid_t pid = fork();
	int w;

	if (pid == 0) {
		int fd = open("/dev/null", O_RDONLY);

		if (confinement && (confine_early(fd) < 0 || confinement() < 0))
			_exit(255);
		_exit(deed());
	}
	assert_int_equal(waitpid(pid, &w, 0), pid);
	return WIFSIGNALED(w) ? -WTERMSIG(w) : WEXITSTATUS(w);
}

static void write_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void test_deeds(void **state)
{
	int landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;

	for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
		int expected = deeds[i].landlock && !landlock ? 0 : deeds[i].expected, got;

		write_file(store);
		write_file(outside);
		if (deeds[i].deed == make_link)
			assert_int_equal(unlink(store), 0);
		got = outcome(deeds[i].deed, confine_for_store);
		if (got != expected)
			fail_msg("%s: %d instead of %d", deeds[i].name, got, expected);
		got = outcome(deeds[i].deed, NULL);
		if (got != 0 && deeds[i].deed != trace_parent)
			fail_msg("%s: fails with %d even when it is allowed", deeds[i].name, got);
		(void)unlink("/tmp/test-confine-moved");
		(void)unlink(store);
	}
	if (!landlock)
		print_message("this kernel has no Landlock: access to other files is not tested\n");
}

static void test_winbind_deeds(void **state)
{
	write_file(store);
	for (size_t i = 0; i < sizeof winbind_deeds / sizeof *winbind_deeds; i++) {
		int got = outcome(winbind_deeds[i].deed, confine_winbind);

		if (got != winbind_deeds[i].expected)
			fail_msg("%s: %d instead of %d", winbind_deeds[i].name, got, winbind_deeds[i].expected);
		got = outcome(winbind_deeds[i].deed, NULL);
		if (got != 0 && winbind_deeds[i].deed != trace_parent)
			fail_msg("%s: fails with %d even when it is allowed", winbind_deeds[i].name, got);
	}
	(void)unlink(store);
}

static int check_limits(void)
{
	struct rlimit core, files, size;

	if (getrlimit(RLIMIT_CORE, &core) < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0 ||
	    getrlimit(RLIMIT_FSIZE, &size) < 0)
		return 1;
	if (core.rlim_max != 0 || files.rlim_max > 2048 || size.rlim_max > (64UL << 20))
		return 2;
	return prctl(PR_GET_DUMPABLE) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 3;
}

/* Limits are read before the filter, which forbids the call. */
static void test_limits(void **state)
{
	pid_t pid = fork();
	int w;

	if (pid == 0)
		_exit(confine_early(open("/dev/null", O_RDONLY)) < 0 ? 255 : check_limits());
	assert_int_equal(waitpid(pid, &w, 0), pid);
	assert_true(WIFEXITED(w));
	assert_int_equal(WEXITSTATUS(w), 0);
}

static int setup(void **state)
{
	assert_non_null(mkdtemp(dir));
	(void)snprintf(store, sizeof store, "%s/ntlm", dir);
	(void)snprintf(outside, sizeof outside, "%s-outside", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)unlink(store);
	(void)unlink(outside);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_deeds), cmocka_unit_test(test_winbind_deeds),
					    cmocka_unit_test(test_limits) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
