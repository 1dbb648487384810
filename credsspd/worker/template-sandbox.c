/* SPDX-License-Identifier: MIT */
/*
 * The filter allows the template's own calls, the calls of a worker before it enters its filter (worker.c,
 * worker-sandbox.c), and all calls that the worker's filter allows: the kernel applies the stricter of both filters. As
 * in a worker, libkrb5 looks for files and works without them.
 */
#include "credsspd/worker/template-sandbox.h"

#include <seccomp.h>

#include "credsspd/worker/worker-sandbox.h"

/* The calls that are not in the worker's filter. */
static const int more[] = {
	/* the template itself */
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
};

int template_confine(void)
{
	const struct filter_list allowed = { more, sizeof more / sizeof *more, &sandbox_allowed };
	struct filter f = FILTER_NULL;
	int r = filter_make(allowed, sandbox_not_there, &f);

	if (r == 0)
		r = filter_enter(&f);
	filter_done(&f);
	return r;
}
