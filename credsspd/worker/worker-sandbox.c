/* SPDX-License-Identifier: MIT */
/*
 * The list has the system calls that workers of all mechanisms were seen to make after preload(). openat and similar
 * calls return ENOENT instead of killing: libkrb5 looks for krb5.conf and plugins for every context and works without
 * them (EPERM would be an error). So libkrb5's defaults hold in a worker; the options of krb5.conf that concern an
 * acceptor (encryption types, name matching) were applied when its keytab was made.
 */
#include "credsspd/worker/worker-sandbox.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "common/sandbox/sandbox.h"

#define CPU_SECONDS 10
#define ADDRESS_SPACE_MORE (64UL << 20) /* in addition to the template's */

static const int allowed[] = {
	SCMP_SYS(read),  /* sockets are read with recvmsg; this is for glibc */
	SCMP_SYS(write), /* the pipe */
	SCMP_SYS(sendmsg),       SCMP_SYS(recvmsg),   SCMP_SYS(close),        SCMP_SYS(brk),
	SCMP_SYS(munmap),        SCMP_SYS(mremap),    SCMP_SYS(madvise),      SCMP_SYS(mlock), /* struct secret */
	SCMP_SYS(futex),         SCMP_SYS(getrandom), SCMP_SYS(getpid), /* OpenSSL uses it to notice a fork */
	SCMP_SYS(clock_gettime), /* and the next two: when the vDSO has no clock */
	SCMP_SYS(gettimeofday),  SCMP_SYS(time),      SCMP_SYS(rt_sigreturn), SCMP_SYS(exit_group),
};

static const int not_there[] = {
	SCMP_SYS(open),       SCMP_SYS(openat),   SCMP_SYS(stat),       SCMP_SYS(lstat),
	SCMP_SYS(newfstatat), SCMP_SYS(statx),    SCMP_SYS(access),     SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
};

const struct filter_list sandbox_allowed = { allowed, sizeof allowed / sizeof *allowed, NULL };
const struct filter_list sandbox_not_there = { not_there, sizeof not_there / sizeof *not_there, NULL };

int sandbox_init(struct sandbox *ret_)
{
	struct sandbox s = { .address_space = confine_mapped() };
	int r;

	if (s.address_space == 0)
		return -EIO;
	s.address_space += ADDRESS_SPACE_MORE;
	r = filter_make(sandbox_allowed, sandbox_not_there, &s.filter);
	if (r < 0)
		return r;
	*ret_ = s;
	return 0;
}

void sandbox_done(struct sandbox *s)
{
	filter_done(&s->filter);
}

static int limit(const struct sandbox *s)
{
	const struct confine_limit row[] = {
		{ RLIMIT_CORE, 0 },          { RLIMIT_FSIZE, 0 },
		{ RLIMIT_NPROC, 0 },         { RLIMIT_NOFILE, SANDBOX_FDS },
		{ RLIMIT_CPU, CPU_SECONDS }, { RLIMIT_AS, s->address_space },
	};

	return confine_limits(row, sizeof row / sizeof *row);
}

int sandbox_enter(const struct sandbox *s)
{
	int r = limit(s);

	if (r < 0)
		return r;
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;
	return filter_enter(&s->filter);
}
