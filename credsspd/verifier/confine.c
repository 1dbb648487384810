/* SPDX-License-Identifier: MIT */
#include "credsspd/verifier/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "credsspd/util/filter.h"
#include "credsspd/util/log.h"
#include "include/credssp/cleanup.h"
#include "include/credssp/limits.h"

#define DESCRIPTORS (2 * HANDSHAKES_MAX + 64U) /* one socket a handshake */
#define FILE_SIZE (64UL << 20)                 /* the largest store fits */

int confine_early(int control_fd)
{
	const struct {
		__rlimit_resource_t resource;
		rlim_t max;
	} row[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_NOFILE, DESCRIPTORS },
		{ RLIMIT_FSIZE, FILE_SIZE },
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
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct rlimit limit;

		/* a lower one may be set already */
		if (getrlimit(row[i].resource, &limit) < 0)
			return -errno;
		if (limit.rlim_max > row[i].max)
			limit = (struct rlimit){ row[i].max, row[i].max };
		if (setrlimit(row[i].resource, &limit) < 0)
			return -errno;
	}
	return 0;
}

/* ---- files ---- */

#define STORE_ACCESS \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR | \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG)
#define ALL_ACCESS ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1) /* the rights of the first ABI */

static int open_parent(const char *path)
{
	AUTO_FREE char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;
	int fd;

	if (!slash)
		return -EINVAL;
	slash[slash == dir] = '\0';
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Only below the directory of @path, or nowhere when it is NULL. Positive when the kernel does not have it. */
static int confine_files(const char *path)
{
	const struct landlock_ruleset_attr handled = { .handled_access_fs = ALL_ACCESS };
	AUTO_CLOSE int rules = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
	AUTO_CLOSE int dir = path ? open_parent(path) : -1;
	const struct landlock_path_beneath_attr allowed = { .allowed_access = STORE_ACCESS, .parent_fd = dir };

	if (rules < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 1 : -errno;
	if (path && dir < 0)
		return dir;
	if (path && syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &allowed, 0) < 0)
		return -errno;
	return syscall(SYS_landlock_restrict_self, rules, 0) < 0 ? -errno : 0;
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
#if defined(__SANITIZE_ADDRESS__)
	SCMP_SYS(sigaltstack),
	SCMP_SYS(sched_yield),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
#endif
};

static const int store_calls[] = {
	SCMP_SYS(openat), SCMP_SYS(fstat),    SCMP_SYS(newfstatat), SCMP_SYS(geteuid),  SCMP_SYS(flock),
	SCMP_SYS(fsync),  SCMP_SYS(renameat), SCMP_SYS(renameat2),  SCMP_SYS(unlinkat),
};

/* The fork of a question, and libwbclient in it. Both under one filter: a fork may do nothing that the verifier may
 * not. */
static const int winbind_calls[] = {
	SCMP_SYS(clone),     SCMP_SYS(set_robust_list), SCMP_SYS(rseq),       SCMP_SYS(socketpair), SCMP_SYS(alarm),
	SCMP_SYS(dup2),      SCMP_SYS(close_range),     SCMP_SYS(socket),     SCMP_SYS(connect),    SCMP_SYS(poll),
	SCMP_SYS(ppoll),     SCMP_SYS(getsockopt),      SCMP_SYS(newfstatat), SCMP_SYS(fstat),      SCMP_SYS(geteuid),
	SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(getppid),    SCMP_SYS(getuid),
};

static int confine_calls(struct filter_list list)
{
	static const struct filter_list common = { common_calls, sizeof common_calls / sizeof *common_calls, NULL };
	static const int none[] = { -1 };
	struct filter f = FILTER_NULL;
	int r;

	list.also = &common;
	r = filter_make(list, (struct filter_list){ none, 0, NULL }, &f);

	if (r == 0)
		r = filter_enter(&f);
	filter_done(&f);
	return r;
}

int confine(const char *path)
{
	int r = confine_files(path);

	if (r > 0)
		log_line(LOG_NOTICE, "verifier: this kernel has no Landlock; only file modes keep other files away");
	return r < 0 ? r : confine_calls(FILTER_LIST(store_calls));
}

int confine_winbind(void)
{
	int r = confine_files(NULL); /* without Landlock the filter alone, which knows no open */

	return r < 0 ? r : confine_calls(FILTER_LIST(winbind_calls));
}
