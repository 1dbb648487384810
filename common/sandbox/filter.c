/* SPDX-License-Identifier: MIT */
#include "common/sandbox/filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/sanitized.h"

/* Memory may be mapped and protected, but never made executable. */
static const struct {
	int nr;
	unsigned prot_argument;
} not_executable[] = {
	{ SCMP_SYS(mmap), 2 },
	{ SCMP_SYS(mprotect), 2 },
};

/* System calls that are allowed by their first argument. */
static const struct {
	int nr;
	struct scmp_arg_cmp first;
} narrowed[] = {
	{ SCMP_SYS(socket), { 0, SCMP_CMP_EQ, AF_UNIX, 0 } },
	/* neither threads nor namespaces */
	{ SCMP_SYS(clone),
	  { 0, SCMP_CMP_MASKED_EQ, ~(uint64_t)(CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CSIGNAL), 0 } },
};

/*
 * System calls of the sanitizer's runtime, for SANITIZED builds only: at the end of a process and for a report, which
 * opens files with symbols when it can.
 */
static const int sanitizer_calls[] = { SCMP_SYS(sigaltstack), SCMP_SYS(sched_yield), SCMP_SYS(rt_sigaction),
				       SCMP_SYS(gettid) };
static const int sanitizer_files[] = { SCMP_SYS(open), SCMP_SYS(readlink), SCMP_SYS(readlinkat) };

static int add_call(scmp_filter_ctx ctx, int nr, uint32_t action)
{
	for (size_t i = 0; i < sizeof narrowed / sizeof *narrowed; i++)
		if (narrowed[i].nr == nr)
			return seccomp_rule_add(ctx, action, nr, 1, narrowed[i].first);
	return seccomp_rule_add(ctx, action, nr, 0);
}

static int add_list(scmp_filter_ctx ctx, struct filter_list list, uint32_t action)
{
	int r = list.also ? add_list(ctx, *list.also, action) : 0;

	for (size_t i = 0; r == 0 && i < list.n; i++)
		r = add_call(ctx, list.call[i], action);
	return r;
}

static int add_rules(scmp_filter_ctx ctx, struct filter_list allowed, struct filter_list not_there)
{
	int r = add_list(ctx, allowed, SCMP_ACT_ALLOW);

	if (r == 0)
		r = add_list(ctx, not_there, SCMP_ACT_ERRNO(ENOENT));
	if (r == 0 && SANITIZED)
		r = add_list(ctx, FILTER_LIST(sanitizer_calls), SCMP_ACT_ALLOW);
	if (r == 0 && SANITIZED)
		r = add_list(ctx, FILTER_LIST(sanitizer_files), SCMP_ACT_ERRNO(ENOENT));
	for (size_t i = 0; r == 0 && i < sizeof not_executable / sizeof *not_executable; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, not_executable[i].nr, 1,
				     SCMP_CMP(not_executable[i].prot_argument, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return r;
}

/* Reads the whole of @fd, which holds an array of instructions. */
static int read_program(int fd, struct filter *ret_)
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
	ret_->program = (struct sock_fprog){ .len = (unsigned short)n, .filter = TAKE_PTR(filter) };
	return 0;
}

int filter_make(struct filter_list allowed, struct filter_list not_there, struct filter *ret_)
{
	AUTO_CLOSE int fd = memfd_create("filter", MFD_CLOEXEC);
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!ctx)
		return -ENOMEM;
	r = fd < 0 ? -errno : seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = add_rules(ctx, allowed, not_there);
	if (r == 0)
		r = seccomp_export_bpf(ctx, fd);
	seccomp_release(ctx);
	return r < 0 ? r : read_program(fd, ret_);
}

void filter_done(struct filter *f)
{
	free(f->program.filter);
	f->program = (struct sock_fprog){ 0 };
}

int filter_enter(const struct filter *f)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &f->program) < 0)
		return -errno;
	return 0;
}
