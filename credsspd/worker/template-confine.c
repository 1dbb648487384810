/* SPDX-License-Identifier: MIT */
/*
 * What the template does itself, what a worker does before its own filter (worker.c, sandbox.c), and what that one
 * allows: the kernel takes the stricter of the two. As in a worker, libkrb5 looks for files and does well without.
 */
#include "credsspd/worker/template-confine.h"

#include <seccomp.h>

#include "credsspd/util/filter.h"

static const int allowed[] = {
	/* the template */
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(clone),
	SCMP_SYS(clone3),
	SCMP_SYS(wait4),
	SCMP_SYS(waitid),
	SCMP_SYS(kill),
	SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(socketpair),
	SCMP_SYS(fcntl),
	SCMP_SYS(gettid),
	SCMP_SYS(tgkill),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(munlock),
	SCMP_SYS(exit),
	/* a worker before its filter */
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(prctl),
	SCMP_SYS(getppid),
	SCMP_SYS(dup2),
	SCMP_SYS(close_range),
	SCMP_SYS(getrlimit),
	SCMP_SYS(setrlimit),
	SCMP_SYS(prlimit64),
	SCMP_SYS(seccomp),
	/* both, and what a worker may do later */
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvmsg),
	SCMP_SYS(close),
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(mlock),
	SCMP_SYS(futex),
	SCMP_SYS(getrandom),
	SCMP_SYS(getpid),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(exit_group),
};

static const int not_there[] = {
	SCMP_SYS(open),       SCMP_SYS(openat),   SCMP_SYS(stat),       SCMP_SYS(lstat),
	SCMP_SYS(newfstatat), SCMP_SYS(statx),    SCMP_SYS(access),     SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
};

int template_confine(void)
{
	struct filter f = FILTER_NULL;
	int r = filter_make(FILTER_LIST(allowed), FILTER_LIST(not_there), &f);

	if (r == 0)
		r = filter_enter(&f);
	filter_done(&f);
	return r;
}
