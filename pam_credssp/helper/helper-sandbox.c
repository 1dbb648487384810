/* SPDX-License-Identifier: MIT */
/*
 * The helper is root when the login program is, parses clients' tickets and certificates, and loads modules. Their
 * system calls are not known, so the filter denies a list of calls. Limits and no_new_privs are set before the helper
 * is executed (helper-run.c). KEYRING caches need keyctl(2) and FILE caches fchmod(2), so those are not on the list.
 */
#include "pam_credssp/helper/helper-sandbox.h"

#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/sandbox/denied.h"

static const int denied[] = {
	DENIED_TO_ALL,
	/* other processes, and programs */
	SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(kill),
	SCMP_SYS(tkill),
	SCMP_SYS(rt_sigqueueinfo),
	SCMP_SYS(rt_tgsigqueueinfo),
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(listen),
};

static const unsigned requests[] = { DENIED_IOCTLS };

int helper_restrain(void)
{
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_ALLOW);
	int r = c ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof denied / sizeof *denied && r == 0; i++)
		r = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), denied[i], 0);
	for (size_t i = 0; i < sizeof requests / sizeof *requests && r == 0; i++)
		r = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, DENIED_MASK32, requests[i]));
	/* clone3 cannot be looked into, and without it glibc makes threads by clone */
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	/* abort() sends itself a signal with it */
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1,
				     SCMP_A0(SCMP_CMP_NE, (scmp_datum_t)getpid(), 0));
	if (r == 0)
		r = seccomp_load(c);
	if (c)
		seccomp_release(c);
	/* execve() has made it dumpable again */
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		r = -errno;
	return r;
}
