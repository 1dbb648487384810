/* SPDX-License-Identifier: MIT */
#include "credsspd-rdp/connections.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/loop.h"
#include "common/base/secret.h"
#include "common/ipc/connection-msg.h"
#include "common/ipc/packet.h"
#include "credsspd-rdp/connection-template.h"
#include "credsspd-rdp/credsspd-client.h"
#include "credsspd-rdp/listener-private.h"
#include "credsspd-rdp/log-limit.h"
#include "credsspd-rdp/pre-tls.h"
#include "include/credssp/channel.h"

/* the sum of a process's own deadlines, from the first byte of TLS to RDP_ASK_XRDP */
#define LOGON_SEC \
	(RDP_TLS_TIMEOUT_SEC + RDP_PROMPT_TIMEOUT_SEC + RDP_BEGIN_TIMEOUT_SEC + RDP_NLA_TIMEOUT_SEC + \
	 RDP_FIRST_MCS_TIMEOUT_SEC + RDP_CHILD_SLACK_SEC)

struct connection_process {
	struct listener *l;
	LIST_ENTRY(connection_process) entry;
	pid_t pid;
	int pidfd, control;
	sd_event_source *io, *exit;
	struct credsspd_call *call;
	int channel; /* a copy of the process's descriptor: credsspd revokes the ticket when all copies are closed */
	sd_event_source *ticket, *slot_timer;
	sd_event_source *deadline;     /* until the process asks for xrdp with a ticket; a desktop has no deadline */
	struct address_count *address; /* NULL for a connection of a proxy itself */
	bool unauthenticated;          /* counted as such in @address; can be evicted */
	bool evicted;
	bool begun;       /* has called Begin */
	unsigned n_lines; /* log lines that the process has sent */
	struct xrdp_slot slot;
	uint64_t asked; /* when it asked for the slot: CLOCK_BOOTTIME in microseconds; 0: not yet */
	char rhost[RHOST_MAX + 8U];
	uint16_t rport;
};

static void set_authenticated(struct connection_process *c)
{
	if (c->unauthenticated)
		address_counts_leave(c->address, ADDRESS_UNAUTHENTICATED);
	c->unauthenticated = false;
}

/* ---- requests of the process ---- */

static void send_answer(struct connection_process *c, uint8_t type, int error, const char *detail, int fd)
{
	struct rdp_answer a = { .type = type, .error = error };

	(void)snprintf(a.detail, sizeof a.detail, "%s", detail);
	(void)packet_send(c->control, &a, sizeof a, &fd, fd >= 0 ? 1 : 0);
}

static void leave_slot(struct connection_process *c)
{
	c->slot_timer = sd_event_source_disable_unref(c->slot_timer);
	xrdp_slots_leave(&c->l->xrdp_slots, &c->slot);
}

static void serve_queue(struct listener *l);

static int on_slot_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct connection_process *c = userdata;
	struct log_logon w = { .rhost = c->rhost, .rport = c->rport, .user = c->slot.user };

	log_logon_line(LOG_INFO, &w,
		       "xrdp has not redeemed the ticket after %u s: its slot with xrdp goes to the next connection",
		       RDP_SLOT_TIMEOUT_SEC);
	leave_slot(c);
	serve_queue(c->l);
	return 0;
}

static uint64_t now_usec(const struct connection_process *c)
{
	uint64_t now = 0;

	(void)sd_event_now(c->l->event, CLOCK_BOOTTIME, &now);
	return now;
}

static void give_xrdp(struct connection_process *c)
{
	AUTO_CLOSE int fd = sockets_connect_unix(c->l->settings->xrdp_socket);
	uint64_t waited = (now_usec(c) - c->asked) / 1000;
	char detail[96] = "";
	int r = fd < 0 ? fd
		       : sd_event_add_time_relative(c->l->event, &c->slot_timer, CLOCK_BOOTTIME,
						    RDP_SLOT_TIMEOUT_SEC * USEC_PER_SEC, 100000, on_slot_timeout, c);

	if (r < 0) {
		(void)snprintf(detail, sizeof detail, "no connection to xrdp at xrdp_socket: %s", strerror(-r));
		leave_slot(c);
	} else if (waited >= 1000) {
		struct log_logon w = { .rhost = c->rhost, .rport = c->rport, .user = c->slot.user };

		log_logon_line(LOG_INFO, &w, "waited %llu ms for a slot with xrdp", (unsigned long long)waited);
	}
	send_answer(c, RDP_XRDP, r < 0 ? r : 0, detail, r < 0 ? -1 : fd);
}

static void serve_queue(struct listener *l)
{
	struct xrdp_slot *p;

	while ((p = xrdp_slots_next(&l->xrdp_slots)))
		give_xrdp((struct connection_process *)((char *)p - offsetof(struct connection_process, slot)));
}

/* credsspd has closed the channel: the ticket was redeemed or has expired, or the logon was refused. */
static int on_ticket_gone(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct connection_process *c = userdata;
	bool waits = c->slot.state == XRDP_SLOT_QUEUED;

	c->ticket = sd_event_source_disable_unref(c->ticket);
	c->channel = close_fd(c->channel);
	leave_slot(c);
	if (waits)
		send_answer(c, RDP_XRDP, -ETIMEDOUT,
			    "the ticket has expired, or was evicted, before a slot with xrdp was free", -1);
	serve_queue(c->l);
	return 0;
}

static void on_channel(int error, const char *detail, int channel, void *userdata)
{
	struct connection_process *c = userdata;
	int r = error;

	c->call = NULL;
	if (r == 0) /* EPOLLHUP is always reported */
		r = sd_event_add_io(c->l->event, &c->ticket, channel, 0, on_ticket_gone, c);
	if (r >= 0)
		c->channel = channel;
	send_answer(c, RDP_CHANNEL, r < 0 ? r : 0, detail, r < 0 ? -1 : channel);
	if (r < 0)
		(void)close_fd(channel);
}

static int take_begin(struct connection_process *c, const void *p, size_t len)
{
	static struct rdp_begin b;
	int r;

	if (len < offsetof(struct rdp_begin, public_key) || len > sizeof b || c->begun)
		return -EPROTO;
	memcpy(&b, p, len);
	if (b.public_key_len != len - offsetof(struct rdp_begin, public_key))
		return -EPROTO;
	c->begun = true;
	/* moves it to the front of the list: it is not idle now */
	LIST_REMOVE(c, entry);
	LIST_INSERT_HEAD(&c->l->connections, c, entry);
	r = credsspd_client_begin(c->l->credsspd, c->l->settings->service, &b, c->rhost, c->rport, on_channel, c,
				  &c->call);
	if (r < 0)
		send_answer(c, RDP_CHANNEL, r, "no connection to the system bus", -1);
	return 0;
}

/*
 * Reads the user of the ticket from credsspd's CHANNEL_DONE. The message is not taken out of the queue: the process has
 * the socket too, and could take it first, so that the listener would wait. Returns 0, or -EPROTO without the message.
 */
static int granted_user(int channel, char ret_user[ACCOUNT_NAME_MAX + 8U])
{
	struct channel_done done;
	ssize_t n = packet_peek(channel, &done, sizeof done);
	bool granted = n == (ssize_t)sizeof done && done.type == CHANNEL_DONE && done.user[0] &&
		       packet_text_ends(done.user, sizeof done.user);

	if (granted)
		memcpy(ret_user, done.user, sizeof done.user);
	secret_wipe(&done, sizeof done); /* the ticket */
	return granted ? 0 : -EPROTO;
}

static int take_ask_xrdp(struct connection_process *c, size_t len)
{
	char user[ACCOUNT_NAME_MAX + 8U];
	int r;

	if (len != sizeof(struct rdp_ask_xrdp) || c->asked || !c->begun)
		return -EPROTO;
	c->asked = now_usec(c);
	if (c->channel < 0) {
		send_answer(c, RDP_XRDP, -ETIMEDOUT, "the ticket has expired, or was evicted", -1);
		return 0;
	}
	r = granted_user(c->channel, user);
	if (r < 0)
		return r;
	set_authenticated(c);
	c->deadline = sd_event_source_disable_unref(c->deadline);
	return xrdp_slots_ask(&c->l->xrdp_slots, &c->slot, user);
}

static int take_log(struct connection_process *c, const void *p, size_t len)
{
	struct rdp_log m;
	struct log_logon f = connections_log_fields(c);

	/* a process sends one or two lines; the limit is for a process that was taken over */
	if (len != sizeof m || c->n_lines++ >= RDP_LOG_LINES_MAX)
		return -EPROTO;
	memcpy(&m, p, sizeof m);
	if (m.level < LOG_ERR || m.level > LOG_DEBUG || !packet_text_ends(m.text, sizeof m.text))
		return -EPROTO;
	log_limit_line(c->l->log_limit, m.level, &f, "%s", m.text);
	return 0;
}

static int take_message(struct connection_process *c, const uint8_t *p, size_t len)
{
	int r;

	switch (p[0]) {
	case RDP_LOG:
		return take_log(c, p, len);
	case RDP_ASK_BEGIN:
		return take_begin(c, p, len);
	case RDP_ASK_XRDP:
		r = take_ask_xrdp(c, len);
		break;
	default:
		return -EPROTO;
	}
	serve_queue(c->l);
	return r;
}

static int on_message(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	static _Alignas(8) uint8_t packet[sizeof(struct rdp_begin)];
	struct connection_process *c = userdata;
	ssize_t n = packet_recv(fd, packet, sizeof packet, NULL, 0);

	if (n == -EAGAIN)
		return 0;
	if (n > 0 && take_message(c, packet, (size_t)n) == 0)
		return 0;
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	if (n != 0)
		connections_kill(c);
	return 0;
}

/* ---- life ---- */

void connections_free(struct connection_process *c)
{
	LIST_REMOVE(c, entry);
	c->l->n_connections--;
	credsspd_call_cancel(c->call);
	leave_slot(c);
	serve_queue(c->l);
	(void)sd_event_source_disable_unref(c->ticket);
	(void)sd_event_source_disable_unref(c->deadline);
	(void)close_fd(c->channel);
	set_authenticated(c);
	c->l->n_evicted -= c->evicted;
	address_counts_leave(c->address, ADDRESS_CONNECTION);
	(void)sd_event_source_disable_unref(c->io);
	(void)sd_event_source_disable_unref(c->exit);
	(void)packet_close(c->control);
	(void)close_fd(c->pidfd);
	free(c);
}

void connections_kill(const struct connection_process *c)
{
	(void)pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0);
}

struct log_logon connections_log_fields(const struct connection_process *c)
{
	return (struct log_logon){ .rhost = c->rhost, .rport = c->rport, .service = c->l->settings->service };
}

struct connection_process *connections_find_idle(const struct listener *l, const struct address_count *address,
						 unsigned *ret_count)
{
	struct connection_process *found = NULL, *c;

	*ret_count = 0;
	LIST_FOREACH(c, &l->connections, entry) { /* the longest idle comes last */
		unsigned n = address_counts_get(c->address, ADDRESS_UNAUTHENTICATED);

		if (c->unauthenticated && (!address || c->address == address) && n >= *ret_count) {
			found = c;
			*ret_count = n;
		}
	}
	return found;
}

void connections_evict(struct connection_process *c)
{
	set_authenticated(c);
	c->evicted = true;
	c->l->n_evicted++;
	connections_kill(c);
}

/* Reads the last log lines of a process that has ended. */
static void drain_log(struct connection_process *c)
{
	struct rdp_log m;
	ssize_t n;

	while ((n = packet_recv(c->control, &m, sizeof m, NULL, 0)) > 0 && m.type == RDP_LOG)
		if (take_log(c, &m, (size_t)n) < 0)
			return;
}

static int on_process_exit(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct connection_process *c = userdata;
	struct log_logon w = connections_log_fields(c);

	drain_log(c);
	if (!c->evicted && (si->si_code != CLD_EXITED || si->si_status != 0))
		log_logon_line(LOG_ERR, &w, "the process of a connection died (%s %d)",
			       si->si_code == CLD_EXITED ? "exit status" : "signal", si->si_status);
	connections_free(c);
	return 0;
}

/* A process ends by itself before this, unless it hangs or was taken over. */
static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct connection_process *c = userdata;
	struct log_logon w = connections_log_fields(c);

	log_logon_line(LOG_ERR, &w, "the process of a connection ran for %u s without a logon; killed", LOGON_SEC);
	connections_kill(c);
	return 0;
}

static int watch_process(struct connection_process *c)
{
	int r = sd_event_add_io(c->l->event, &c->io, c->control, EPOLLIN, on_message, c);

	if (r >= 0)
		r = loop_watch_exit(c->l->event, c->pidfd, on_process_exit, c, &c->exit);
	if (r >= 0)
		r = sd_event_add_time_relative(c->l->event, &c->deadline, CLOCK_BOOTTIME, LOGON_SEC * USEC_PER_SEC,
					       1000000, on_deadline, c);
	return r < 0 ? r : 0;
}

/* From here on connections_free() undoes everything. */
static struct connection_process *process_new(const struct pre_tls *w, int control)
{
	struct connection_process *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->address = w->address ? address_counts_enter(w->l->address_counts, w->rhost, ADDRESS_CONNECTION) : NULL;
	if (w->address && !c->address) {
		free(c);
		return NULL;
	}
	c->unauthenticated =
	    c->address && address_counts_enter(w->l->address_counts, w->rhost, ADDRESS_UNAUTHENTICATED) == c->address;
	c->l = w->l;
	c->control = control;
	c->channel = -1;
	c->pidfd = -1;
	c->rport = w->rport;
	memcpy(c->rhost, w->rhost, sizeof c->rhost);
	LIST_INSERT_HEAD(&w->l->connections, c, entry);
	w->l->n_connections++;
	return c;
}

int connections_start(const struct pre_tls *w)
{
	AUTO_CLOSE int theirs = -1;
	struct connection_process *c;
	int pair[2], r;

	r = packet_pair(0, pair);
	if (r < 0)
		return r;
	theirs = pair[1];
	packet_refuse_fds(pair[0]);
	c = process_new(w, pair[0]);
	if (!c) {
		(void)close(pair[0]);
		return -ENOMEM;
	}
	c->pid = fcntl(c->control, F_SETFL, O_NONBLOCK) < 0 ? -errno : connection_template_fork(w->l, w, theirs);
	c->pidfd = c->pid > 0 ? pidfd_open(c->pid, 0) : -1;
	r = c->pid < 0 ? c->pid : c->pidfd < 0 ? -errno : watch_process(c);
	if (r < 0) {
		if (c->pid > 0) {
			(void)kill(c->pid, SIGKILL);
			(void)waitpid(c->pid, NULL, 0);
		}
		connections_free(c);
	}
	return r;
}
