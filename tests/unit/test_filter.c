/* SPDX-License-Identifier: MIT */
/* Not with sanitizers: it enters a filter, which the runtime does not survive. */
/* Each deed in a process of its own behind a small filter. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/sandbox/filter.h"

#define KILLED (-SIGSYS)

static const int more[] = {
	SCMP_SYS(getppid), SCMP_SYS(exit_group), SCMP_SYS(munmap), SCMP_SYS(prctl), SCMP_SYS(set_robust_list),
};
static const struct filter_list also = { more, sizeof more / sizeof *more, NULL };
/* rt_sigprocmask: fork(3) of glibc 2.41 */
static const int allowed[] = { SCMP_SYS(socket), SCMP_SYS(clone), SCMP_SYS(gettid), SCMP_SYS(rt_sigprocmask) };
static const int not_there[] = { SCMP_SYS(openat) };

/* ---- deeds: 0, or errno ---- */

static int result(long r)
{
	return r < 0 ? errno : 0;
}

static int ask_parent(void)
{
	return result(syscall(SYS_getppid));
}

static int ask_uid(void)
{
	return result(syscall(SYS_getuid));
}

/* The next four are for SANITIZED builds, which this test is not one of. */
static int ask_signal(void)
{
	struct sigaction a;

	return result(sigaction(SIGTERM, NULL, &a));
}

static int ask_signal_stack(void)
{
	stack_t s;

	return result(sigaltstack(NULL, &s));
}

static int yield(void)
{
	return result(sched_yield());
}

static int read_link(void)
{
	char text[64];

	return readlink("/proc/self/exe", text, sizeof text) < 0 ? errno : 0;
}

static int open_file(void)
{
	return result(syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY));
}

static int gain_privileges(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? EPERM : 0;
}

static int map(int prot)
{
	void *p = mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int map_data(void)
{
	return map(PROT_READ | PROT_WRITE);
}

static int map_code(void)
{
	return map(PROT_READ | PROT_EXEC);
}

static int protect(int prot)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? ENOMEM : result(mprotect(p, 4096, prot));
}

static int seal_data(void)
{
	return protect(PROT_READ);
}

static int make_code(void)
{
	return protect(PROT_READ | PROT_EXEC);
}

static int ask_thread(void)
{
	return result(syscall(SYS_gettid));
}

static int open_local_socket(void)
{
	return result(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int open_internet_socket(void)
{
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int open_netlink_socket(void)
{
	return result(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int make_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int make_namespace(void)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0);

	if (pid == 0)
		_exit(0);
	return pid < 0 && errno != EPERM ? errno : 0; /* not every user may */
}

static int share_descriptors(void)
{
	long pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);

	if (pid == 0)
		_exit(0);
	return result(pid);
}

static const struct {
	const char *name;
	int (*deed)(void);
	int expected; /* errno, or KILLED */
} deeds[] = {
	{ "a call of the other list", ask_thread, 0 },
	{ "socket AF_UNIX", open_local_socket, 0 },
	{ "socket AF_INET", open_internet_socket, KILLED },
	{ "socket AF_NETLINK", open_netlink_socket, KILLED },
	{ "fork", make_process, 0 },
	{ "clone into a namespace", make_namespace, KILLED },
	{ "clone that shares", share_descriptors, KILLED },
	{ "a call that is listed", ask_parent, 0 },
	{ "a call that is not", ask_uid, KILLED },
	{ "sigaction", ask_signal, KILLED },
	{ "sigaltstack", ask_signal_stack, KILLED },
	{ "sched_yield", yield, KILLED },
	{ "readlink", read_link, KILLED },
	{ "a call that answers ENOENT", open_file, ENOENT },
	{ "new privileges", gain_privileges, EPERM },
	{ "mmap", map_data, 0 },
	{ "mmap PROT_EXEC", map_code, KILLED },
	{ "mprotect", seal_data, 0 },
	{ "mprotect PROT_EXEC", make_code, KILLED },
};

/* Without the filter (NULL) every deed has to succeed, or the test shows nothing. */
static int outcome(int (*deed)(void), const struct filter *f)
{
	pid_t pid = fork();
	int w;

	if (pid == 0) {
		if (f && filter_enter(f) < 0)
			_exit(255);
		_exit(deed());
	}
	assert_int_equal(waitpid(pid, &w, 0), pid);
	return WIFSIGNALED(w) ? -WTERMSIG(w) : WEXITSTATUS(w);
}

static void test_deeds(void **state)
{
	struct filter_list list = FILTER_LIST(allowed);
	struct filter f = FILTER_NULL;

	list.also = &also;
	assert_int_equal(filter_make(list, FILTER_LIST(not_there), &f), 0);
	for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
		int got = outcome(deeds[i].deed, &f);

		if (got != deeds[i].expected)
			fail_msg("%s: %d instead of %d", deeds[i].name, got, deeds[i].expected);
		assert_int_equal(outcome(deeds[i].deed, NULL), 0);
	}
	filter_done(&f);
	filter_done(&f);
}

/* A list that libseccomp does not take leaves nothing behind. */
static void test_bad_list(void **state)
{
	static const int bad[] = { SCMP_SYS(getppid), __NR_SCMP_ERROR };
	struct filter f = FILTER_NULL;

	assert_true(filter_make(FILTER_LIST(bad), FILTER_LIST(not_there), &f) < 0);
	assert_null(f.program.filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_deeds), cmocka_unit_test(test_bad_list) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
