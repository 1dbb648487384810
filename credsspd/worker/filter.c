/* SPDX-License-Identifier: MIT */
/* libseccomp writes the program; it is exported and kept, because compiling it anew costs each worker 0.1 ms. */
#include "credsspd/worker/filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "include/credssp/cleanup.h"

static const int allowed[] = {
	/* sockets and the pipe that are there already */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(close), SCMP_SYS(sendmsg), SCMP_SYS(recvmsg),
	/* memory */
	SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise), SCMP_SYS(mlock),
	/* locks, time, randomness, OpenSSL's question whether it was forked */
	SCMP_SYS(futex), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom), SCMP_SYS(getpid),
	/* the end */
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn),
};

/* libkrb5 looks for krb5.conf and plugins; no such file is an answer it takes, a refusal is not. */
static const int missing[] = {
	SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(statx),
};

static int add_rules(scmp_filter_ctx c)
{
	int r = 0;

	for (size_t i = 0; i < sizeof allowed / sizeof *allowed && r == 0; i++)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; i < sizeof missing / sizeof *missing && r == 0; i++)
		r = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOENT), missing[i], 0);
	return r;
}

static int read_program(int fd, struct filter *ret_filter)
{
	off_t size = lseek(fd, 0, SEEK_END);
	struct filter f = { .program = NULL };

	if (size <= 0 || (size_t)size % sizeof *f.program || lseek(fd, 0, SEEK_SET) < 0)
		return -EIO;
	f.len = (size_t)size / sizeof *f.program;
	f.program = malloc((size_t)size);
	if (!f.program)
		return -ENOMEM;
	if (read(fd, f.program, (size_t)size) != size) {
		free(f.program);
		return -EIO;
	}
	*ret_filter = f;
	return 0;
}

int filter_compile(struct filter *ret_filter)
{
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_KILL_PROCESS);
	AUTO_CLOSE int fd = -1;
	int r;

	if (!c)
		return -ENOMEM;
	/* most used first: the program is a chain of comparisons */
	(void)seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	r = add_rules(c);
	if (r == 0) {
		fd = memfd_create("filter", MFD_CLOEXEC);
		r = fd < 0 ? -errno : seccomp_export_bpf(c, fd);
	}
	if (r == 0)
		r = read_program(fd, ret_filter);
	seccomp_release(c);
	return r;
}

int filter_load(const struct filter *f)
{
	struct sock_fprog program = { .len = (unsigned short)f->len, .filter = f->program };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}
