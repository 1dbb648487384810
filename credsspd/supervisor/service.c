/* SPDX-License-Identifier: MIT */
#include "credsspd/supervisor/service.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/exec.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/loop.h"
#include "common/ipc/packet.h"
#include "common/ipc/worker-msg.h"

#define USEC_PER_SEC_ 1000000ULL
#define RECORD_SIZE_MAX 8192U
#define PING_MAX 512U
#define NAME_MAX_ 64U

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
	int64_t
	    end_by; /* milliseconds: when service_free() waits for its wardens no longer; 0 before service_hang_up() */
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

/*
 * For a child of a warden: tells the warden to end the process. Records that the process has sent are still read, then
 * comes end of file, whether the process has ended or not.
 */
static void hang_up(struct child *c)
{
	if (c->control >= 0)
		(void)shutdown(c->control, SHUT_RDWR);
}

const char *child_name(const struct child *c)
{
	static char text[NAME_MAX_];

	if (!c->pid)
		return c->service->ops->name;
	(void)snprintf(text, sizeof text, "%s: pid %d", c->service->ops->name, (int)c->pid);
	return text;
}

void child_kill(struct child *c)
{
	c->dying = true;
	if (c->service->ops->socket)
		hang_up(c);
	if (c->pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0);
}

/* Closing its socket asks a child to end. */
static void end_if_idle(struct child *c)
{
	if (!c->retired || c->live)
		return;
	if (c->service->ops->socket) {
		hang_up(c);
	} else {
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
	log_line(LOG_DEBUG, "%s: ready", child_name(c));
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
	unsigned delay = service_failed_to_start(s) ? CHILD_RETRY_SEC : s->restart_delay;

	s->restart_delay = delay ? delay * 2 : CHILD_RESPAWN_MIN_SEC;
	if (s->restart_delay > CHILD_RESPAWN_MAX_SEC)
		s->restart_delay = CHILD_RESPAWN_MAX_SEC;
	if (!s->restart && sd_event_add_time_relative(s->event, &s->restart, CLOCK_BOOTTIME, delay * USEC_PER_SEC_,
						      100000, on_restart, s) < 0)
		log_line(LOG_ERR, "%s: cannot be started again", s->ops->name);
}

/* Frees the child. @si is NULL for a child of a warden, which alone sees the exit status. */
static void ended(struct child *c, const siginfo_t *si)
{
	struct service *s = c->service;
	bool needed = !c->retired;

	if (needed && si)
		log_line(LOG_ERR, "%s ended unexpectedly (%s %d)", child_name(c),
			 si->si_code == CLD_EXITED ? "exit status" : "signal", si->si_status);
	else if (needed)
		log_line(LOG_ERR, "%s ended unexpectedly", child_name(c));
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
}

static int on_ended(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	(void)source;
	ended(userdata, si);
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
	if (n < 0 && !c->dying)
		log_line(LOG_ERR, "%s sent what it must not: %s; killed", child_name(c), strerror((int)-n));
	if (n <= 0) {
		/* the exit of the process follows; a child of a warden has ended for us */
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
		if (n < 0)
			child_kill(c);
		if (s->ops->socket)
			ended(c, NULL);
		return 0;
	}
	if (c->dying)
		return 0;
	if (take_record(c, record.octets, (size_t)n) < 0) {
		log_line(LOG_ERR, "%s sent a record that it may not send; killed", child_name(c));
		child_kill(c);
	}
	return 0;
}

static int on_not_ready(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct child *c = userdata;

	(void)source;
	(void)usec;
	log_line(LOG_ERR, "%s was not ready after %u s; killed", child_name(c), TEMPLATE_READY_TIMEOUT_SEC);
	child_kill(c);
	return 0;
}

static int on_no_sign(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct child *c = userdata;

	(void)source;
	(void)usec;
	log_line(LOG_ERR, "%s gave no sign of life for %u s; killed", child_name(c), c->service->ops->sign_sec);
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

static int watch_exit(struct child *c)
{
	int r = loop_watch_exit(c->service->event, c->pidfd, on_ended, c, &c->exit);

	/* records that a process sent before it ended are read first */
	return r < 0 ? r : sd_event_source_set_priority(c->exit, SD_EVENT_PRIORITY_NORMAL + 10);
}

static int watch(struct child *c)
{
	struct service *s = c->service;
	int r;

	r = sd_event_add_io(s->event, &c->io, c->control, EPOLLIN, on_record, c);
	if (r >= 0 && s->ops->priority)
		r = sd_event_source_set_priority(c->io, s->ops->priority);
	if (r >= 0 && !s->ops->socket)
		r = watch_exit(c);
	if (r >= 0)
		r = sd_event_add_time_relative(s->event, &c->timer, CLOCK_BOOTTIME,
					       TEMPLATE_READY_TIMEOUT_SEC * USEC_PER_SEC_, 100000, on_not_ready, c);
	return r < 0 ? r : 0;
}

/* Forks a process of this user. */
static int start_process(struct child *c)
{
	const struct service *s = c->service;
	AUTO_CLOSE int theirs = -1;
	int pair[2];
	int r = packet_pair(0, pair);

	if (r < 0)
		return r;
	c->control = pair[0];
	theirs = pair[1];
	packet_refuse_fds(c->control);
	if (fcntl(c->control, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	c->pid = fork();
	if (c->pid == 0)
		exec_role(s->ops->arg1, s->ops->arg2, s->config_path, theirs);
	if (c->pid > 0)
		c->pidfd = pidfd_of(c->pid);
	return c->pidfd < 0 ? -errno : 0;
}

/* Has a warden make a process of its user (credsspd/warden/warden.h). */
static int connect_warden(struct child *c)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (strlen(c->service->ops->socket) >= sizeof at.sun_path)
		return -ENAMETOOLONG;
	strcpy(at.sun_path, c->service->ops->socket);
	c->control = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->control < 0 || connect(c->control, (const struct sockaddr *)&at, sizeof at) < 0)
		return -errno;
	packet_refuse_fds(c->control);
	if (c->service->ops->greet)
		c->service->ops->greet(c, c->service->userdata);
	return 0;
}

static int start(struct service *s)
{
	struct child *c = calloc(1, sizeof *c);
	int r;

	if (!c)
		return -ENOMEM;
	*c =
	    (struct child){ .service = s, .serial = ++s->last_serial, .control = -1, .pidfd = -1, .next = s->children };
	s->children = c;
	r = s->ops->socket ? connect_warden(c) : start_process(c);
	if (r == 0)
		r = watch(c);
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

static int64_t now_msec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void service_hang_up(struct service *s)
{
	if (!s || !s->ops->socket || s->end_by)
		return;
	s->end_by = now_msec() + 2000 * WARDEN_END_SEC;
	for (struct child *c = s->children; c; c = c->next) {
		c->dying = true;
		if (c->control >= 0)
			(void)shutdown(c->control, SHUT_WR);
	}
}

/* The warden closes the connection when the process has ended. A process that has passed the connection to another one
 * keeps it open: hence the deadline. */
static void wait_for_warden(const struct child *c)
{
	struct pollfd p = { .fd = c->control, .events = POLLIN };
	uint8_t rest[16]; /* a longer record is -EMSGSIZE */
	int64_t left;

	while ((left = c->service->end_by - now_msec()) > 0 && poll(&p, 1, (int)left) >= 0) {
		ssize_t n = packet_recv(c->control, rest, sizeof rest, NULL, 0);

		if (n == 0 || (n < 0 && n != -EAGAIN && n != -EMSGSIZE && n != -EPROTO))
			return;
	}
}

void service_free(struct service *s)
{
	if (!s)
		return;
	(void)sd_event_source_disable_unref(s->restart);
	service_hang_up(s);
	while (s->children) {
		struct child *c = s->children;

		if (s->ops->socket) {
			wait_for_warden(c);
		} else {
			child_kill(c);
			(void)waitpid(c->pid, NULL, 0);
		}
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
