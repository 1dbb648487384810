/* SPDX-License-Identifier: MIT */
/*
 * The filters here deny a list of system calls with EPERM, because the calls of the host's name service modules are not
 * known. Filters and limits are inherited: the supervisor's hold for every process that it starts.
 */
#include "common/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "common/base/sanitized.h"
#include "common/sandbox/denied.h"
#include "common/sandbox/landlock.h"

/* ---- lists ---- */

static const int deny_always[] = {
	DENIED_TO_ALL, DENIED_CHANGES, SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key),
};

static const int no_other_user[] = {
	SCMP_SYS(setuid),    SCMP_SYS(setgid),    SCMP_SYS(setreuid), SCMP_SYS(setregid), SCMP_SYS(setresuid),
	SCMP_SYS(setresgid), SCMP_SYS(setgroups), SCMP_SYS(setfsuid), SCMP_SYS(setfsgid), SCMP_SYS(capset),
};

static const int no_programs[] = { SCMP_SYS(execve), SCMP_SYS(execveat) };

static const int no_servers[] = { SCMP_SYS(listen) };

static const int no_other_process[] = {
	SCMP_SYS(kill),
	SCMP_SYS(tkill),
	SCMP_SYS(rt_sigqueueinfo),
	SCMP_SYS(rt_tgsigqueueinfo),
	SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_send_signal),
};

static const int no_children[] = { SCMP_SYS(vfork), SCMP_SYS(fork) };

static const struct {
	const int *call;
	size_t n;
} lists[] = {
	{ deny_always, sizeof deny_always / sizeof *deny_always },
	{ no_programs, sizeof no_programs / sizeof *no_programs },
	{ no_servers, sizeof no_servers / sizeof *no_servers },
	{ no_other_process, sizeof no_other_process / sizeof *no_other_process },
	{ no_children, sizeof no_children / sizeof *no_children },
	{ no_other_user, sizeof no_other_user / sizeof *no_other_user },
};

enum {
	DENY_ALWAYS = 1,
	NO_PROGRAMS = 2,
	NO_SERVERS = 4,
	NO_OTHER_PROCESS = 8,
	NO_CHILDREN = 16,
	NO_OTHER_USER = 32,
	NO_NETWORK = 64, /* of add_no_network(), without a list */
};

static int add_lists(scmp_filter_ctx c, unsigned which)
{
	int r = 0;

	for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
		for (size_t i = 0; i < lists[k].n && r == 0 && which & 1U << k; i++)
			r = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), lists[k].call[i], 0);
	return r;
}

static int add_no_attributes(scmp_filter_ctx c)
{
	static const unsigned request[] = { DENIED_IOCTLS };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof request / sizeof *request; i++)
		r = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, DENIED_MASK32, request[i]));
	return r;
}

/* Leaves AF_UNIX only: the bus, the log, xrdp. Also denies MSG_FASTOPEN, which connects past Landlock. */
static int add_no_network(scmp_filter_ctx c)
{
	static const struct {
		int nr;
		uint32_t error;
		struct scmp_arg_cmp when;
	} row[] = {
		{ SCMP_SYS(socket), EAFNOSUPPORT, { 0, SCMP_CMP_NE, AF_UNIX, 0 } },
		{ SCMP_SYS(socketpair), EAFNOSUPPORT, { 0, SCMP_CMP_NE, AF_UNIX, 0 } },
		{ SCMP_SYS(sendto), EPERM, { 3, SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, MSG_FASTOPEN } },
		{ SCMP_SYS(sendmsg), EPERM, { 2, SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, MSG_FASTOPEN } },
		{ SCMP_SYS(sendmmsg), EPERM, { 3, SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, MSG_FASTOPEN } },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof row / sizeof *row; i++)
		r = seccomp_rule_add_array(c, SCMP_ACT_ERRNO(row[i].error), row[i].nr, 1, &row[i].when);
	return r;
}

/* Denies new processes; a module may start threads. A filter cannot see clone3's arguments: without clone3 glibc uses
 * clone. */
static int add_no_processes(scmp_filter_ctx c)
{
	int r = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	return r == 0 ? seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
					 SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0))
		      : r;
}

/* abort() sends itself a signal with it */
static int add_no_signals(scmp_filter_ctx c)
{
	return seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1,
				SCMP_A0(SCMP_CMP_NE, (scmp_datum_t)getpid(), 0));
}

static int load(unsigned which)
{
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_ALLOW);
	int r = c ? add_lists(c, which) : -ENOMEM;

	if (r == 0 && which & DENY_ALWAYS)
		r = add_no_attributes(c);
	if (r == 0 && which & NO_NETWORK)
		r = add_no_network(c);
	if (r == 0 && which & NO_OTHER_PROCESS)
		r = add_no_signals(c);
	if (r == 0 && which & NO_CHILDREN)
		r = add_no_processes(c);
	if (r == 0)
		r = seccomp_load(c); /* sets no_new_privs */
	if (c)
		seccomp_release(c);
	return r;
}

/* ---- limits ---- */

int confine_limits(const struct confine_limit *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		__rlimit_resource_t resource = (__rlimit_resource_t)row[i].resource;
		struct rlimit limit;

		if (SANITIZED && row[i].resource == RLIMIT_AS)
			continue;
		if (getrlimit(resource, &limit) < 0)
			return -errno;
		if (limit.rlim_max > row[i].max)
			limit.rlim_max = row[i].max;
		if (limit.rlim_cur > limit.rlim_max)
			limit.rlim_cur = limit.rlim_max;
		if (setrlimit(resource, &limit) < 0)
			return -errno;
	}
	return 0;
}

size_t confine_mapped(void)
{
	AUTO_FCLOSE FILE *f = fopen("/proc/self/statm", "re");
	char line[128];

	/* the first number: pages */
	return f && fgets(line, sizeof line, f) ? strtoul(line, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

static int common_limits(void)
{
	static const struct confine_limit row[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_FSIZE, DAEMON_FILE_SIZE_MAX },
		{ RLIMIT_AS, DAEMON_ADDRESS_SPACE_MAX },
	};

	/* a limit that is reached is an error of write(2), not a signal */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;
	return confine_limits(row, sizeof row / sizeof *row);
}

/* ---- the processes ---- */

int confine_start(unsigned passed)
{
	int r = common_limits();

	return r == 0 && close_range(STDERR_FILENO + 1 + passed, ~0U, 0) < 0 ? -errno : r;
}

int confine_supervisor(void)
{
	return load(DENY_ALWAYS | NO_OTHER_USER);
}

int confine_account_warden(void)
{
	return load(DENY_ALWAYS);
}

int confine_listener(void)
{
	int r = load(DENY_ALWAYS | NO_OTHER_USER | NO_PROGRAMS | NO_SERVERS | NO_NETWORK);

	if (r == 0)
		r = landlock_enter(LANDLOCK_NO_TCP | LANDLOCK_NO_SIGNALS, NULL, 0);
	return r < 0 ? r : 0;
}

/* @programs: LANDLOCK_EXECUTE, or 0. */
static int confine_files(uint64_t programs)
{
	const struct landlock_rule rule[] = {
		{ .path = "/", .rights = LANDLOCK_READ | programs },
		{ .path = "/dev/null", .rights = LANDLOCK_WRITE },
	};

	return landlock_enter(LANDLOCK_FILES | LANDLOCK_NO_SIGNALS, rule, sizeof rule / sizeof *rule);
}

/* The common part for processes that call modules of the host, without the filter. */
static int confine_module_caller(int control_fd, const char *name, uint64_t programs)
{
	static const struct confine_limit row[] = { { RLIMIT_NOFILE, HELPER_PROCESS_FILES_MAX } };
	pid_t parent = getppid();
	int r;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		return -ESRCH;
	if (fcntl(control_fd, F_SETFD, FD_CLOEXEC) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	(void)prctl(PR_SET_NAME, name);
	r = common_limits();
	if (r == 0)
		r = confine_limits(row, sizeof row / sizeof *row);
	if (r == 0)
		r = confine_files(programs);
	return r < 0 ? r : 0;
}

int confine_helper(int control_fd, const char *name, bool forks)
{
	int r = confine_module_caller(control_fd, name, 0);

	return r < 0 ? r
		     : load(DENY_ALWAYS | NO_OTHER_USER | NO_PROGRAMS | NO_SERVERS | NO_OTHER_PROCESS |
			    (forks ? 0U : NO_CHILDREN));
}

/* Sets the bounding set, too: at execve() a process of root gets all capabilities that are in it. */
static int confine_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (!(keep & 1ULL << cap) && prctl(PR_CAPBSET_READ, cap) == 1 && prctl(PR_CAPBSET_DROP, cap) < 0)
			return -errno;
	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (unsigned i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(keep >> 32 * i);
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int confine_account_checker(int control_fd)
{
	int r = confine_capabilities(1ULL << CAP_DAC_READ_SEARCH);

	if (r == 0)
		r = confine_module_caller(control_fd, "account-checker", LANDLOCK_EXECUTE);
	return r < 0 ? r : load(DENY_ALWAYS | NO_SERVERS | NO_OTHER_PROCESS);
}

const char *confine_says(void)
{
	static char text[160];
	int abi = landlock_abi();

	(void)snprintf(text, sizeof text, "confined by system call filters%s",
		       abi >= 6   ? " and Landlock"
		       : abi >= 4 ? " and Landlock (without a rule for signals on this kernel)"
		       : abi > 0  ? " and Landlock (with rules for files only on this kernel)"
				  : "; this kernel has no Landlock: only file modes protect files");
	return text;
}
