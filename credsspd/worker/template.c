/* SPDX-License-Identifier: MIT */
/*
 * Loads keys and libraries once, runs a self-test (a whole exchange with a worker), then forks a worker for each
 * handshake. It reads only messages of the supervisor and the keeper, never a client's data: a token that crashes a
 * worker affects nothing else.
 */
#include "credsspd/worker/template.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/heap.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/ipc/keeper-msg.h"
#include "common/ipc/packet.h"
#include "credsspd/mech/acceptor.h"
#include "credsspd/selftest/selftest.h"
#include "credsspd/worker/preload.h"
#include "credsspd/worker/template-sandbox.h"
#include "credsspd/worker/worker-sandbox.h"
#include "credsspd/worker/worker.h"

struct child {
	uint64_t logon;
	pid_t pid; /* 0: the entry is free */
	int pidfd;
};

struct template
{
	enum mechanism mechanism;
	struct acceptor *acceptor;
	struct sandbox sandbox;
	int control, signals, null;
	int keeper;    /* socket to the keeper, or -1 */
	int64_t waits; /* deadline for the keeper's tickets, a time of clock_msec(); 0: they have arrived */
	struct child children[HANDSHAKES_MAX];
};

/* ---- workers ---- */

__attribute__((noreturn)) static void become_worker(struct template *t, pid_t parent, int supervisor, int verifier)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* the parent ended before prctl() */
		_exit(EXIT_FAILURE);
	(void)prctl(PR_SET_NAME, t->mechanism == MECHANISM_KRB5 ? "worker-krb5" : "worker-ntlm");
	worker_main(t->mechanism, t->acceptor, &t->sandbox, supervisor, verifier, t->null);
}

static pid_t fork_worker(int supervisor, int verifier, void *userdata)
{
	struct template *t = userdata;
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0)
		become_worker(t, parent, supervisor, verifier);
	return pid < 0 ? -errno : pid;
}

static struct child *find_logon(struct template *t, uint64_t logon)
{
	for (size_t i = 0; i < HANDSHAKES_MAX; i++)
		if (t->children[i].pid && t->children[i].logon == logon)
			return &t->children[i];
	return NULL;
}

static struct child *find_pid(struct template *t, pid_t pid)
{
	for (size_t i = 0; i < HANDSHAKES_MAX; i++)
		if (t->children[i].pid == pid)
			return &t->children[i];
	return NULL;
}

static void kill_child(const struct child *c)
{
	(void)pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0);
}

static int send_exited(struct template *t, uint64_t logon, int status)
{
	struct template_record r = { .type = TEMPLATE_EXITED, .status = status, .logon = logon };

	return packet_send(t->control, &r, sizeof r, NULL, 0);
}

/* Reports to the supervisor in place of a worker that could not be forked, so that this does not count as a crash. */
static int not_spawned(struct template *t, uint64_t logon, int supervisor, int error)
{
	struct worker_failed f = { .type = WORKER_FAILED, .refusal = REFUSAL_UNAVAILABLE };

	(void)snprintf(f.detail, sizeof f.detail, "no process for a worker: %s", strerror(error));
	(void)packet_send(supervisor, &f, offsetof(struct worker_failed, reply), NULL, 0);
	log_line(LOG_ERR, "%s template: no worker for logon %llu: %s", mechanism_name(t->mechanism),
		 (unsigned long long)logon, strerror(error));
	return send_exited(t, logon, 0);
}

static int spawn_worker(struct template *t, uint64_t logon, int supervisor, int verifier)
{
	struct child *c = find_pid(t, 0);
	pid_t pid = c ? fork_worker(supervisor, verifier, t) : -EAGAIN;

	if (pid < 0)
		return not_spawned(t, logon, supervisor, -pid);
	*c = (struct child){ .logon = logon, .pid = pid, .pidfd = pidfd_open(pid, 0) };
	if (c->pidfd < 0) {
		int error = errno;

		/* not reaped yet, so its pid is still its own; the template's filter knows it */
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		c->pid = 0;
		return not_spawned(t, logon, supervisor, error);
	}
	return 0;
}

static int reap_workers(struct template *t)
{
	struct signalfd_siginfo info;
	struct child *c;
	int status, r = 0;
	pid_t pid;

	while (read(t->signals, &info, sizeof info) > 0)
		;
	while (r == 0 && (pid = waitpid(-1, &status, WNOHANG)) > 0) {
		c = find_pid(t, pid);
		if (!c)
			continue;
		(void)close_fd(c->pidfd);
		c->pid = 0;
		r = send_exited(t, c->logon, status);
	}
	return r;
}

/* ---- records ---- */

static int take_spawn(struct template *t, const struct template_record *r, int fds[2])
{
	bool ntlm = t->mechanism == MECHANISM_NTLM;

	if (fds[0] < 0 || ntlm != (fds[1] >= 0))
		return -EPROTO;
	return spawn_worker(t, r->logon, fds[0], fds[1]);
}

static int take_kill(struct template *t, const struct template_record *r, int fds[2])
{
	const struct child *c = find_logon(t, r->logon);

	if (c)
		kill_child(c);
	return 0;
}

static int send_ready(const struct template *t)
{
	const struct template_record ready = { .type = TEMPLATE_READY };

	return packet_send(t->control, &ready, sizeof ready, NULL, 0);
}

static int take_ping(struct template *t, const struct template_record *r, int fds[2])
{
	return send_ready(t);
}

static int take_keeper(struct template *t, const struct template_record *r, int fds[2])
{
	if (t->mechanism != MECHANISM_KRB5 || fds[0] < 0)
		return -EPROTO;
	t->keeper = close_fd(t->keeper);
	t->keeper = TAKE_FD(fds[0]);
	t->waits = clock_msec() + KEEPER_ANSWER_TIMEOUT_SEC * 1000;
	return 0;
}

/*
 * Returns for how long (ms) no worker is forked, because the keeper's tickets have not arrived and the client could not
 * use user-to-user; -1 when they have.
 */
static int wait_for_keeper(struct template *t)
{
	int64_t left = t->waits ? t->waits - clock_msec() : 0;

	if (left <= 0 || t->keeper < 0)
		t->waits = 0;
	return t->waits ? (int)left : -1;
}

/* Takes a ticket for later workers. A malformed message of the keeper is logged and dropped. */
static void take_keeper_record(struct template *t)
{
	static union {
		uint8_t type;
		struct keeper_tgt tgt;
		struct keeper_names names;
	} u;
	ssize_t n = packet_recv(t->keeper, &u, sizeof u, NULL, 0);
	int r = -EPROTO;

	if (n == 0) { /* the supervisor will attach another keeper */
		t->keeper = close_fd(t->keeper);
		return;
	}
	if (n == 1 && u.type == KEEPER_SENT) {
		t->waits = 0;
		r = 0;
	}
	if (n >= (ssize_t)offsetof(struct keeper_tgt, ticket) && u.type == KEEPER_TGT &&
	    (size_t)n == offsetof(struct keeper_tgt, ticket) + u.tgt.ticket_len)
		r = acceptor_add_tgt(t->acceptor, &u.tgt);
	if (n >= (ssize_t)offsetof(struct keeper_names, name) && u.type == KEEPER_NAMES &&
	    u.names.n <= SERVER_NAMES_MAX &&
	    (size_t)n == offsetof(struct keeper_names, name) + u.names.n * sizeof *u.names.name)
		r = acceptor_set_names(t->acceptor, &u.names);
	if (r != 0)
		log_line(LOG_ERR, "krb5 template: a message of the keeper cannot be used: %s", strerror(-r));
	secret_wipe(&u, sizeof u);
}

/* Returns 1 at end of file. */
static int take_record(struct template *t)
{
	static const struct {
		uint8_t type;
		int (*take)(struct template *t, const struct template_record *r, int fds[2]);
	} row[] = {
		{ TEMPLATE_SPAWN, take_spawn },
		{ TEMPLATE_KILL, take_kill },
		{ TEMPLATE_KEEPER, take_keeper },
		{ TEMPLATE_PING, take_ping },
	};
	struct template_record record;
	int fds[2], r = -EPROTO;
	ssize_t n;

	n = packet_recv(t->control, &record, sizeof record, fds, 2);
	if (n == 0)
		return 1;
	if (n < 0)
		return (int)n;
	if (n == (ssize_t)sizeof record)
		for (size_t i = 0; i < sizeof row / sizeof *row; i++)
			if (row[i].type == record.type)
				r = row[i].take(t, &record, fds);
	(void)close_fd(fds[0]);
	(void)close_fd(fds[1]);
	return r;
}

static int template_serve(struct template *t)
{
	int r = 0;

	while (r == 0) {
		int wait = wait_for_keeper(t);
		struct pollfd p[3] = { { .fd = wait < 0 ? t->control : -1, .events = POLLIN },
				       { .fd = t->signals, .events = POLLIN },
				       { .fd = t->keeper, .events = POLLIN } };

		if (poll(p, 3, wait) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (p[1].revents)
			r = reap_workers(t);
		if (p[2].revents) /* tickets are taken before the next worker is forked */
			take_keeper_record(t);
		if (r == 0 && p[0].revents)
			r = take_record(t);
	}
	for (size_t i = 0; i < HANDSHAKES_MAX; i++)
		if (t->children[i].pid)
			kill_child(&t->children[i]);
	/* the supervisor may end at any time */
	return r == 1 || r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

/* ---- start ---- */

/* Resets all inherited signal settings, for this process and its workers. */
static int open_signals(void)
{
	sigset_t set;

	for (int s = 1; s < NSIG; s++)
		(void)signal(s, SIG_DFL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return -errno;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int log_failure(const struct template *t, int r, const char *text)
{
	log_line(LOG_ERR, "%s template: %s", mechanism_name(t->mechanism), text ? text : strerror(-r));
	return r;
}

static int template_prepare(struct template *t, const struct config *config)
{
	const struct acceptor_options options = {
		.keytab = config->keytab,
		.service_ticket = config->kerberos != CONFIG_KERBEROS_USER_TO_USER,
		.user_to_user = config->kerberos != CONFIG_KERBEROS_SERVICE_TICKET,
		/* domain controllers refuse a response to a CHALLENGE with another domain's name */
		.nb_domain = config->ntlm == CONFIG_NTLM_WINBIND ? config->domains[0] : NULL,
	};
	AUTO_FREE char *error = NULL;
	int r;

	t->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	t->signals = t->null < 0 ? -1 : open_signals();
	if (t->signals < 0)
		return log_failure(t, -errno, NULL);
	r = acceptor_new(t->mechanism, &options, &t->acceptor, &error);
	if (r == 0)
		r = preload(t->acceptor, &error);
	if (r < 0)
		return log_failure(t, r, error);
	r = selftest_rehearse(t->mechanism, t->acceptor);
	if (r < 0)
		return r;
	r = sandbox_init(&t->sandbox);
	if (r < 0)
		return log_failure(t, r, "the system call filter cannot be made");
	r = selftest(t->mechanism, t->acceptor, fork_worker, t);
	acceptor_started(t->acceptor);
	if (r < 0)
		return r;
	log_use_stderr(); /* the journal's socket cannot be opened under the filter */
	r = template_confine();
	if (r < 0)
		return log_failure(t, r, "it cannot be confined (seccomp)");
	r = selftest_fork(t->mechanism, fork_worker, t);
	if (r < 0)
		return log_failure(t, r, "no worker can be forked under the template's filter");
	heap_settle();
	return 0;
}

int template_main(enum mechanism mechanism, const struct config *config, int control_fd)
{
	static struct template t;
	int r;

	t = (struct template){ .mechanism = mechanism, .control = control_fd, .signals = -1, .null = -1, .keeper = -1 };
	(void)prctl(PR_SET_NAME, mechanism == MECHANISM_KRB5 ? "template-krb5" : "template-ntlm");
	if (fcntl(control_fd, F_SETFD, FD_CLOEXEC) < 0)
		return log_failure(&t, -errno, NULL);
	r = template_prepare(&t, config);
	if (r == 0)
		r = send_ready(&t);
	if (r == 0) {
		r = template_serve(&t);
		if (r < 0)
			(void)log_failure(&t, r, NULL);
	}
	sandbox_done(&t.sandbox);
	acceptor_free(t.acceptor);
	(void)close_fd(t.signals);
	(void)close_fd(t.null);
	(void)close_fd(t.keeper);
	return r;
}
