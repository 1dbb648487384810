/* SPDX-License-Identifier: MIT */
#include "credsspd/supervisor/service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/exec.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/loop.h"
#include "common/ipc/packet.h"
#include "common/ipc/worker-msg.h"

#define RECORD_SIZE_MAX 8192U
#define PING_MAX 512U
#define NAME_MAX_ 64U

struct service {
	sd_event *event;
	const struct service_ops *ops;
	const char *config_path;
	void *userdata;
	TAILQ_HEAD(, process) processes;
	struct process *current;
	sd_event_source *restart;
	unsigned restart_delay; /* seconds */
	bool was_ready;
	bool start_failed;
	bool stale; /* the last process did not become ready */
	bool again; /* start once more as soon as no process is starting */
	uint64_t last_serial;
	uint64_t end_by; /* when service_free() stops waiting for the wardens; 0 before service_hang_up() */
};

static void process_free(struct process *p)
{
	TAILQ_REMOVE(&p->service->processes, p, entry);
	if (p->service->current == p)
		p->service->current = NULL;
	(void)sd_event_source_disable_unref(p->io);
	(void)sd_event_source_disable_unref(p->exit);
	(void)sd_event_source_disable_unref(p->timer);
	(void)packet_close(p->control);
	(void)close_fd(p->pidfd);
	free(p);
}

/*
 * Asks the warden to end the process. Messages that the process has sent are still read; then comes end of file, even
 * before the process has ended.
 */
static void process_hang_up(struct process *p)
{
	if (p->control >= 0)
		(void)shutdown(p->control, SHUT_RDWR);
}

const char *process_name(const struct process *p)
{
	static char text[NAME_MAX_];

	if (!p->pid)
		return p->service->ops->name;
	(void)snprintf(text, sizeof text, "%s: pid %d", p->service->ops->name, (int)p->pid);
	return text;
}

void process_kill(struct process *p)
{
	p->dying = true;
	if (p->service->ops->socket)
		process_hang_up(p);
	if (p->pidfd >= 0)
		(void)pidfd_send_signal(p->pidfd, SIGKILL, NULL, 0);
}

/* A process ends when its socket is closed. */
static void end_if_idle(struct process *p)
{
	if (!p->retired || p->live)
		return;
	if (p->service->ops->socket) {
		process_hang_up(p);
	} else {
		p->io = sd_event_source_disable_unref(p->io);
		p->control = packet_close(p->control);
	}
}

static void process_retire(struct process *p)
{
	p->retired = true;
	end_if_idle(p);
}

void process_ref(struct process *p)
{
	p->live++;
}

void process_unref(struct process *p)
{
	p->live--;
	end_if_idle(p);
}

bool service_starting(const struct service *s)
{
	const struct process *p;

	TAILQ_FOREACH(p, &s->processes, entry)
		if (!p->ready && !p->retired)
			return true;
	return false;
}

/* Starts the process that service_renew() has postponed. Returns whether it did. */
static bool start_next(struct service *s)
{
	if (!s->again || service_starting(s))
		return false;
	s->again = false;
	return service_start(s) == 0;
}

static void became_ready(struct process *p)
{
	struct service *s = p->service;

	p->ready = true;
	if (s->current)
		process_retire(s->current);
	s->current = p;
	s->was_ready = true;
	s->stale = false;
	s->restart_delay = 0;
	log_line(LOG_DEBUG, "%s: ready", process_name(p));
	(void)start_next(s);
	if (s->ops->ready)
		s->ops->ready(s, s->userdata);
}

/* Returns 0, or a negative value when the process has to be killed. */
static int take_record(struct process *p, const uint8_t *record, size_t len)
{
	struct service *s = p->service;
	bool says_ready = record[0] == s->ops->ready_type;

	/* the ready message must come first; after that it is only allowed as the answer to a ping */
	if (p->ready ? says_ready && !p->pinged : !says_ready)
		return -EPROTO;
	p->timer = sd_event_source_disable_unref(p->timer);
	if (!says_ready)
		return s->ops->record(p, record, len, s->userdata);
	p->pinged = false;
	if (!p->ready)
		became_ready(p);
	return 0;
}

static int on_restart(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct service *s = userdata;

	s->restart = sd_event_source_disable_unref(s->restart);
	(void)service_start(s);
	return 0;
}

static void schedule_restart(struct service *s)
{
	unsigned delay = service_failed_to_start(s) ? CHILD_RETRY_SEC : s->restart_delay;

	s->restart_delay = delay ? delay * 2 : CHILD_RESPAWN_MIN_SEC;
	if (s->restart_delay > CHILD_RESPAWN_MAX_SEC)
		s->restart_delay = CHILD_RESPAWN_MAX_SEC;
	if (!s->restart && sd_event_add_time_relative(s->event, &s->restart, CLOCK_BOOTTIME, delay * USEC_PER_SEC,
						      100000, on_restart, s) < 0)
		log_line(LOG_ERR, "%s: out of memory for the timer that restarts it; credsspctl reload starts it",
			 s->ops->name);
}

static void gone(struct process *p)
{
	if (p->service->ops->gone)
		p->service->ops->gone(p, p->service->userdata);
	process_free(p);
}

static void log_end(const struct process *p, const siginfo_t *si)
{
	char how[32] = "";

	if (si)
		(void)snprintf(how, sizeof how, " (%s %d)", si->si_code == CLD_EXITED ? "exit status" : "signal",
			       si->si_status);
	if (p->dying)
		log_line(LOG_NOTICE, "%s ended after it was killed for the reason logged above%s", process_name(p),
			 how);
	else
		log_line(LOG_ERR, "%s ended unexpectedly%s", process_name(p), how);
}

/* Handles the end of a process, and frees it. @si is NULL for a process of a warden, which has the exit status. */
static void ended(struct process *p, const siginfo_t *si)
{
	struct service *s = p->service;
	bool needed = !p->retired;

	if (needed)
		log_end(p, si);
	if (needed && !p->ready && !s->was_ready)
		s->start_failed = true;
	if (needed && !p->ready)
		s->stale = true;
	if (s->current == p)
		s->current = NULL;
	gone(p);
	if (!start_next(s) && needed && !s->current && !service_starting(s))
		schedule_restart(s);
	if (needed && s->ops->ready)
		s->ops->ready(s, s->userdata);
}

static int on_ended(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	ended(userdata, si);
	return 0;
}

static int on_record(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	static union {
		uint8_t octets[RECORD_SIZE_MAX];
		uint64_t align;
	} record;
	struct process *p = userdata;
	struct service *s = p->service;
	ssize_t n;

	n = packet_recv(fd, record.octets, s->ops->record_max, NULL, 0);
	if (n == -EAGAIN)
		return 0;
	if (n < 0 && !p->dying)
		log_line(LOG_ERR, "%s sent a malformed message: %s; killed", process_name(p), strerror((int)-n));
	if (n <= 0) {
		/* on_ended() follows, except for a process of a warden */
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
		if (n < 0)
			process_kill(p);
		if (s->ops->socket)
			ended(p, NULL);
		return 0;
	}
	if (p->dying)
		return 0;
	if (take_record(p, record.octets, (size_t)n) < 0) {
		log_line(LOG_ERR, "%s sent a message that is not allowed now; killed", process_name(p));
		process_kill(p);
	}
	return 0;
}

static int on_not_ready(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct process *p = userdata;

	log_line(LOG_ERR, "%s was not ready after %u s; killed", process_name(p), TEMPLATE_READY_TIMEOUT_SEC);
	process_kill(p);
	return 0;
}

static int on_no_sign(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct process *p = userdata;

	log_line(LOG_ERR, "%s did not answer for %u s; killed", process_name(p), p->service->ops->sign_sec);
	process_kill(p);
	return 0;
}

void process_suspect(struct process *p)
{
	uint8_t ping[PING_MAX] = { 0 };
	const struct service_ops *ops = p ? p->service->ops : NULL;

	/* a process that is not ready or was pinged before has a deadline already */
	if (!p || p->timer || p->dying || p->control < 0 || !ops->ping_type)
		return;
	ping[0] = ops->ping_type;
	/* a ping that finds the socket full is not sent: the process has other messages to answer, and any answer
	 * counts */
	if (!p->pinged)
		p->pinged = packet_send(p->control, ping, ops->ping_len, NULL, 0) == 0;
	if (sd_event_add_time_relative(p->service->event, &p->timer, CLOCK_BOOTTIME, ops->sign_sec * USEC_PER_SEC,
				       100000, on_no_sign, p) < 0)
		process_kill(p);
}

static int watch_exit(struct process *p)
{
	int r = loop_watch_exit(p->service->event, p->pidfd, on_ended, p, &p->exit);

	/* messages that the process sent before it ended are read first */
	return r < 0 ? r : sd_event_source_set_priority(p->exit, SD_EVENT_PRIORITY_NORMAL + 10);
}

static int process_watch(struct process *p)
{
	struct service *s = p->service;
	int r;

	r = sd_event_add_io(s->event, &p->io, p->control, EPOLLIN, on_record, p);
	if (r >= 0 && s->ops->priority)
		r = sd_event_source_set_priority(p->io, s->ops->priority);
	if (r >= 0 && !s->ops->socket)
		r = watch_exit(p);
	if (r >= 0)
		r = sd_event_add_time_relative(s->event, &p->timer, CLOCK_BOOTTIME,
					       TEMPLATE_READY_TIMEOUT_SEC * USEC_PER_SEC, 100000, on_not_ready, p);
	return r < 0 ? r : 0;
}

/* Forks a process that runs as the supervisor's user. */
static int start_process(struct process *p)
{
	const struct service *s = p->service;
	AUTO_CLOSE int theirs = -1;
	int pair[2];
	int r = packet_pair(0, pair);
	pid_t parent = getpid();

	if (r < 0)
		return r;
	p->control = pair[0];
	theirs = pair[1];
	packet_refuse_fds(p->control);
	if (fcntl(p->control, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	p->pid = fork();
	if (p->pid == 0)
		exec_role(s->ops->arg1, s->ops->arg2, s->config_path, theirs, parent);
	if (p->pid > 0)
		p->pidfd = pidfd_open(p->pid, 0);
	return p->pidfd < 0 ? -errno : 0;
}

/* Connects to the warden, which makes the process (credsspd/warden/warden.h). */
static int connect_warden(struct process *p)
{
	p->control = packet_connect(p->service->ops->socket);
	if (p->control < 0)
		return p->control;
	packet_refuse_fds(p->control);
	if (p->service->ops->greet)
		p->service->ops->greet(p, p->service->userdata);
	return 0;
}

static int service_start_process(struct service *s)
{
	struct process *p = calloc(1, sizeof *p);
	int r;

	if (!p)
		return -ENOMEM;
	*p = (struct process){ .service = s, .serial = ++s->last_serial, .control = -1, .pidfd = -1 };
	TAILQ_INSERT_HEAD(&s->processes, p, entry);
	r = s->ops->socket ? connect_warden(p) : start_process(p);
	if (r == 0)
		r = process_watch(p);
	if (r < 0) {
		if (p->pid > 0) { /* not reaped yet, so its pid is still its own; there may be no pidfd */
			(void)kill(p->pid, SIGKILL);
			(void)waitpid(p->pid, NULL, 0);
		}
		process_free(p);
	}
	return r;
}

int service_start(struct service *s)
{
	int r = service_starting(s) ? 0 : service_start_process(s);

	if (r < 0) { /* out of descriptors, memory or processes: try again later */
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
	TAILQ_INIT(&s->processes);
	*ret_service = s;
	return 0;
}

void service_hang_up(struct service *s)
{
	struct process *p;

	if (!s || !s->ops->socket || s->end_by)
		return;
	s->end_by = clock_usec() + 2 * WARDEN_END_SEC * USEC_PER_SEC;
	TAILQ_FOREACH(p, &s->processes, entry) {
		p->dying = true;
		if (p->control >= 0)
			(void)shutdown(p->control, SHUT_WR);
	}
}

void service_free(struct service *s)
{
	struct process *p;

	if (!s)
		return;
	(void)sd_event_source_disable_unref(s->restart);
	service_hang_up(s);
	while ((p = TAILQ_FIRST(&s->processes))) {
		if (s->ops->socket) {
			packet_wait_for_end(p->control, s->end_by); /* the warden closes it when p has ended */
		} else {
			process_kill(p);
			(void)waitpid(p->pid, NULL, 0);
		}
		gone(p);
	}
	free(s);
}

struct process *service_current(struct service *s)
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
