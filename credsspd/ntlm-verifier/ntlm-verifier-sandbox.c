/* SPDX-License-Identifier: MIT */
#include "credsspd/ntlm-verifier/ntlm-verifier-sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "common/sandbox/filter.h"
#include "common/sandbox/landlock.h"
#include "common/sandbox/sandbox.h"

#define DESCRIPTORS (2 * HANDSHAKES_MAX + 64U) /* one socket a handshake */

int confine_early(int control_fd)
{
	static const struct confine_limit limits[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_NOFILE, DESCRIPTORS },
		{ RLIMIT_FSIZE, DAEMON_FILE_SIZE_MAX },
	};
	pid_t parent = getppid();

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		return -ESRCH;
	if (fcntl(control_fd, F_SETFD, FD_CLOEXEC) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	/* a full quota is an error of write(2), not a signal */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	(void)prctl(PR_SET_NAME, "verifier");
	return confine_limits(limits, sizeof limits / sizeof *limits);
}

/* ---- files ---- */

/* Positive when the kernel has no Landlock. */
static int confine_files(const char *path)
{
	AUTO_FREE char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;
	struct landlock_rule store = { .path = dir, .rights = LANDLOCK_READ | LANDLOCK_REPLACE };

	if (!slash)
		return -EINVAL;
	slash[slash == dir] = '\0';
	return landlock_enter(LANDLOCK_FILES | LANDLOCK_NO_TCP | LANDLOCK_NO_SIGNALS, &store, 1);
}

/* ---- system calls ---- */

static const int common_calls[] = {
	/* the event loop */
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	/* sockets and pipes that others made; the log */
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvmsg),
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(close),
	SCMP_SYS(fcntl),
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(mlock),
	SCMP_SYS(munlock),
	SCMP_SYS(futex),
	SCMP_SYS(getrandom),
	SCMP_SYS(exit_group),
	SCMP_SYS(exit),
};

static const int store_calls[] = {
	SCMP_SYS(openat), SCMP_SYS(fstat),    SCMP_SYS(newfstatat), SCMP_SYS(geteuid),  SCMP_SYS(flock),
	SCMP_SYS(fsync),  SCMP_SYS(renameat), SCMP_SYS(renameat2),  SCMP_SYS(unlinkat),
};

/* The calls for forking a process that asks winbind, and of libwbclient in it: the filter is inherited. */
static const int winbind_calls[] = {
	SCMP_SYS(clone),     SCMP_SYS(set_robust_list), SCMP_SYS(rseq),       SCMP_SYS(socketpair), SCMP_SYS(alarm),
	SCMP_SYS(dup2),      SCMP_SYS(close_range),     SCMP_SYS(socket),     SCMP_SYS(connect),    SCMP_SYS(poll),
	SCMP_SYS(ppoll),     SCMP_SYS(getsockopt),      SCMP_SYS(newfstatat), SCMP_SYS(fstat),      SCMP_SYS(geteuid),
	SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(getppid),    SCMP_SYS(getuid),
};

static int confine_calls(struct filter_list list)
{
	static const struct filter_list common = { common_calls, sizeof common_calls / sizeof *common_calls, NULL };
	static const int empty[] = { -1 };
	struct filter f = FILTER_NULL;
	int r;

	list.also = &common;
	r = filter_make(list, (struct filter_list){ empty, 0, NULL }, &f);

	if (r == 0)
		r = filter_enter(&f);
	filter_done(&f);
	return r;
}

int confine_store(const char *path)
{
	static const struct confine_limit alone[] = { { RLIMIT_NPROC, 0 } };
	int r = confine_files(path);

	if (r >= 0)
		r = confine_limits(alone, 1);
	return r < 0 ? r : confine_calls(FILTER_LIST(store_calls));
}

int confine_winbind(void)
{
	int r = landlock_enter(LANDLOCK_FILES | LANDLOCK_NO_TCP | LANDLOCK_NO_SIGNALS, NULL, 0);

	return r < 0 ? r : confine_calls(FILTER_LIST(winbind_calls));
}
