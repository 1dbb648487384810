/* SPDX-License-Identifier: MIT */
#include "credsspd-rdp/connection-template.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/heap.h"
#include "common/base/log.h"
#include "common/ipc/connection-msg.h"
#include "common/ipc/packet.h"
#include "common/sandbox/sandbox.h"
#include "credsspd-rdp/connection.h"
#include "credsspd-rdp/listener-private.h"

#define CONTROL_FD 3         /* of the template, to the listener */
#define ABOVE_ALL 64         /* above every descriptor that the template and its children use */
#define CONNECTION_CONTROL 4 /* of a connection's process, beside CONNECTION_NET_FD */

struct template
{
	const struct listener *l; /* as it was when the template was forked */
	pid_t listener;
	SSL *ssl;
	size_t mapped;
};

/* ---- the process of a connection ---- */

static void reset_signals(void)
{
	sigset_t unblocked;

	(void)sigemptyset(&unblocked);
	(void)sigprocmask(SIG_SETMASK, &unblocked, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

/* Only its own two sockets and the standard descriptors stay open. */
static int keep_only(int net, int control)
{
	/* out of the way of the targets first */
	int net_up = fcntl(net, F_DUPFD_CLOEXEC, ABOVE_ALL), control_up = fcntl(control, F_DUPFD_CLOEXEC, ABOVE_ALL);

	if (net_up < 0 || control_up < 0 || dup2(net_up, CONNECTION_NET_FD) < 0 ||
	    dup2(control_up, CONNECTION_CONTROL) < 0 || close_range(CONNECTION_CONTROL + 1, ~0U, 0) < 0)
		return -errno;
	return 0;
}

__attribute__((noreturn)) static void run_connection(const struct template *t, const struct rdp_fork *f,
						     const int fds[2])
{
	struct connection_task task = {
		.filter = &t->l->filter,
		.mapped = t->mapped,
		.ctx = t->l->ctx,
		.ssl = t->ssl,
		.net = CONNECTION_NET_FD,
		.control = CONNECTION_CONTROL,
		.protocols = f->protocols,
		.selected = f->selected,
		.request_flags = f->request_flags,
		.direct = f->direct,
		.rport = f->rport,
		.service = t->l->settings->service,
	};

	(void)prctl(PR_SET_NAME, "credsspd-rdp:c");
	memcpy(task.rhost, f->rhost, sizeof task.rhost);
	if (getppid() != t->listener || keep_only(fds[0], fds[1]) < 0)
		_exit(EXIT_FAILURE);
	_exit(connection_run(&task));
}

/*
 * By the system call: the C library's fork() has no CLONE_PARENT. What it does besides is for threads and for handlers of
 * libraries that the child does not use. OpenSSL's generator notices a fork by the process id.
 */
static pid_t fork_for_parent(void)
{
#if defined(__s390__)
	return (pid_t)syscall(SYS_clone, NULL, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL);
#else
	return (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
#endif
}

/* ---- the template ---- */

/* Returns 1 at end of file, which is the order to end, or -errno. */
static int template_serve(const struct template *t)
{
	struct rdp_forked answer = { .type = RDP_FORKED };
	struct rdp_fork f;
	int fds[2], r;
	ssize_t n = packet_recv(CONTROL_FD, &f, sizeof f, fds, 2);

	if (n <= 0)
		return n == 0 ? 1 : (int)n;
	if (n == (ssize_t)sizeof f && f.type == RDP_FORK && fds[0] >= 0 && fds[1] >= 0) {
		answer.pid = fork_for_parent();
		if (answer.pid == 0)
			run_connection(t, &f, fds);
		if (answer.pid < 0)
			answer.pid = -errno;
		r = packet_send(CONTROL_FD, &answer, sizeof answer, NULL, 0);
	} else {
		r = -EPROTO;
	}
	(void)close_fd(fds[0]);
	(void)close_fd(fds[1]);
	return r;
}

__attribute__((noreturn)) static void run_template(const struct listener *l, int control, pid_t listener)
{
	struct template t = { .l = l, .listener = listener };
	int r = 0;

	(void)prctl(PR_SET_NAME, "credsspd-rdp:t");
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	reset_signals();
	if (getppid() != listener || (control != CONTROL_FD && dup2(control, CONTROL_FD) < 0) ||
	    close_range(CONTROL_FD + 1, ~0U, 0) < 0)
		_exit(EXIT_FAILURE);
	log_use_stderr();
	t.mapped = confine_mapped();
	t.ssl = connection_tls_new(l->ctx, CONNECTION_NET_FD);
	heap_settle();
	while (r == 0)
		r = template_serve(&t);
	_exit(r == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* ---- the listener ---- */

int connection_template_start(struct listener *l)
{
	static const struct timeval patience = { .tv_sec = RDP_FORK_TIMEOUT_SEC };
	pid_t me = getpid();
	int pair[2], r;

	connection_template_stop(l);
	r = packet_pair(0, pair);
	if (r < 0)
		return r;
	l->template_pid = fork();
	if (l->template_pid == 0)
		run_template(l, pair[1], me);
	r = l->template_pid < 0 ? -errno : 0;
	(void)close_fd(pair[1]);
	if (r < 0 || setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0) {
		r = r < 0 ? r : -errno;
		(void)close_fd(pair[0]);
		connection_template_stop(l);
		return r;
	}
	l->template_fd = pair[0];
	return 0;
}

void connection_template_stop(struct listener *l)
{
	l->template_fd = close_fd(l->template_fd);
	if (l->template_pid > 0) {
		(void)kill(l->template_pid, SIGKILL);
		while (waitpid(l->template_pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	l->template_pid = -1;
}

/*
 * Returns the pid, or -errno: -EPIPE when the template ended without reading the request (Linux then has ECONNRESET for
 * the answer), -ENODATA when it read it and does not answer.
 */
static pid_t template_ask(const struct listener *l, const struct pre_tls *w, int control)
{
	struct rdp_fork f = {
		.type = RDP_FORK,
		.request_flags = w->flags,
		.direct = w->direct,
		.rport = w->rport,
		.protocols = w->protocols,
		.selected = w->selected,
	};
	const int fds[2] = { w->fd, control };
	struct rdp_forked answer;
	ssize_t n;
	int r;

	memcpy(f.rhost, w->rhost, sizeof f.rhost);
	r = packet_send(l->template_fd, &f, sizeof f, fds, 2);
	if (r < 0)
		return r;
	n = packet_recv(l->template_fd, &answer, sizeof answer, NULL, 0);
	if (n == -ECONNRESET)
		return -EPIPE;
	return n == (ssize_t)sizeof answer && answer.type == RDP_FORKED && answer.pid != 0 ? answer.pid : -ENODATA;
}

pid_t connection_template_fork(struct listener *l, const struct pre_tls *w, int control)
{
	int r = l->template_fd < 0 ? connection_template_start(l) : 0;
	pid_t pid = r < 0 ? r : template_ask(l, w, control);

	if (pid != -EPIPE && pid != -ENODATA)
		return pid;
	log_line(LOG_ERR,
		 "the template of connections %s. If it happens again, look for a crash or a lack of memory: "
		 "journalctl -k",
		 pid == -EPIPE ? "has ended; starting another one for this client"
			       : "does not answer; starting another one, and this client has to connect again");
	r = connection_template_start(l);
	if (r == 0 && pid == -ENODATA)
		r = pid; /* it may have forked: a second process must not read from the same client */
	return r < 0 ? r : template_ask(l, w, control);
}
