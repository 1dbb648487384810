/* SPDX-License-Identifier: MIT */
/*
 * The process that speaks TLS with strangers: what it needs is open already. A filter that kills, so that what is not
 * listed is seen and not worked around.
 */
#include "credsspd/rdp/child-confine.h"

#include <errno.h>
#include <openssl/rand.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "include/credssp/secret.h"

static const int allowed[] = {
	SCMP_SYS(read),   SCMP_SYS(write),     SCMP_SYS(close),      SCMP_SYS(sendmsg),       SCMP_SYS(recvmsg),
	SCMP_SYS(sendto), SCMP_SYS(recvfrom),  SCMP_SYS(shutdown),   SCMP_SYS(poll),          SCMP_SYS(ppoll),
	SCMP_SYS(brk),    SCMP_SYS(munmap),    SCMP_SYS(mremap),     SCMP_SYS(madvise),       SCMP_SYS(mlock),
	SCMP_SYS(futex),  SCMP_SYS(getrandom), SCMP_SYS(getpid),     SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
	SCMP_SYS(time),   SCMP_SYS(exit),      SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn),  SCMP_SYS(restart_syscall),
};
static const int not_there[] = { SCMP_SYS(openat), SCMP_SYS(newfstatat), SCMP_SYS(access) };

int child_filter(struct filter *ret_)
{
	return filter_make(FILTER_LIST(allowed), FILTER_LIST(not_there), ret_);
}

int child_confine(const struct filter *filter)
{
	const struct rlimit none = { 0, 0 };
	uint8_t seed[48];

	if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
		return -EIO;
	RAND_add(seed, sizeof seed, sizeof seed);
	secret_wipe(seed, sizeof seed);
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_NPROC, &none) < 0)
		return -errno;
	return filter_enter(filter);
}
