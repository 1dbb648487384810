/* SPDX-License-Identifier: MIT */
/*
 * A message is read from the socket only when all of it has arrived: until then the kernel keeps the bytes, and a
 * connection costs one small structure. Bytes after the connection request are left to the connection's process.
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
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/words.h"
#include "credsspd-rdp/connections.h"
#include "credsspd-rdp/credsspd-client.h"
#include "credsspd-rdp/listener-private.h"
#include "credsspd-rdp/log-limit.h"
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
		log_limit_line(w->l->log_limit, level, &f, "connection ended: %s", text);
	pre_tls_free(w);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct pre_tls *w = userdata;

	drop(w, LOG_INFO,
	     w->state == PRE_TLS_CLIENT_HELLO ? "no TLS handshake in time" : "no connection request in time");
	return 0;
}

/* Counts the connection for its address. Returns 0 or -ENOMEM. */
static int count(struct pre_tls *w)
{
	w->address = address_counts_enter(w->l->address_counts, w->rhost, ADDRESS_PRE_TLS);
	return w->address ? 0 : -ENOMEM;
}

/* Reads @len bytes, which were only peeked at so far. */
static int consume(int fd, size_t len)
{
	static uint8_t sink[PEEK_MAX];

	return len <= sizeof sink && recv(fd, sink, len, 0) == (ssize_t)len ? 0 : -EIO;
}

/*
 * Returns HYBRID_EX if it is configured and offered, or HYBRID if that is offered, or 0 for clients without NLA. Never
 * SSL: xrdp would ask for the password.
 */
static uint32_t select_protocol(const struct settings *s, uint32_t requested)
{
	if (s->hybrid_ex && requested & X224_PROTOCOL_HYBRID_EX)
		return X224_PROTOCOL_HYBRID_EX;
	return requested & X224_PROTOCOL_HYBRID;
}

/* Returns the RDP_NEG_RSP flags: the modes that the configuration allows, also when this client does not ask for
 * them. */
static uint8_t response_flags(const struct settings *s)
{
	return (uint8_t)(X224_RSP_EXTENDED_CLIENT_DATA | (s->restricted_admin ? X224_RSP_RESTRICTED_ADMIN : 0) |
			 (s->remote_guard ? X224_RSP_REDIRECTED_AUTH : 0));
}

/*
 * Logs that the client requires a mode that is off; RDP has no RDP_NEG_FAILURE for that. A client sees that the flag is
 * missing in the response and ends the connection with its own message; credsspd refuses a client that continues.
 */
static void tell_unsupported(const struct pre_tls *w)
{
	const struct log_logon who = { .rhost = w->rhost, .rport = w->rport };
	const struct settings *s = w->l->settings;

	if (w->flags & X224_FLAG_REDIRECTED_AUTH && !s->remote_guard)
		log_limit_line(w->l->log_limit, LOG_WARNING, &who,
			       "the client requires remote guard; remote_guard = refuse");
	if (w->flags & X224_FLAG_RESTRICTED_ADMIN && !s->restricted_admin)
		log_limit_line(w->l->log_limit, LOG_WARNING, &who,
			       "the client requires restricted admin; restricted_admin = refuse");
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

/* Waits for @bytes bytes in the socket: epoll reports an incomplete message again only then. */
static void wait_for(int fd, int bytes)
{
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

/* Also moves the connection to the front of the list, because it is not idle now. */
static void set_state(struct pre_tls *w, enum pre_tls_state state, unsigned timeout_sec)
{
	w->state = state;
	LIST_REMOVE(w, entry);
	LIST_INSERT_HEAD(&w->l->pre_tls, w, entry);
	wait_for(w->fd, 1);
	(void)sd_event_source_set_time_relative(w->timer, timeout_sec * USEC_PER_SEC);
}

/*
 * Reads the PROXY header at @p. Returns 1 when it is complete, 0 when bytes are missing, or -errno after the connection
 * was closed and @w freed.
 */
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
	set_state(w, PRE_TLS_REQUEST, RDP_X224_TIMEOUT_SEC);
	return 1;
}

/*
 * The direct approach (MS-RDPBCGR 5.4.2.2): TLS and CredSSP come first, and the connection request, without
 * negotiation, inside TLS. Programs that look at the certificate do the same.
 */
static bool is_direct(struct pre_tls *w, const uint8_t *p, size_t len)
{
	const uint8_t tls_handshake = 22, tls_major = 3;

	if (len < 2 || p[0] != tls_handshake || p[1] != tls_major)
		return false;
	w->direct = true;
	w->selected = X224_PROTOCOL_HYBRID;
	return true;
}

/*
 * Returns whether this is a proxy's health check while credsspd is not on the bus. The check must fail then, which is
 * done by closing the connection before RDP's or TLS's first answer. credsspd-client.c has logged the reason once.
 */
static bool is_vain_probe(const struct pre_tls *w)
{
	return w->probe && !credsspd_client_on_bus(w->l->credsspd);
}

static int refuse_probe(struct pre_tls *w)
{
	drop(w, LOG_DEBUG, "a health check of a proxy is refused: credsspd is not on the bus");
	return -ENOTCONN;
}

static int take_request(struct pre_tls *w, const uint8_t *p, size_t len)
{
	struct x224_request q;
	size_t total = 0;
	int r = len == 1 && p[0] == 22 ? 0 : x224_frame(p, len, &total);

	if (is_direct(w, p, len)) {
		if (is_vain_probe(w))
			return refuse_probe(w);
		set_state(w, PRE_TLS_CLIENT_HELLO, RDP_PRE_TLS_TIMEOUT_SEC);
		return 1;
	}
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
	if (is_vain_probe(w))
		return refuse_probe(w);
	r = confirm(w, &q);
	if (r < 0) {
		drop(w, LOG_INFO, r == -EPROTONOSUPPORT ? "refused: the client does not offer NLA" : NULL);
		return r;
	}
	set_state(w, PRE_TLS_CLIENT_HELLO, RDP_PRE_TLS_TIMEOUT_SEC);
	return 1;
}

/* Evicts the longest idle connection of an address that has the maximum. Returns false when all have logged on. */
static bool make_room_in_address(const struct pre_tls *w)
{
	unsigned n;
	struct connection_process *c = connections_find_idle(w->l, w->address, &n);
	struct log_logon f;

	if (!c)
		return false;
	f = connections_log_fields(c);
	log_limit_line(
	    w->l->log_limit, LOG_WARNING, &f,
	    "connection ended: evicted: a newer connection needs its slot, the address has the maximum of %u, "
	    "and this is the longest idle one without a logon",
	    RDP_PROCESSES_PER_ADDRESS_MAX);
	connections_evict(c);
	return true;
}

static int take_tls(struct pre_tls *w)
{
	int r;

	if (address_counts_get(w->address, ADDRESS_CONNECTION) >= RDP_PROCESSES_PER_ADDRESS_MAX &&
	    !make_room_in_address(w)) {
		drop(w, LOG_WARNING, "refused: too many connections from this address, all of them with a logon");
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

	while (r == 1) {
		ssize_t n = recv(fd, peek, sizeof peek, MSG_PEEK | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0) { /* a probe, a health check, a user who cancelled */
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
			/* the rest will not come, and SO_RCVLOWAT does not keep epoll from reporting that */
			drop(w, LOG_DEBUG, NULL);
			return 0;
		}
		if (r == 0)
			wait_for(fd, (int)n + 1);
	}
	return 0;
}

static int pre_tls_watch(struct pre_tls *w)
{
	struct listener *l = w->l;
	int r = sd_event_add_io(l->event, &w->io, w->fd, EPOLLIN | EPOLLRDHUP, on_input, w);

	if (r >= 0)
		r = sd_event_add_time_relative(l->event, &w->timer, CLOCK_BOOTTIME, RDP_X224_TIMEOUT_SEC * USEC_PER_SEC,
					       1000000, on_timeout, w);
	return r < 0 ? r : 0;
}

static unsigned n_open(const struct listener *l)
{
	return l->n_pre_tls + l->n_connections - l->n_evicted;
}

static bool is_full(const struct listener *l)
{
	return n_open(l) > l->settings->max_connections || l->n_pre_tls > RDP_PRE_TLS_MAX;
}

/*
 * Picks a connection before TLS to evict: the longest idle one of the address with the most. *@ret_count is the number
 * of the address's connections.
 */
static struct pre_tls *find_to_evict(const struct listener *l, unsigned *ret_count)
{
	struct pre_tls *found = NULL, *w;

	*ret_count = 0;
	LIST_FOREACH(w, &l->pre_tls, entry) { /* the longest idle comes last */
		unsigned n = address_counts_get(w->address, ADDRESS_PRE_TLS);

		if (!found || n >= *ret_count) {
			found = w;
			*ret_count = n;
		}
	}
	return found;
}

/*
 * When all slots are taken, evicts a connection without a logon: the longest idle one of the address with the most such
 * connections, before TLS or after. So an address that holds many connections open cannot keep other addresses out.
 */
static void make_room(struct listener *l)
{
	unsigned before_tls, unauthenticated = 0;
	struct pre_tls *w = find_to_evict(l, &before_tls);
	struct connection_process *c =
	    l->n_pre_tls > RDP_PRE_TLS_MAX ? NULL : connections_find_idle(l, NULL, &unauthenticated);
	bool after_tls = c && (!w || unauthenticated > before_tls);
	struct log_logon f;

	if (!after_tls && !w)
		return;
	f = after_tls ? connections_log_fields(c) : (struct log_logon){ .rhost = w->rhost, .rport = w->rport };
	log_limit_line(
	    l->log_limit, LOG_WARNING, &f,
	    "connection ended: evicted: a newer connection needs its slot (%s = %u), and this is the longest "
	    "idle one of the address that has the most %s, %u",
	    l->n_pre_tls > RDP_PRE_TLS_MAX ? "connections before TLS" : "max_connections",
	    l->n_pre_tls > RDP_PRE_TLS_MAX ? RDP_PRE_TLS_MAX : l->settings->max_connections,
	    after_tls ? "without a logon" : "before TLS", after_tls ? unauthenticated : before_tls);
	if (after_tls)
		connections_evict(c);
	else
		pre_tls_free(w);
}

void pre_tls_new(struct listener *l, int fd)
{
	const int on = 1;
	struct pre_tls *w = calloc(1, sizeof *w);
	bool proxy;

	/* the peer left before accept(), and its address is unknown */
	if (!w || sockets_peer(fd, w->rhost, &w->rport) < 0) {
		free(w);
		(void)close_fd(fd);
		return;
	}
	w->l = l;
	w->fd = fd;
	LIST_INSERT_HEAD(&l->pre_tls, w, entry);
	l->n_pre_tls++;
	proxy = words_have(l->settings->proxy_peers, w->rhost);
	w->state = proxy ? PRE_TLS_PROXY : PRE_TLS_REQUEST;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	if ((!proxy && count(w) < 0) || pre_tls_watch(w) < 0)
		drop(w, LOG_ERR, "out of memory");
	if (is_full(l))
		make_room(l);
}
