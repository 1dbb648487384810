/* SPDX-License-Identifier: MIT */
/*
 * The list is what workers of all mechanisms were seen to need, with everything
 * preloaded. openat and its kin answer ENOENT instead of killing: libkrb5 looks
 * for krb5.conf and plugins on every context and does well without (EPERM would
 * break it). So a worker goes by libkrb5's defaults: what of krb5.conf concerns an
 * acceptor (enctypes, name matching) is decided by the keys in its keytab.
 *
 * The filter is compiled by libseccomp once and loaded with the plain system call:
 * building it in every worker would cost more than the handshake.
 */
#include "credsspd/worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "include/credssp/cleanup.h"

#define CPU_SECONDS 10
#define ADDRESS_SPACE_MORE (64UL << 20) /* beyond what the template has */

static const int allowed[] = {
	SCMP_SYS(read),  /* a socket is read with recvmsg; libraries read nothing, glibc may */
	SCMP_SYS(write), /* the pipe */
	SCMP_SYS(sendmsg),       SCMP_SYS(recvmsg),   SCMP_SYS(close),        SCMP_SYS(brk),
	SCMP_SYS(munmap),        SCMP_SYS(mremap),    SCMP_SYS(madvise),      SCMP_SYS(mlock), /* struct secret */
	SCMP_SYS(futex),         SCMP_SYS(getrandom), SCMP_SYS(getpid), /* OpenSSL notices a fork by it */
	SCMP_SYS(clock_gettime), /* and the next two: when the vDSO has no clock */
	SCMP_SYS(gettimeofday),  SCMP_SYS(time),      SCMP_SYS(rt_sigreturn), SCMP_SYS(exit_group),
};

/* Memory may be mapped and protected, but never made executable. */
static const struct {
	int nr;
	unsigned prot_argument;
} not_executable[] = {
	{ SCMP_SYS(mmap), 2 },
	{ SCMP_SYS(mprotect), 2 },
};

static const int not_there[] = {
	SCMP_SYS(open),       SCMP_SYS(openat),   SCMP_SYS(stat),       SCMP_SYS(lstat),
	SCMP_SYS(newfstatat), SCMP_SYS(statx),    SCMP_SYS(access),     SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
};

static int add_rules(scmp_filter_ctx ctx)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof allowed / sizeof *allowed; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; r == 0 && i < sizeof not_executable / sizeof *not_executable; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, not_executable[i].nr, 1,
				     SCMP_CMP(not_executable[i].prot_argument, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	for (size_t i = 0; r == 0 && i < sizeof not_there / sizeof *not_there; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOENT), not_there[i], 0);
	return r;
}

/* Reads the whole of @fd, which holds an array of instructions. */
static int read_program(int fd, struct sock_fprog *ret_)
{
	AUTO_FREE struct sock_filter *filter = NULL;
	struct stat st;
	size_t n;

	if (fstat(fd, &st) < 0)
		return -errno;
	n = (size_t)st.st_size / sizeof *filter;
	if (n == 0 || n > BPF_MAXINSNS)
		return -EINVAL;
	filter = malloc(n * sizeof *filter);
	if (!filter)
		return -ENOMEM;
	if (pread(fd, filter, n * sizeof *filter, 0) != (ssize_t)(n * sizeof *filter))
		return -EIO;
	*ret_ = (struct sock_fprog){ .len = (unsigned short)n, .filter = TAKE_PTR(filter) };
	return 0;
}

static int make_program(struct sock_fprog *ret_)
{
	AUTO_CLOSE int fd = memfd_create("filter", MFD_CLOEXEC);
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!ctx)
		return -ENOMEM;
	r = fd < 0 ? -errno : seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = add_rules(ctx);
	if (r == 0)
		r = seccomp_export_bpf(ctx, fd);
	seccomp_release(ctx);
	return r < 0 ? r : read_program(fd, ret_);
}

static size_t mapped_now(void)
{
	AUTO_FCLOSE FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (!f || fscanf(f, "%lu", &pages) != 1)
		return 0;
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

int sandbox_init(struct sandbox *ret_)
{
	struct sandbox s = { .address_space = mapped_now() };
	int r;

	if (s.address_space == 0)
		return -EIO;
	s.address_space += ADDRESS_SPACE_MORE;
	r = make_program(&s.program);
	if (r < 0)
		return r;
	*ret_ = s;
	return 0;
}

void sandbox_done(struct sandbox *s)
{
	free(s->program.filter);
	s->program = (struct sock_fprog){ 0 };
}

static int limit(const struct sandbox *s)
{
	const struct {
		__rlimit_resource_t resource;
		rlim_t max;
	} row[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_FSIZE, 0 },
		{ RLIMIT_NOFILE, SANDBOX_FDS },
		{ RLIMIT_CPU, CPU_SECONDS },
		{ RLIMIT_AS, s->address_space },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (setrlimit(row[i].resource, &(struct rlimit){ row[i].max, row[i].max }) < 0)
			return -errno;
	return 0;
}

int sandbox_enter(const struct sandbox *s)
{
	int r = limit(s);

	if (r < 0)
		return r;
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &s->program) < 0)
		return -errno;
	return 0;
}
