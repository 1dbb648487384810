/* SPDX-License-Identifier: MIT */
/* The warden reads nothing from a connection: the supervisor's messages are for the process. */
#include "credsspd/warden/warden.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "common/base/children.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/exec.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/loop.h"
#include "common/base/signals.h"

struct warden {
	sd_event *event;
	const char *arg, *config_path;
	int listener;
	LIST_HEAD(, ward) wards;
	unsigned n;
};

struct ward {
	struct warden *warden;
	LIST_ENTRY(ward) entry;
	pid_t pid;
	int pidfd, connection;
	sd_event_source *exit, *hangup, *timer;
	bool killed; /* by the warden, which has logged it */
};

static void ward_free(struct ward *w)
{
	LIST_REMOVE(w, entry);
	w->warden->n--;
	(void)sd_event_source_disable_unref(w->exit);
	(void)sd_event_source_disable_unref(w->hangup);
	(void)sd_event_source_disable_unref(w->timer);
	(void)close_fd(w->pidfd);
	(void)close_fd(w->connection);
	free(w);
}

static bool is_ward(pid_t pid, const void *userdata)
{
	const struct warden *warden = userdata;
	const struct ward *w;

	LIST_FOREACH(w, &warden->wards, entry)
		if (w->pid == pid)
			return true;
	return false;
}

static int on_ended(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct ward *w = userdata;
	const struct warden *warden = w->warden;

	if (si->si_code != CLD_EXITED && !w->killed)
		log_line(LOG_ERR, "%s: pid %d died by signal %d", warden->arg + 2, (int)w->pid, si->si_status);
	/* ends the orphans of the process; the event source reaps the process itself */
	children_end(is_ward, warden);
	ward_free(w);
	return 0;
}

static int on_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct ward *w = userdata;

	log_line(LOG_WARNING, "%s: pid %d did not end within %d s after credsspd had closed its connection; killed",
		 w->warden->arg + 2, (int)w->pid, WARDEN_END_SEC);
	w->killed = true;
	(void)pidfd_send_signal(w->pidfd, SIGKILL, NULL, 0);
	return 0;
}

static int on_hangup(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct ward *w = userdata;

	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	if (sd_event_add_time_relative(w->warden->event, &w->timer, CLOCK_BOOTTIME, WARDEN_END_SEC * USEC_PER_SEC, 1000,
				       on_over, w) < 0)
		(void)on_over(NULL, 0, w);
	return 0;
}

static int ward_watch(struct ward *w)
{
	sd_event *event = w->warden->event;
	int r;

	w->pidfd = pidfd_open(w->pid, 0);
	if (w->pidfd < 0)
		return -errno;
	r = loop_watch_exit(event, w->pidfd, on_ended, w, &w->exit);
	/* records that arrive stay in the socket, for the process */
	return r < 0 ? r : sd_event_add_io(event, &w->hangup, w->connection, EPOLLRDHUP, on_hangup, w);
}

/* Starts a process for @connection, which is taken also on failure. */
static int ward_start(struct warden *warden, int connection)
{
	struct ward *w = calloc(1, sizeof *w);
	pid_t parent = getpid();
	int r;

	if (!w) {
		(void)close_fd(connection);
		return -ENOMEM;
	}
	*w = (struct ward){ .warden = warden, .pidfd = -1, .connection = connection };
	LIST_INSERT_HEAD(&warden->wards, w, entry);
	warden->n++;
	w->pid = fork();
	if (w->pid == 0)
		exec_role(warden->arg, NULL, warden->config_path, connection, parent);
	r = w->pid < 0 ? -errno : ward_watch(w);
	if (r < 0) {
		if (w->pid > 0) { /* not reaped yet, so its pid is still its own; there may be no pidfd */
			(void)kill(w->pid, SIGKILL);
			(void)waitpid(w->pid, NULL, 0);
		}
		ward_free(w);
	}
	return r;
}

/* ---- connections ---- */

/* The supervisor's user owns the socket file: SocketUser= of the unit. */
static int find_supervisor(const struct warden *warden, uid_t *ret_uid)
{
	struct sockaddr_un at = { .sun_family = AF_UNSPEC };
	socklen_t len = sizeof at - 1;
	struct stat st;

	if (getsockname(warden->listener, (struct sockaddr *)&at, &len) < 0)
		return -errno;
	if (at.sun_family != AF_UNIX || at.sun_path[0] != '/')
		return -EINVAL;
	if (stat(at.sun_path, &st) < 0)
		return -errno;
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return -EPERM;
	*ret_uid = st.st_uid;
	return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct warden *warden = userdata;
	int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof peer;
	uid_t supervisor;
	int r = 0;

	if (connection < 0)
		return 0; /* the client has left, or no descriptor is free: the supervisor has a deadline */
	if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
	    find_supervisor(warden, &supervisor) < 0 || peer.uid != supervisor) {
		log_line(LOG_ERR, "connection of uid %u refused: it is not the supervisor", peer.uid);
		(void)close_fd(connection);
	} else if (warden->n >= WARDS_MAX) {
		log_line(LOG_ERR, "connection refused: there are %u processes already", warden->n);
		(void)close_fd(connection);
	} else {
		r = ward_start(warden, connection);
	}
	if (r < 0)
		log_line(LOG_ERR, "%s: cannot be started: %s", warden->arg + 2, strerror(-r));
	return 0;
}

/* main() has called confine_start(1): one descriptor is open after the standard ones, the listening socket. */
static int take_listener(struct warden *warden)
{
	if (sd_listen_fds(1) != 1 || sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_SEQPACKET, 1, NULL, 0) <= 0)
		return -EINVAL;
	/* exec_role() puts the connection at this number */
	warden->listener = fcntl(SD_LISTEN_FDS_START, F_DUPFD_CLOEXEC, SD_LISTEN_FDS_START + 1);
	if (warden->listener < 0 || fcntl(warden->listener, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return close(SD_LISTEN_FDS_START) < 0 ? -errno : 0;
}

static int on_sighup(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	return 0; /* SIGHUP is ignored: only the processes read the configuration */
}

static int warden_serve(struct warden *warden, int (*confine)(void))
{
	int r = confine();
	uid_t supervisor;

	if (r < 0) {
		log_line(LOG_ERR,
			 "the daemon cannot confine itself on this kernel (seccomp): %s; it does not run without",
			 strerror(-r));
		return r;
	}
	r = prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : take_listener(warden);
	if (r == 0)
		r = find_supervisor(warden, &supervisor);
	if (r == 0)
		r = loop_new(&warden->event);
	if (r >= 0)
		r = signals_watch(warden->event, on_sighup, NULL);
	if (r >= 0)
		r = sd_event_add_io(warden->event, NULL, warden->listener, EPOLLIN, on_connection, warden);
	if (r >= 0)
		r = sd_notify(0, "READY=1");
	if (r >= 0)
		r = sd_event_loop(warden->event);
	if (r < 0)
		log_line(LOG_ERR, "cannot serve the socket that systemd has passed: %s", strerror(-r));
	return r < 0 ? r : 0;
}

int warden_main(const char *arg, int (*confine)(void), const char *config_path)
{
	struct warden warden = { .arg = arg, .config_path = config_path, .listener = -1 };
	int r = warden_serve(&warden, confine);

	while (!LIST_EMPTY(&warden.wards)) {
		struct ward *w = LIST_FIRST(&warden.wards);

		(void)pidfd_send_signal(w->pidfd, SIGKILL, NULL, 0);
		(void)waitpid(w->pid, NULL, 0);
		ward_free(w);
	}
	children_end(NULL, NULL);
	(void)close_fd(warden.listener);
	(void)sd_event_unref(warden.event);
	return r;
}
