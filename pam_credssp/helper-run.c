/* SPDX-License-Identifier: MIT */
/*
 * The application may ignore SIGCHLD, reap children in a handler, and have threads. So the helper must not be its
 * child: a child made without exit signal is invisible to waitpid(), but execve() gives it SIGCHLD again (seen). Hence
 * two processes: the reaper, made by clone3() without exit signal, does not execute a program and reaps the helper, its
 * own child. Between clone3() and execve() only system calls are made; glibc's set*id() would wait for threads that the
 * child does not have.
 */
#include "pam_credssp/helper-run.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/sanitized.h"
#include "pam_credssp/bus.h"

static const struct {
	__rlimit_resource_t resource;
	rlim_t limit;
} limits[] = {
	{ RLIMIT_CORE, 0 },
	{ RLIMIT_CPU, HELPER_CPU_SEC },
	{ RLIMIT_NOFILE, HELPER_FILES_MAX },
	{ RLIMIT_AS, HELPER_ADDRESS_SPACE_MAX },
	{ RLIMIT_FSIZE, HELPER_FILE_SIZE_MAX },
};

/* ---- the reaper and, before execve, the helper ---- */

/* Sets all signals to their default; they stay blocked. */
static void default_signals(void)
{
	const struct sigaction dfl = { .sa_handler = SIG_DFL };

	for (int i = 1; i <= SIGRTMAX; i++)
		(void)sigaction(i, &dfl, NULL);
}

/* Leaves four descriptors: @input as standard input, /dev/null as output and error, and @record. */
static int only_descriptors(int input, int record)
{
	int null;

	/* moves them away from the numbers that are used below */
	input = fcntl(input, F_DUPFD, 16);
	record = fcntl(record, F_DUPFD, 16);
	null = open("/dev/null", O_RDWR);
	if (input < 0 || record < 0 || null < 0)
		return -errno;
	/* the order matters: null may have one of the four numbers, if the application had closed it */
	if (dup2(null, 1) < 0 || dup2(null, 2) < 0 || dup2(input, 0) < 0 || dup2(record, HELPER_RESULT_FD) < 0)
		return -errno;
	return syscall(SYS_close_range, HELPER_RESULT_FD + 1, ~0U, 0) < 0 ? -errno : 0;
}

/* Sets the real ids, too: in a set-uid program they are the caller's, who could otherwise signal the helper. */
static int only_effective_ids(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (uid == 0 && syscall(SYS_setgroups, 0, NULL) < 0)
		return -errno;
	if (syscall(SYS_setresgid, gid, gid, gid) < 0 || syscall(SYS_setresuid, uid, uid, uid) < 0)
		return -errno;
	return 0;
}

static int set_limits(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		const struct rlimit l = { limits[i].limit, limits[i].limit };

		if (SANITIZED && limits[i].resource == RLIMIT_AS)
			continue;
		if (setrlimit(limits[i].resource, &l) < 0 && errno != EPERM)
			return -errno;
	}
	return 0;
}

/* Must be called after a change of ids, which clears the setting. */
static int die_with(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

static _Noreturn void helper(pid_t reaper, const char *program, const char *const argv[])
{
	static char *const environment[] = { NULL };
	sigset_t unblocked;

	(void)sigemptyset(&unblocked);
	(void)sigprocmask(SIG_SETMASK, &unblocked, NULL);
	if (die_with(reaper) == 0)
		(void)execve(program, (char *const *)(uintptr_t)argv, environment);
	_exit(127);
}

/* Waits for the end of the helper, or kills it after SIGTERM. */
static void reap(pid_t pid)
{
	sigset_t awaited;
	int sig;

	(void)sigemptyset(&awaited);
	(void)sigaddset(&awaited, SIGCHLD);
	(void)sigaddset(&awaited, SIGTERM);
	do
		sig = sigwaitinfo(&awaited, NULL);
	while (sig < 0 && errno == EINTR);
	if (sig != SIGCHLD)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
}

static _Noreturn void reaper(pid_t application, const char *program, const char *const argv[], int input, int record)
{
	struct clone_args c = { .exit_signal = SIGCHLD };
	pid_t self = getpid();
	long pid = -1;

	default_signals();
	(void)setsid();
	(void)umask(077);
	if (chdir("/") == 0 && only_descriptors(input, record) == 0 && only_effective_ids() == 0 && set_limits() == 0 &&
	    die_with(application) == 0)
		pid = syscall(SYS_clone3, &c, sizeof c);
	if (pid == 0)
		helper(self, program, argv);
	/* only the helper may hold the write end of the record's pipe */
	(void)syscall(SYS_close_range, 0, ~0U, 0);
	if (pid > 0)
		reap((pid_t)pid);
	_exit(0);
}

/* ---- the parent ---- */

struct run {
	int pidfd;  /* of the reaper */
	int input;  /* this side's end; -1 when all is written */
	int record; /* this side's end */
};

static int spawn(const char *program, const char *const argv[], int input, int record, int *ret_pidfd)
{
	struct clone_args c = { .flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)ret_pidfd };
	sigset_t all, before;
	pid_t parent = getpid();
	long pid;

	/* the application's signal handlers must not run in the child */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = syscall(SYS_clone3, &c, sizeof c);
	if (pid == 0)
		reaper(parent, program, argv, input, record);
	pid = pid < 0 ? -errno : 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return (int)pid;
}

static int start(struct run *r, const char *program, const char *const argv[])
{
	int in[2], out[2], e;

	/* a socket, because of MSG_NOSIGNAL: a helper that died early must not raise SIGPIPE in the application */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) < 0)
		return -errno;
	if (pipe2(out, O_CLOEXEC) < 0) {
		e = -errno;
		(void)close(in[0]);
		(void)close(in[1]);
		return e;
	}
	e = spawn(program, argv, in[1], out[1], &r->pidfd);
	(void)close(in[1]);
	(void)close(out[1]);
	r->input = in[0];
	r->record = out[0];
	return e;
}

/* Sends as much of the rest as fits; closes after the last byte. Returns 0, also when the helper has closed its end. */
static int feed(struct run *r, const uint8_t **at, size_t *left)
{
	ssize_t n = *left ? send(r->input, *at, *left, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n > 0) {
		*at += n;
		*left -= (size_t)n;
	}
	if (n < 0 || *left == 0)
		r->input = close_fd(r->input);
	return 0;
}

/* Returns 1 when the record is complete, 0 when bytes are missing, -EPIPE at end of file before that. */
static int take(struct run *r, struct helper_result *out, size_t *have)
{
	ssize_t n = read(r->record, (char *)out + *have, sizeof *out - *have);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0)
		return -EPIPE;
	*have += (size_t)n;
	return *have == sizeof *out;
}

/* Returns 0 with the whole record in @out, -ETIMEDOUT, -EPIPE or another error. */
static int converse(struct run *r, const struct secret *input, int64_t deadline, struct helper_result *out)
{
	const uint8_t *at = input ? secret_expose(input) : NULL;
	size_t left = input ? secret_len(input) : 0, have = 0;

	for (;;) {
		struct pollfd p[] = { { .fd = r->record, .events = POLLIN }, { .fd = r->input, .events = POLLOUT } };
		int64_t wait = deadline - clock_msec();
		int done = 0;

		if (wait <= 0)
			return -ETIMEDOUT;
		if (poll(p, 2, (int)wait) < 0) {
			if (errno != EINTR)
				return -errno;
			continue;
		}
		if (p[0].revents)
			done = take(r, out, &have);
		if (done)
			return done > 0 ? 0 : done;
		if (p[1].revents)
			(void)feed(r, &at, &left);
	}
}

/* Ends the helper and the reaper: the record has been read, or is not waited for any more. */
static void end(struct run *r)
{
	struct pollfd p = { .fd = r->pidfd, .events = POLLIN };
	siginfo_t info;

	r->input = close_fd(r->input);
	r->record = close_fd(r->record);
	if (r->pidfd < 0)
		return;
	(void)pidfd_send_signal(r->pidfd, SIGTERM, NULL, 0);
	/* a helper that hangs in the kernel (a dead NFS server) does not hang the application */
	while (poll(&p, 1, HELPER_END_MSEC) < 0 && errno == EINTR)
		;
	/* ECHILD: the application has reaped it with __WALL */
	(void)waitid(P_PIDFD, (id_t)r->pidfd, &info, WEXITED | WNOHANG | __WALL);
	r->pidfd = close_fd(r->pidfd);
}

/* Makes text printable for the log; a KDC's text need not be UTF-8. */
static void make_printable(char *text, size_t size)
{
	text[size - 1] = '\0';
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
			*text = '?';
}

/* Returns whether @text is a NUL-terminated name without control characters; other names are not used. */
static bool is_text(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return len < size;
}

static unsigned status_of(int error, const struct helper_result *r)
{
	if (error == -ETIMEDOUT)
		return HELPER_TIMEOUT;
	if (error == -EPIPE)
		return HELPER_NONE;
	if (error < 0)
		return HELPER_INTERNAL;
	if (r->magic != HELPER_RESULT_MAGIC || r->status >= HELPER_STATUSES_)
		return HELPER_NONE;
	if (!is_text(r->ccache, sizeof r->ccache) || !is_text(r->ticket, sizeof r->ticket))
		return HELPER_INTERNAL;
	return r->status;
}

/* @argv and, as the last argument, the deadline, for helpers that wait for a lock. */
struct arguments {
	const char *argv[HELPER_ARGUMENTS_MAX + 4]; /* program, mode, arguments, deadline, NULL */
	char deadline[32];
};

static int add_deadline(const char *const argv[], int64_t deadline, struct arguments *out)
{
	size_t n = 0;

	while (argv[n]) {
		if (n == sizeof out->argv / sizeof *out->argv - 2)
			return -E2BIG;
		out->argv[n] = argv[n];
		n++;
	}
	(void)snprintf(out->deadline, sizeof out->deadline, "deadline=%lld", (long long)deadline);
	out->argv[n++] = out->deadline;
	out->argv[n] = NULL;
	return 0;
}

void helper_run(const char *program, const char *const argv[], const struct secret *input, int64_t deadline,
		struct helper_result *ret_result)
{
	struct run r = { -1, -1, -1 };
	struct helper_result got = { 0 };
	struct arguments a;
	int e = add_deadline(argv, deadline, &a);

	if (e == 0)
		e = start(&r, program, a.argv);
	if (e == 0)
		e = converse(&r, input, deadline, &got);
	end(&r);
	got.status = status_of(e, &got);
	if (e < 0) {
		got = (struct helper_result){ .status = got.status };
		(void)snprintf(got.detail, sizeof got.detail, "%s: %s", program, strerror(-e));
	}
	make_printable(got.detail, sizeof got.detail);
	*ret_result = got;
}
