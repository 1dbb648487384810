/* SPDX-License-Identifier: MIT */
/*
 * The template does everything that needs files, the network or a lock once, then forks a worker for each handshake.
 * It reads only the supervisor's records. A worker that dies of a token takes nothing with it.
 */
#include "credsspd/worker/template.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "credsspd/auth/acceptor.h"
#include "credsspd/auth/wbc.h"
#include "credsspd/util/log.h"
#include "credsspd/util/packet.h"
#include "credsspd/worker/filter.h"
#include "credsspd/worker/selftest.h"
#include "credsspd/worker/worker.h"
#include "include/credssp/cleanup.h"
#include "include/credssp/limits.h"

#define WORKER_CPU_SEC 10

struct worker_entry {
	uint64_t logon;
	pid_t pid;
	int pidfd; /* -1: the entry is free */
};

struct template {
	struct acceptor acceptor;
	struct filter filter;
	int control, signals;
	bool ended; /* the supervisor closed the control socket */
	struct worker_entry worker[HANDSHAKES_MAX];
};

static struct template self;

/* ---- the worker's side of fork ---- */

static void limit(int resource, rlim_t value)
{
	struct rlimit l = { value, value };

	(void)setrlimit((__rlimit_resource_t)resource, &l);
}

/* Two workers must not draw the same numbers: both have the same generator in memory. */
static int reseed(void)
{
	uint8_t seed[48];

	if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
		return -EIO;
	RAND_add(seed, sizeof seed, sizeof seed);
	explicit_bzero(seed, sizeof seed);
	return 0;
}

int template_enter_worker(const struct filter *filter, int keep_a, int keep_b)
{
	int low = keep_a < keep_b || keep_b < 0 ? keep_a : keep_b;
	int high = keep_a < keep_b ? keep_b : keep_a;

	if (close_range(3, (unsigned)low - 1, 0) < 0 && low > 3)
		return -errno;
	if (high != low && high - low > 1 && close_range((unsigned)low + 1, (unsigned)high - 1, 0) < 0)
		return -errno;
	if (close_range((unsigned)(high > low ? high : low) + 1, ~0U, 0) < 0)
		return -errno;
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, HANDOVER_MAX);
	limit(RLIMIT_CPU, WORKER_CPU_SEC);
	limit(RLIMIT_NPROC, 0);
	if (reseed() < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return -EIO;
	return filter_load(filter);
}

__attribute__((noreturn)) static void run_worker(pid_t parent, int fd, int verifier)
{
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	(void)prctl(PR_SET_NAME, self.acceptor.mechanism == MECHANISM_KRB5 ? "worker krb5" : "worker ntlm");
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	wbc_attach(verifier);
	if (template_enter_worker(&self.filter, fd, verifier) < 0)
		_exit(1);
	_exit(worker_run(&self.acceptor, fd));
}

/* ---- the template's side ---- */

static int send_exited(uint64_t logon, int status)
{
	struct template_record r = { .type = TEMPLATE_EXITED, .status = status, .logon = logon };

	return packet_send(self.control, &r, sizeof r, NULL, 0);
}

static struct worker_entry *find(uint64_t logon, pid_t pid)
{
	for (size_t i = 0; i < HANDSHAKES_MAX; i++)
		if (self.worker[i].pidfd >= 0 && (pid ? self.worker[i].pid == pid : self.worker[i].logon == logon))
			return &self.worker[i];
	return NULL;
}

static struct worker_entry *free_entry(void)
{
	for (size_t i = 0; i < HANDSHAKES_MAX; i++)
		if (self.worker[i].pidfd < 0)
			return &self.worker[i];
	return NULL;
}

static void spawn(uint64_t logon, int fd, int verifier)
{
	struct worker_entry *e = free_entry();
	pid_t me = getpid(), pid = e ? fork() : -1;
	int pidfd;

	if (pid == 0)
		run_worker(me, fd, verifier);
	pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	if (pidfd < 0) {
		log_line(LOG_ERR, "no worker for logon %llu: %s", (unsigned long long)logon, strerror(errno));
		if (pid > 0) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, NULL, 0);
		}
		(void)send_exited(logon, 0); /* its socket closes, which says the rest */
		return;
	}
	*e = (struct worker_entry){ .logon = logon, .pid = pid, .pidfd = pidfd };
}

static void kill_worker(const struct worker_entry *e)
{
	(void)syscall(SYS_pidfd_send_signal, e->pidfd, SIGKILL, NULL, 0);
}

static int take_record(void)
{
	AUTO_CLOSE int fd = -1;
	AUTO_CLOSE int verifier = -1;
	struct template_record r;
	struct worker_entry *e;
	int fds[2];
	ssize_t n = packet_recv(self.control, &r, sizeof r, fds, 2);

	if (n == 0) {
		self.ended = true;
		return 0;
	}
	if (n < 0)
		return n == -EAGAIN ? 0 : (int)n;
	fd = fds[0];
	verifier = fds[1];
	if (n != (ssize_t)sizeof r)
		return -EPROTO;
	switch (r.type) {
	case TEMPLATE_SPAWN:
		if (fd < 0)
			return -EPROTO;
		spawn(r.logon, fd, verifier);
		return 0;
	case TEMPLATE_KILL:
		e = find(r.logon, 0);
		if (e)
			kill_worker(e);
		return 0;
	default:
		return -EPROTO;
	}
}

static void reap(void)
{
	struct signalfd_siginfo si;
	struct worker_entry *e;
	int status;
	pid_t pid;

	(void)!read(self.signals, &si, sizeof si);
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		e = find(0, pid);
		if (!e)
			continue;
		e->pidfd = close_fd(e->pidfd);
		(void)send_exited(e->logon, status);
	}
}

static int serve(void)
{
	struct pollfd p[2] = {
		{ .fd = self.control, .events = POLLIN },
		{ .fd = self.signals, .events = POLLIN },
	};
	int r = 0;

	while (!self.ended && r == 0) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (p[1].revents)
			reap();
		if (p[0].revents)
			r = take_record();
	}
	for (size_t i = 0; i < HANDSHAKES_MAX; i++)
		if (self.worker[i].pidfd >= 0)
			kill_worker(&self.worker[i]);
	return r;
}

/*
 * What a worker could not load any more under the filter is loaded by doing it once: error tables, locale, time zone, one
 * failing accept. The self-test behind it shows whether something was forgotten.
 */
static void preload(void)
{
	static const char *const bad[] = {
		"NTLMSSP\0\1\0\0\0\0\0\0\0",
		"\x60\x1b\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00\x6e\x0c\x30\x0a\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x0e",
	};
	static const size_t len[] = { 16, 29 };

	tzset();
	(void)strerror(ENOENT);
	for (size_t i = 0; i < 2; i++) {
		struct acceptor_context c = ACCEPTOR_CONTEXT_NULL;
		gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
		struct acceptor_error e;
		OM_uint32 minor;

		(void)acceptor_step(&self.acceptor, &c, (struct view){ (const uint8_t *)bad[i], len[i] }, &out, &e);
		(void)gss_release_buffer(&minor, &out);
		if (c.gss != GSS_C_NO_CONTEXT)
			(void)gss_delete_sec_context(&minor, &c.gss, GSS_C_NO_BUFFER);
	}
}

static int prepare(enum mechanism mechanism, const struct config *config)
{
	AUTO_FREE char *error = NULL;
	sigset_t set;
	int r;

	for (size_t i = 0; i < HANDSHAKES_MAX; i++)
		self.worker[i].pidfd = -1;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	self.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (self.signals < 0)
		return -errno;
	r = acceptor_init(&self.acceptor, mechanism, config, &error);
	if (r < 0) {
		log_line(LOG_ERR, "%s", error ? error : strerror(-r));
		return r;
	}
	r = filter_compile(&self.filter);
	if (r < 0) {
		log_line(LOG_ERR, "the seccomp filter cannot be made: %s", strerror(-r));
		return r;
	}
	preload();
	return selftest(&self.acceptor, &self.filter);
}

int template_main(enum mechanism mechanism, const struct config *config, int control_fd)
{
	struct template_record ready = { .type = TEMPLATE_READY };
	pid_t parent = getppid();
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NAME, mechanism == MECHANISM_KRB5 ? "template krb5" : "template ntlm");
	if (getppid() != parent || fcntl(control_fd, F_SETFD, FD_CLOEXEC) < 0)
		return -ESRCH;
	limit(RLIMIT_CORE, 0);
	self.control = control_fd;
	r = prepare(mechanism, config);
	if (r == 0)
		r = packet_send(control_fd, &ready, sizeof ready, NULL, 0);
	if (r == 0)
		r = serve();
	if (r < 0)
		log_line(LOG_ERR, "%s template: %s", mechanism_name(mechanism), strerror(-r));
	return r;
}
