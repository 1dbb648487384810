/* SPDX-License-Identifier: MIT */
#include "credsspd/logon/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "credsspd/util/log.h"
#include "credsspd/util/loop.h"
#include "credsspd/util/packet.h"
#include "credsspd/worker/record.h"
#include "include/credssp/cleanup.h"
#include "include/credssp/limits.h"

#define USEC_PER_SEC_ 1000000ULL
#define CONTROL_FD 3
#define RECORD_SIZE_MAX 8192U
#define PING_MAX 512U

struct service {
	sd_event *event;
	const struct service_ops *ops;
	const char *config_path;
	void *userdata;
	struct child *children;
	struct child *current;
	sd_event_source *restart;
	unsigned restart_delay; /* seconds */
	bool was_ready;
	bool start_failed;
	bool stale; /* the last one did not become ready */
	bool again; /* another one is to follow the one that is starting */
	uint64_t last_serial;
};

static int pidfd_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static void child_free(struct child *c)
{
	struct child **p = &c->service->children;

	while (*p && *p != c)
		p = &(*p)->next;
	if (*p)
		*p = c->next;
	if (c->service->current == c)
		c->service->current = NULL;
	(void)sd_event_source_disable_unref(c->io);
	(void)sd_event_source_disable_unref(c->exit);
	(void)sd_event_source_disable_unref(c->timer);
	(void)packet_close(c->control);
	(void)close_fd(c->pidfd);
	free(c);
}

void child_kill(struct child *c)
{
	c->dying = true;
	if (c->pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0);
}

/* Closing its socket asks a child to end. */
static void end_if_idle(struct child *c)
{
	if (c->retired && c->live == 0) {
		c->io = sd_event_source_disable_unref(c->io);
		c->control = packet_close(c->control);
	}
}

static void retire(struct child *c)
{
	c->retired = true;
	end_if_idle(c);
}

void child_ref(struct child *c)
{
	c->live++;
}

void child_unref(struct child *c)
{
	c->live--;
	end_if_idle(c);
}

bool service_starting(const struct service *s)
{
	for (const struct child *c = s->children; c; c = c->next)
		if (!c->ready && !c->retired)
			return true;
	return false;
}

/* Whether a child started that was waiting for its turn. */
static bool start_next(struct service *s)
{
	if (!s->again || service_starting(s))
		return false;
	s->again = false;
	return service_start(s) == 0;
}

static void became_ready(struct child *c)
{
	struct service *s = c->service;

	c->ready = true;
	if (s->current)
		retire(s->current);
	s->current = c;
	s->was_ready = true;
	s->stale = false;
	s->restart_delay = 0;
	log_line(LOG_DEBUG, "%s: ready, pid %d", s->ops->name, (int)c->pid);
	(void)start_next(s);
	if (s->ops->ready)
		s->ops->ready(s, s->userdata);
}

/* What a record that has come means. */
static int take_record(struct child *c, const uint8_t *p, size_t len)
{
	struct service *s = c->service;
	bool says_ready = p[0] == s->ops->ready_type;

	/* first, and then only when it was asked */
	if (c->ready ? says_ready && !c->pinged : !says_ready)
		return -EPROTO;
	c->timer = sd_event_source_disable_unref(c->timer);
	if (!says_ready)
		return s->ops->record(c, p, len, s->userdata);
	c->pinged = false;
	if (!c->ready)
		became_ready(c);
	return 0;
}

static int on_record(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	static union {
		uint8_t octets[RECORD_SIZE_MAX];
		uint64_t align;
	} record;
	struct child *c = userdata;
	struct service *s = c->service;
	ssize_t n;

	(void)revents;
	n = packet_recv(fd, record.octets, s->ops->record_max, NULL, 0);
	if (n == -EAGAIN)
		return 0;
	if (n <= 0) {
		/* the exit of the process says the rest */
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
		if (n < 0) {
			log_line(LOG_ERR, "%s: pid %d sent what it must not: %s; killed", s->ops->name, (int)c->pid,
				 strerror((int)-n));
			child_kill(c);
		}
		return 0;
	}
	if (take_record(c, record.octets, (size_t)n) < 0) {
		log_line(LOG_ERR, "%s: pid %d sent a record that it may not send; killed", s->ops->name, (int)c->pid);
		child_kill(c);
	}
	return 0;
}

static int on_restart(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct service *s = userdata;

	(void)usec;
	(void)source;
	s->restart = sd_event_source_disable_unref(s->restart);
	(void)service_start(s);
	return 0;
}

static void schedule_restart(struct service *s)
{
	unsigned delay = s->restart_delay;

	s->restart_delay = delay ? delay * 2 : CHILD_RESPAWN_MIN_SEC;
	if (s->restart_delay > CHILD_RESPAWN_MAX_SEC)
		s->restart_delay = CHILD_RESPAWN_MAX_SEC;
	if (!s->restart && sd_event_add_time_relative(s->event, &s->restart, CLOCK_BOOTTIME, delay * USEC_PER_SEC_,
						      100000, on_restart, s) < 0)
		log_line(LOG_ERR, "%s: cannot be started again", s->ops->name);
}

static int on_ended(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct child *c = userdata;
	struct service *s = c->service;
	bool needed = !c->retired;

	(void)source;
	if (needed)
		log_line(LOG_ERR, "%s: pid %d ended unexpectedly (%s %d)", s->ops->name, (int)c->pid,
			 si->si_code == CLD_EXITED ? "exit status" : "signal", si->si_status);
	if (needed && !c->ready && !s->was_ready)
		s->start_failed = true;
	if (needed && !c->ready)
		s->stale = true;
	if (s->current == c)
		s->current = NULL;
	s->ops->gone(c, s->userdata);
	child_free(c);
	if (!start_next(s) && needed && !s->current && !service_starting(s))
		schedule_restart(s);
	if (needed && s->ops->ready)
		s->ops->ready(s, s->userdata);
	return 0;
}

static int on_not_ready(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct child *c = userdata;

	(void)source;
	(void)usec;
	log_line(LOG_ERR, "%s: pid %d was not ready after %u s; killed", c->service->ops->name, (int)c->pid,
		 TEMPLATE_READY_TIMEOUT_SEC);
	child_kill(c);
	return 0;
}

static int on_no_sign(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct child *c = userdata;

	(void)source;
	(void)usec;
	log_line(LOG_ERR, "%s: pid %d gave no sign of life for %u s; killed", c->service->ops->name, (int)c->pid,
		 c->service->ops->sign_sec);
	child_kill(c);
	return 0;
}

void child_suspect(struct child *c)
{
	uint8_t ping[PING_MAX] = { 0 };
	const struct service_ops *ops = c ? c->service->ops : NULL;

	/* one that is not ready, or was asked before, has a deadline */
	if (!c || c->timer || c->dying || c->control < 0 || !ops->ping_type)
		return;
	ping[0] = ops->ping_type;
	/* when its socket is full it has something else to answer */
	if (!c->pinged)
		c->pinged = packet_send(c->control, ping, ops->ping_len, NULL, 0) == 0;
	if (sd_event_add_time_relative(c->service->event, &c->timer, CLOCK_BOOTTIME, ops->sign_sec * USEC_PER_SEC_,
				       100000, on_no_sign, c) < 0)
		child_kill(c);
}

/* In the new process. Descriptors are all close-on-exec but the standard ones and @control. */
__attribute__((noreturn)) static void exec_child(const struct service *s, int control)
{
	char *argv[8];
	int n = 0;
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	argv[n++] = (char *)(uintptr_t) "credsspd";
	argv[n++] = (char *)(uintptr_t)s->ops->arg1;
	if (s->ops->arg2)
		argv[n++] = (char *)(uintptr_t)s->ops->arg2;
	argv[n++] = (char *)(uintptr_t) "--config";
	argv[n++] = (char *)(uintptr_t)s->config_path;
	argv[n] = NULL;
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	if (control == CONTROL_FD) {
		if (fcntl(control, F_SETFD, 0) < 0)
			_exit(127);
	} else if (dup2(control, CONTROL_FD) < 0) {
		_exit(127);
	}
	(void)close_range(CONTROL_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	(void)execv("/proc/self/exe", argv);
	_exit(127);
}

static int watch(struct child *c)
{
	struct service *s = c->service;
	int r;

	r = sd_event_add_io(s->event, &c->io, c->control, EPOLLIN, on_record, c);
	if (r >= 0 && s->ops->priority)
		r = sd_event_source_set_priority(c->io, s->ops->priority);
	if (r >= 0)
		r = loop_watch_exit(s->event, c->pidfd, on_ended, c, &c->exit);
	/* records that a process sent before it ended are read first */
	if (r >= 0)
		r = sd_event_source_set_priority(c->exit, SD_EVENT_PRIORITY_NORMAL + 10);
	if (r >= 0)
		r = sd_event_add_time_relative(s->event, &c->timer, CLOCK_BOOTTIME,
					       TEMPLATE_READY_TIMEOUT_SEC * USEC_PER_SEC_, 100000, on_not_ready, c);
	return r < 0 ? r : 0;
}

static int start(struct service *s)
{
	AUTO_CLOSE int ours = -1;
	AUTO_CLOSE int theirs = -1;
	int pair[2], r;
	struct child *c;

	r = packet_pair(0, pair);
	if (r < 0)
		return r;
	ours = pair[0];
	theirs = pair[1];
	packet_refuse_fds(ours);
	c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	*c =
	    (struct child){ .service = s, .serial = ++s->last_serial, .control = -1, .pidfd = -1, .next = s->children };
	s->children = c;
	if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0) {
		r = -errno;
		child_free(c);
		return r;
	}
	c->pid = fork();
	if (c->pid == 0)
		exec_child(s, theirs);
	c->control = TAKE_FD(ours);
	if (c->pid > 0)
		c->pidfd = pidfd_of(c->pid);
	r = c->pidfd < 0 ? -errno : watch(c);
	if (r < 0) {
		if (c->pid > 0) { /* not reaped yet, so its pid is still its own; there may be no pidfd */
			(void)kill(c->pid, SIGKILL);
			(void)waitpid(c->pid, NULL, 0);
		}
		child_free(c);
	}
	return r;
}

int service_start(struct service *s)
{
	int r = service_starting(s) ? 0 : start(s);

	if (r < 0) { /* no descriptor, no memory, no process left: all of that passes */
		log_line(LOG_ERR, "%s: cannot be started: %s", s->ops->name, strerror(-r));
		s->stale = true;
		schedule_restart(s);
	}
	return r;
}

int service_renew(struct service *s, uint64_t *ret_serial)
{
	int r = 0;

	if (service_starting(s))
		s->again = true;
	else
		r = service_start(s);
	if (r == 0)
		*ret_serial = s->last_serial + s->again;
	return r;
}

int service_new(sd_event *event, const struct service_ops *ops, const char *config_path, void *userdata,
		struct service **ret_service)
{
	struct service *s;

	if (ops->record_max > RECORD_SIZE_MAX || ops->ping_len > PING_MAX)
		return -EINVAL;
	s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	*s = (struct service){ .event = event, .ops = ops, .config_path = config_path, .userdata = userdata };
	*ret_service = s;
	return 0;
}

void service_free(struct service *s)
{
	if (!s)
		return;
	(void)sd_event_source_disable_unref(s->restart);
	while (s->children) {
		struct child *c = s->children;

		child_kill(c);
		(void)waitpid(c->pid, NULL, 0);
		s->ops->gone(c, s->userdata);
		child_free(c);
	}
	free(s);
}

struct child *service_current(struct service *s)
{
	return s && s->current && !s->current->dying ? s->current : NULL;
}

const char *service_name(const struct service *s)
{
	return s->ops->name;
}

bool service_stale(const struct service *s)
{
	return s->stale || (!s->current && !service_starting(s));
}

bool service_failed_to_start(const struct service *s)
{
	return s->start_failed && !s->was_ready;
}
