/* SPDX-License-Identifier: MIT */
/*
 * One request at a time, on purpose: a name service module that blocks takes one resolver with it, which the supervisor
 * kills at its deadline. No filter that kills: nobody knows what system calls an NSS module makes; but it needs no
 * ptrace, no exec and no other privileges.
 */
#include "credsspd/resolver/resolver.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "credsspd/resolver/identity.h"
#include "credsspd/util/log.h"
#include "credsspd/util/packet.h"

static const int denied[] = {
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(kill),
	SCMP_SYS(tkill),
	SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(mount),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(bpf),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(setuid),
	SCMP_SYS(setgid),
	SCMP_SYS(setresuid),
	SCMP_SYS(setresgid),
	SCMP_SYS(chmod),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
};

static int load_filter(void)
{
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_ALLOW);
	int r = c ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof denied / sizeof *denied && r == 0; i++)
		r = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), denied[i], 0);
	if (r == 0)
		r = seccomp_load(c); /* sets no_new_privs */
	if (c)
		seccomp_release(c);
	return r;
}

static int confine(int control_fd)
{
	const struct rlimit none = { 0, 0 };
	pid_t parent = getppid();

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		return -ESRCH;
	if (fcntl(control_fd, F_SETFD, FD_CLOEXEC) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	(void)prctl(PR_SET_NAME, "resolver");
	return load_filter();
}

static bool terminated(const char *s, size_t size)
{
	return memchr(s, '\0', size) != NULL;
}

static int serve(const struct config *config, int fd)
{
	struct resolver_request q;
	struct resolver_answer a;
	ssize_t n;

	while ((n = packet_recv(fd, &q, sizeof q, NULL, 0)) > 0) {
		if (n != (ssize_t)sizeof q || !terminated(q.principal, sizeof q.principal) ||
		    !terminated(q.domain, sizeof q.domain) || !terminated(q.user, sizeof q.user))
			return -EPROTO;
		identity_answer(config, &identity_system, &q, &a);
		int r = packet_send(fd, &a, sizeof a, NULL, 0);

		if (r < 0)
			return r;
	}
	return (int)n;
}

int resolver_main(const struct config *config, int control_fd)
{
	const uint8_t ready = RESOLVER_READY;
	int r = confine(control_fd);

	if (r == 0)
		r = packet_send(control_fd, &ready, 1, NULL, 0);
	if (r == 0)
		r = serve(config, control_fd);
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		log_line(LOG_ERR, "resolver: %s", strerror(-r));
	return r;
}
