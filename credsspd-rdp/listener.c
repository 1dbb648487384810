/* SPDX-License-Identifier: MIT */
#include "credsspd-rdp/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "credsspd-rdp/connection-sandbox.h"
#include "credsspd-rdp/connection-template.h"
#include "credsspd-rdp/connections.h"
#include "credsspd-rdp/credsspd-client.h"
#include "credsspd-rdp/listener-private.h"
#include "credsspd-rdp/log-limit.h"
#include "credsspd-rdp/pre-tls.h"

static void set_accepting(struct listener *l, int enabled)
{
	for (int i = 0; i < l->n_fds; i++)
		(void)sd_event_source_set_enabled(l->io[i], enabled);
}

static int on_pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	set_accepting(userdata, SD_EVENT_ON);
	return 0;
}

/* Pauses, because accept() would fail again at once while the process has no free descriptor. */
static void pause_accepting(struct listener *l, int error)
{
	log_line(LOG_ERR, "no connection can be accepted: %s; trying again in a second", strerror(error));
	set_accepting(l, SD_EVENT_OFF);
	(void)sd_event_source_disable_unref(l->pause);
	l->pause = NULL;
	if (sd_event_add_time_relative(l->event, &l->pause, CLOCK_BOOTTIME, USEC_PER_SEC, 1000, on_pause_over, l) < 0)
		set_accepting(l, SD_EVENT_ON);
}

static int on_accept(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct listener *l = userdata;

	for (int i = 0; i < 64; i++) {
		int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (c >= 0) {
			pre_tls_new(l, c);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(l, errno);
		if (errno != EINTR && errno != ECONNABORTED)
			break;
	}
	return 0;
}

/* ---- life ---- */

static int start_listening(struct listener *l)
{
	AUTO_FREE char *error = NULL;
	int r = sockets_listen(l->settings->listen, l->fds, &error);

	if (r < 0) {
		log_line(LOG_ERR, "%s", error ? error : strerror(-r));
		return r;
	}
	l->n_fds = r;
	r = 0;
	for (int i = 0; i < l->n_fds && r >= 0; i++)
		r = sd_event_add_io(l->event, &l->io[i], l->fds[i], EPOLLIN, on_accept, l);
	return r < 0 ? r : 0;
}

int listener_new(sd_event *event, const struct settings *settings, SSL_CTX *ctx, struct listener **ret_listener)
{
	struct listener *l = calloc(1, sizeof *l);
	int r;

	if (!l)
		return -ENOMEM;
	l->event = event;
	l->template_fd = l->template_pid = -1;
	LIST_INIT(&l->pre_tls);
	LIST_INIT(&l->connections);
	xrdp_slots_init(&l->xrdp_slots, RDP_UNREDEEMED_MAX, RDP_SLOTS_PER_ACCOUNT_MAX);
	listener_configure(l, settings, ctx);
	l->address_counts = address_counts_new();
	r = l->address_counts ? log_limit_new(event, &l->log_limit) : -ENOMEM;
	if (r == 0) {
		r = connection_filter(&l->filter);
		if (r < 0)
			log_line(LOG_ERR,
				 "the system call filter for the processes of connections cannot be made (seccomp): "
				 "%s; credsspd-rdp does not run without it",
				 strerror(-r));
	}
	if (r == 0) {
		r = credsspd_client_new(event, &l->credsspd);
		if (r < 0)
			log_line(LOG_ERR, "D-Bus: no connection to the system bus: %s: systemctl status dbus",
				 strerror(-r));
	}
	if (r >= 0)
		r = start_listening(l);
	if (r < 0) {
		listener_free(l, 0);
		return r;
	}
	*ret_listener = l;
	return 0;
}

void listener_configure(struct listener *l, const struct settings *settings, SSL_CTX *ctx)
{
	l->settings = settings;
	l->ctx = ctx;
	connection_template_stop(l); /* the next one has these settings */
}

int listener_ready(struct listener *l)
{
	return connection_template_start(l);
}

void listener_free(struct listener *l, int keep_sessions)
{
	for (int i = 0; i < l->n_fds; i++) {
		(void)sd_event_source_disable_unref(l->io[i]);
		(void)close_fd(l->fds[i]);
	}
	(void)sd_event_source_disable_unref(l->pause);
	l->xrdp_slots.limit = 0; /* gives freed slots to no other connection any more */
	while (!LIST_EMPTY(&l->pre_tls))
		pre_tls_free(LIST_FIRST(&l->pre_tls));
	for (struct connection_process *s; (s = LIST_FIRST(&l->connections)); connections_free(s))
		if (!keep_sessions)
			connections_kill(s);
	filter_done(&l->filter);
	connection_template_stop(l);
	credsspd_client_free(l->credsspd);
	address_counts_free(l->address_counts);
	log_limit_free(l->log_limit);
	free(l);
}
