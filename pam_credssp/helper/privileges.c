/* SPDX-License-Identifier: MIT */
/*
 * The system calls of libkrb5's plugins, NSS modules and PKCS#11 modules are not known. So the filters deny lists of
 * calls (EPERM), in addition to the limits by user id and capabilities.
 *
 * The id for tickets is 65534, not that of the user who logs on: a helper that is taken over before it has proved the
 * user must not have the user's rights. Other processes with this id cannot look into the helper, because it is not
 * dumpable.
 */
#include "pam_credssp/helper/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/sandbox/denied.h"
#include "pam_credssp/helper/mode.h"

/*
 * The capabilities that PKCS#11 modules may need. pcscd accepts root; SoftHSM and modules of network HSMs keep tokens
 * in files of root or of a service's user, opencryptoki in shared memory of a group; some lock the memory of the PIN.
 * No module needs to change ids, to trace, to mount or to configure the network.
 */
#define FOR_CARDS ((1ULL << CAP_DAC_OVERRIDE) | (1ULL << CAP_IPC_OWNER) | (1ULL << CAP_IPC_LOCK))

/* ---- the filter ---- */

static const int for_tickets[] = {
	/* other processes of the same id */
	SCMP_SYS(shmget),
	SCMP_SYS(msgget),
	SCMP_SYS(semget),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	/* files; open() is below */
	SCMP_SYS(creat),
	SCMP_SYS(openat2),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(link),
	SCMP_SYS(linkat),
	SCMP_SYS(symlink),
	SCMP_SYS(symlinkat),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	DENIED_CHANGES,
};

/* The argument of each call that has the flags. */
static const struct {
	int nr;
	unsigned flags;
} opens[] = {
	{ SCMP_SYS(open), 1 },
	{ SCMP_SYS(openat), 2 },
};

static int refuse_writing(scmp_filter_ctx c)
{
	static const unsigned writing[] = { O_WRONLY, O_RDWR, O_CREAT, O_TRUNC };
	int r = 0;

	for (size_t i = 0; i < sizeof opens / sizeof *opens; i++)
		for (size_t n = 0; n < sizeof writing / sizeof *writing && r == 0; n++)
			r = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), opens[i].nr, 1,
					     SCMP_CMP(opens[i].flags, SCMP_CMP_MASKED_EQ, writing[n], writing[n]));
	return r;
}

static int filter(void)
{
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_ALLOW);
	int r = c ? refuse_writing(c) : -ENOMEM;

	for (size_t i = 0; i < sizeof for_tickets / sizeof *for_tickets && r == 0; i++)
		r = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), for_tickets[i], 0);
	if (r == 0)
		r = seccomp_load(c);
	if (c)
		seccomp_release(c);
	return r;
}

/* ---- ids and capabilities ---- */

/* Lowers the bounding set. Without CAP_SETPCAP it cannot, and no_new_privs makes the set useless anyway. */
static void bound(uint64_t kept)
{
	for (int i = 0; i < 64 && prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		if (!(kept >> i & 1))
			(void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
}

static int keep(uint64_t kept)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d) < 0)
		return -errno;
	for (unsigned i = 0; i < 2; i++) {
		d[i].permitted &= (uint32_t)(kept >> 32 * i);
		d[i].effective = d[i].permitted;
		d[i].inheritable = 0;
	}
	return syscall(SYS_capset, &h, d) < 0 ? -errno : 0;
}

static int become_nobody(void)
{
	pid_t parent = getppid();

	if (geteuid() == 0 &&
	    (setgroups(0, NULL) < 0 || setresgid(PRIVILEGES_NOBODY, PRIVILEGES_NOBODY, PRIVILEGES_NOBODY) < 0 ||
	     setresuid(PRIVILEGES_NOBODY, PRIVILEGES_NOBODY, PRIVILEGES_NOBODY) < 0))
		return -errno;
	/* the change of ids has cleared both */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

static int alone(void)
{
	const struct rlimit zero = { 0, 0 };

	return setrlimit(RLIMIT_NPROC, &zero) < 0 ? -errno : 0;
}

static unsigned say(int r, struct helper_result *result)
{
	return r < 0 ? helper_say(result, HELPER_INTERNAL, "giving up privileges: %s", strerror(-r))
		     : (unsigned)HELPER_SUCCESS;
}

unsigned privileges_for_tickets(struct helper_result *result)
{
	int r;

	bound(0);
	r = become_nobody();
	if (r == 0)
		r = keep(0);
	if (r == 0)
		r = alone();
	if (r == 0)
		r = filter();
	return say(r, result);
}

unsigned privileges_for_cards(struct helper_result *result)
{
	bound(FOR_CARDS);
	return say(keep(FOR_CARDS), result);
}
