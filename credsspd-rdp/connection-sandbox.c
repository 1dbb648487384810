/* SPDX-License-Identifier: MIT */
/*
 * Confines the process that does TLS with unauthenticated clients. Everything that it needs was opened before. The
 * filter kills the process at a system call that is not listed, so that such a call is noticed.
 */
#include "credsspd-rdp/connection-sandbox.h"

#include <errno.h>
#include <openssl/rand.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/secret.h"
#include "common/sandbox/sandbox.h"

#define CHILD_FDS 8 /* three standard ones, client, listener, channel, xrdp, and room to receive one */

static const int allowed[] = {
	SCMP_SYS(read),   SCMP_SYS(write),     SCMP_SYS(close),      SCMP_SYS(sendmsg),       SCMP_SYS(recvmsg),
	SCMP_SYS(sendto), SCMP_SYS(recvfrom),  SCMP_SYS(shutdown),   SCMP_SYS(poll),          SCMP_SYS(ppoll),
	SCMP_SYS(brk),    SCMP_SYS(munmap),    SCMP_SYS(mremap),     SCMP_SYS(madvise),       SCMP_SYS(mlock),
	SCMP_SYS(futex),  SCMP_SYS(getrandom), SCMP_SYS(getpid),     SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
	SCMP_SYS(time),   SCMP_SYS(exit),      SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn),  SCMP_SYS(restart_syscall),
};
static const int not_there[] = { SCMP_SYS(openat), SCMP_SYS(newfstatat), SCMP_SYS(access) };

int connection_filter(struct filter *ret_)
{
	return filter_make(FILTER_LIST(allowed), FILTER_LIST(not_there), ret_);
}

/* Standard error may be a file, in a test or on a host without the journal; no other file is open. */
static bool writes_to_a_file(void)
{
	struct stat st;

	return fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode);
}

/* There is no limit of CPU time, because a desktop may use hours of it. */
static int limit(size_t mapped)
{
	const struct confine_limit row[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_NPROC, 0 },
		{ RLIMIT_NOFILE, CHILD_FDS },
		{ RLIMIT_FSIZE, writes_to_a_file() ? DAEMON_FILE_SIZE_MAX : 0 },
		{ RLIMIT_AS, mapped + RDP_CHILD_MEMORY_MAX },
	};

	if (mapped == 0)
		return -EIO;
	return confine_limits(row, sizeof row / sizeof *row);
}

int connection_confine(const struct filter *filter, size_t mapped)
{
	uint8_t seed[48];
	int r;

	if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
		return -EIO;
	RAND_add(seed, sizeof seed, sizeof seed);
	secret_wipe(seed, sizeof seed);
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;
	r = limit(mapped);
	return r < 0 ? r : filter_enter(filter);
}
