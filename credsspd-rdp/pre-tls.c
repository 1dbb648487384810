/* SPDX-License-Identifier: MIT */
/*
 * Nothing is read from the socket before it is there as a whole: the octets stay with the kernel, a connection costs
 * one small structure, and what follows the connection request is the child's to read.
 */
#include "credsspd-rdp/pre-tls.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "credsspd-rdp/connections.h"
#include "credsspd-rdp/credsspd-client.h"
#include "credsspd-rdp/listener-private.h"
#include "credsspd-rdp/proxy.h"
#include "credsspd-rdp/x224.h"

#define PEEK_MAX (PROXY_V2_MAX + X224_REQUEST_MAX)

void pre_tls_free(struct pre_tls *w)
{
	LIST_REMOVE(w, entry);
	w->l->n_pre_tls--;
	address_counts_leave(w->address, ADDRESS_PRE_TLS);
	(void)sd_event_source_disable_unref(w->io);
	(void)sd_event_source_disable_unref(w->timer);
	(void)close_fd(w->fd);
	free(w);
}

static void drop(struct pre_tls *w, int level, const char *text)
{
	struct log_logon f = { .rhost = w->rhost, .rport = w->rport };

	if (text)
		log_logon_line(level, &f, "connection ended: %s", text);
	pre_tls_free(w);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct pre_tls *w = userdata;

	(void)source;
	(void)usec;
	drop(w, LOG_INFO,
	     w->state == PRE_TLS_CLIENT_HELLO ? "no TLS handshake in time" : "no connection request in time");
	return 0;
}

/* Counts it for its address. Returns 0 or -ENOMEM. */
static int count(struct pre_tls *w)
{
	w->address = address_counts_enter(w->l->address_counts, w->rhost, ADDRESS_PRE_TLS);
	return w->address ? 0 : -ENOMEM;
}

/* Takes @len octets that were looked at from the socket. */
static int consume(int fd, size_t len)
{
	static uint8_t sink[PEEK_MAX];

	return len <= sizeof sink && recv(fd, sink, len, 0) == (ssize_t)len ? 0 : -EIO;
}

/*
 * HYBRID_EX where it is wanted, HYBRID otherwise; 0 for clients without NLA. Never SSL: it would ask for the password
 * in xrdp.
 */
static uint32_t select_protocol(const struct settings *s, uint32_t requested)
{
	if (s->hybrid_ex && requested & X224_PROTOCOL_HYBRID_EX)
		return X224_PROTOCOL_HYBRID_EX;
	return requested & X224_PROTOCOL_HYBRID;
}

/* RDP_NEG_RSP flags: what policy allows, whether or not this client asks for it. */
static uint8_t response_flags(const struct settings *s)
{
	return (uint8_t)(X224_RSP_EXTENDED_CLIENT_DATA | (s->restricted_admin ? X224_RSP_RESTRICTED_ADMIN : 0) |
			 (s->remote_guard ? X224_RSP_REDIRECTED_AUTH : 0));
}

/*
 * No RDP_NEG_FAILURE says that a mode is not supported: the flag that is not in the response does, and clients that
 * require the mode end the connection with a message of their own. credsspd refuses those that go on.
 */
static void tell_unsupported(const struct pre_tls *w)
{
	const struct log_logon who = { .rhost = w->rhost, .rport = w->rport };
	const struct settings *s = w->l->settings;

	if (w->flags & X224_FLAG_REDIRECTED_AUTH && !s->remote_guard)
		log_logon_line(LOG_WARNING, &who, "the client requires remote guard; remote_guard = refuse");
	if (w->flags & X224_FLAG_RESTRICTED_ADMIN && !s->restricted_admin)
		log_logon_line(LOG_WARNING, &who, "the client requires restricted admin; restricted_admin = refuse");
}

static int confirm(struct pre_tls *w, const struct x224_request *q)
{
	uint8_t out[X224_CONFIRM_LEN];

	w->flags = q->flags;
	w->protocols = q->protocols;
	w->selected = q->negotiates ? select_protocol(w->l->settings, q->protocols) : 0;
	x224_confirm_write(out, w->selected, response_flags(w->l->settings),
			   w->selected ? 0 : X224_FAILURE_HYBRID_REQUIRED);
	tell_unsupported(w);
	if (send(w->fd, out, sizeof out, MSG_NOSIGNAL) != (ssize_t)sizeof out)
		return -ECONNRESET;
	return w->selected ? 0 : -EPROTONOSUPPORT;
}

/* An incomplete header stays in the socket, which would wake us again and again: only more than there is does. */
static void wait_for(int fd, int octets)
{
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &octets, sizeof octets);
}

/* The PROXY header at @p. Returns 1 when there is more to look at, 0 to wait, or -errno when the connection is gone. */
static int take_proxy(struct pre_tls *w, const uint8_t *p, size_t len)
{
	struct proxy_peer peer;
	size_t total;
	int r = proxy_read(p, len, &total, &peer);

	if (r == 0)
		return 0;
	if (r < 0 || consume(w->fd, total) < 0) {
		drop(w, LOG_WARNING, "no PROXY v2 header from a configured proxy");
		return -EPROTO;
	}
	if (peer.rhost[0]) {
		memcpy(w->rhost, peer.rhost, sizeof w->rhost);
		w->rport = peer.rport;
		if (count(w) < 0) {
			drop(w, LOG_ERR, "out of memory");
			return -ENOMEM;
		}
	}
	w->probe = peer.local;
	w->state = PRE_TLS_REQUEST;
	wait_for(w->fd, 1);
	return 1;
}

static int take_request(struct pre_tls *w, const uint8_t *p, size_t len)
{
	struct x224_request q;
	size_t total = 0;
	int r = x224_frame(p, len, &total);

	if (r == 0 || (r == 1 && total <= X224_REQUEST_MAX && len < total))
		return 0;
	if (r == 1)
		r = total > X224_REQUEST_MAX ? -EMSGSIZE : x224_request_read(p, total, &q);
	if (r < 0 && proxy_begins(p, len)) {
		drop(w, LOG_WARNING, "refused: a PROXY header, but not from one of proxy_peers");
		return -EPROTO;
	}
	if (r < 0 || consume(w->fd, total) < 0) {
		drop(w, LOG_INFO, "no RDP connection request");
		return -EPROTO;
	}
	/* a line for each would be one every few seconds: the one that said so is the acceptor client's */
	if (w->probe && !credsspd_client_on_bus(w->l->credsspd)) {
		drop(w, LOG_DEBUG, "a health check is refused: credsspd is not on the bus");
		return -ENOTCONN;
	}
	r = confirm(w, &q);
	if (r < 0) {
		drop(w, LOG_INFO, r == -EPROTONOSUPPORT ? "refused: the client does not offer NLA" : NULL);
		return r;
	}
	w->state = PRE_TLS_CLIENT_HELLO;
	wait_for(w->fd, 1);
	(void)sd_event_source_set_time_relative(w->timer, RDP_PRE_TLS_TIMEOUT_SEC * USEC_PER_SEC_);
	return 1;
}

static int take_tls(struct pre_tls *w)
{
	int r;

	if (address_counts_get(w->address, ADDRESS_CONNECTION) >= RDP_PROCESSES_PER_ADDRESS_MAX) {
		drop(w, LOG_WARNING, "refused: too many connections from this address");
		return -EBUSY;
	}
	r = connections_start(w);
	drop(w, LOG_ERR, r < 0 ? strerror(-r) : NULL);
	return -ECANCELED;
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	static uint8_t peek[PEEK_MAX]; /* too large for the stack */
	struct pre_tls *w = userdata;
	int r = 1;

	(void)source;
	while (r == 1) {
		ssize_t n = recv(fd, peek, sizeof peek, MSG_PEEK | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0) { /* a probe, a health check, a user who thought better of it */
			drop(w, LOG_DEBUG, NULL);
			return 0;
		}
		if (w->state == PRE_TLS_PROXY)
			r = take_proxy(w, peek, (size_t)n);
		else if (w->state == PRE_TLS_REQUEST)
			r = take_request(w, peek, (size_t)n);
		else
			r = take_tls(w);
		if (r == 0 && revents & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
			drop(w, LOG_DEBUG,
			     NULL); /* the rest will not come, and no watermark keeps that from waking us */
			return 0;
		}
		if (r == 0)
			wait_for(fd, (int)n + 1);
	}
	return 0;
}

static int watch(struct pre_tls *w)
{
	struct listener *l = w->l;
	int r = sd_event_add_io(l->event, &w->io, w->fd, EPOLLIN | EPOLLRDHUP, on_input, w);

	if (r >= 0)
		r = sd_event_add_time_relative(l->event, &w->timer, CLOCK_BOOTTIME,
					       RDP_X224_TIMEOUT_SEC * USEC_PER_SEC_, 1000000, on_timeout, w);
	return r < 0 ? r : 0;
}

static bool is_proxy(const struct listener *l, const char *rhost)
{
	for (char **p = l->settings->proxy_peers; *p; p++)
		if (strcmp(*p, rhost) == 0)
			return true;
	return false;
}

static unsigned n_open(const struct listener *l)
{
	return l->n_pre_tls + l->n_connections - l->n_evicted;
}

static bool is_full(const struct listener *l)
{
	return n_open(l) > l->settings->max_connections || l->n_pre_tls > RDP_PRE_TLS_MAX;
}

/* The oldest of the address that has most of those before TLS; *@ret_count: how many that has. */
static struct pre_tls *find_to_evict(const struct listener *l, unsigned *ret_count)
{
	struct pre_tls *found = NULL;

	*ret_count = 0;
	for (struct pre_tls *w = LIST_FIRST(&l->pre_tls); w; w = LIST_NEXT(w, entry)) { /* newest first */
		unsigned n = address_counts_get(w->address, ADDRESS_PRE_TLS);

		if (!found || n >= *ret_count) {
			found = w;
			*ret_count = n;
		}
	}
	return found;
}

/*
 * Who only holds connections open, before TLS or in it, keeps nobody out who has fewer of them: the oldest one of the
 * address that has most has to go. Those who have logged on stay.
 */
static void make_room(struct listener *l)
{
	unsigned before_tls, strangers;
	struct pre_tls *w = find_to_evict(l, &before_tls);
	struct connection_process *s =
	    l->n_pre_tls > RDP_PRE_TLS_MAX ? NULL : connections_find_unauthenticated(l, &strangers);
	bool behind = s && (!w || strangers > before_tls);
	struct log_logon f;

	if (!behind && !w)
		return;
	f = behind ? connections_log_fields(s) : (struct log_logon){ .rhost = w->rhost, .rport = w->rport };
	log_logon_line(LOG_WARNING, &f,
		       "connection ended: %u are open (max_connections), and of those %s this address has most, %u",
		       n_open(l) - 1, behind ? "that have not logged on" : "before TLS",
		       behind ? strangers : before_tls);
	if (behind)
		connections_evict(s);
	else
		pre_tls_free(w);
}

void pre_tls_new(struct listener *l, int fd)
{
	const int on = 1;
	struct pre_tls *w = calloc(1, sizeof *w);
	bool proxy;

	/* a probe that was gone before it was accepted: its octets are no client's, and no proxy's any more */
	if (!w || sockets_peer(fd, w->rhost, &w->rport) < 0) {
		free(w);
		(void)close_fd(fd);
		return;
	}
	w->l = l;
	w->fd = fd;
	LIST_INSERT_HEAD(&l->pre_tls, w, entry);
	l->n_pre_tls++;
	proxy = is_proxy(l, w->rhost);
	w->state = proxy ? PRE_TLS_PROXY : PRE_TLS_REQUEST;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	if ((!proxy && count(w) < 0) || watch(w) < 0)
		drop(w, LOG_ERR, "out of memory");
	if (is_full(l))
		make_room(l);
}
