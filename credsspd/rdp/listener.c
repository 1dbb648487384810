/* SPDX-License-Identifier: MIT */
#include "credsspd/rdp/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "credsspd/rdp/acceptor-client.h"
#include "credsspd/rdp/child.h"
#include "credsspd/rdp/proxy.h"
#include "credsspd/rdp/record.h"
#include "credsspd/rdp/sockets.h"
#include "credsspd/rdp/x224.h"
#include "credsspd/util/log.h"
#include "credsspd/util/packet.h"
#include "include/credssp/cleanup.h"

#define USEC_PER_SEC_ 1000000ULL
#define PEEK_MAX (PROXY_V2_MAX + X224_REQUEST_MAX)

enum waiting_state { WAITING_PROXY, WAITING_REQUEST, WAITING_TLS };

/* A connection before its first TLS octet. */
struct waiting {
	struct listener *l;
	struct waiting *next;
	int fd;
	enum waiting_state state;
	sd_event_source *io, *timer;
	char rhost[RHOST_MAX + 8U];
	uint16_t rport;
	uint8_t flags; /* RDP_NEG_REQ flags */
	uint32_t protocols, selected;
};

/* A connection in its own process. */
struct child_entry {
	struct listener *l;
	struct child_entry *next;
	pid_t pid;
	int pidfd, control;
	sd_event_source *io, *exit;
	struct acceptor_call *call;
	bool begun, wants_xrdp, unredeemed; /* holds one of the RDP_UNREDEEMED_MAX places */
	uint64_t asked;                     /* order of the queue for xrdp */
	char rhost[RHOST_MAX + 8U];
	uint16_t rport;
};

struct listener {
	sd_event *event;
	const struct settings *settings;
	SSL_CTX *ctx;
	struct acceptor_client *acceptor;
	int fds[SOCKETS_MAX];
	sd_event_source *io[SOCKETS_MAX], *pause;
	int n_fds;
	struct waiting *waiting;
	struct child_entry *children;
	unsigned n_waiting, n_children, n_unredeemed;
	uint64_t last_ask;
};

/* ---- log ---- */

static struct log_logon who(const char *rhost, uint16_t rport)
{
	return (struct log_logon){ .rhost = rhost, .rport = rport };
}

/* ---- children ---- */

static void serve_xrdp_queue(struct listener *l);

static void send_answer(struct child_entry *c, uint8_t type, int error, const char *detail, int fd)
{
	struct rdp_answer a = { .type = type, .error = error };

	(void)snprintf(a.detail, sizeof a.detail, "%s", detail);
	(void)packet_send(c->control, &a, sizeof a, &fd, fd >= 0 ? 1 : 0);
}

static void release_place(struct child_entry *c)
{
	if (c->unredeemed)
		c->l->n_unredeemed--;
	c->unredeemed = false;
	c->wants_xrdp = false;
	serve_xrdp_queue(c->l);
}

static void child_free(struct child_entry *c)
{
	struct child_entry **p = &c->l->children;

	while (*p && *p != c)
		p = &(*p)->next;
	if (*p) {
		*p = c->next;
		c->l->n_children--;
	}
	acceptor_call_cancel(c->call);
	release_place(c);
	(void)sd_event_source_disable_unref(c->io);
	(void)sd_event_source_disable_unref(c->exit);
	(void)close_fd(c->control);
	(void)close_fd(c->pidfd);
	free(c);
}

static int on_child_ended(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct child_entry *c = userdata;
	struct log_logon w = who(c->rhost, c->rport);

	(void)source;
	if (si->si_code != CLD_EXITED || si->si_status != 0)
		log_logon_line(LOG_ERR, &w, "the process of a connection died (%s %d)",
			       si->si_code == CLD_EXITED ? "exit status" : "signal", si->si_status);
	child_free(c);
	return 0;
}

static void on_channel(int error, const char *detail, int channel, void *userdata)
{
	struct child_entry *c = userdata;

	c->call = NULL;
	send_answer(c, RDP_CHANNEL, error, detail, channel);
	(void)close_fd(channel);
}

static int take_begin(struct child_entry *c, const void *p, size_t len)
{
	static struct rdp_begin b;
	int r;

	if (len < offsetof(struct rdp_begin, public_key) || len > sizeof b || c->begun)
		return -EPROTO;
	memcpy(&b, p, len);
	if (b.public_key_len != len - offsetof(struct rdp_begin, public_key))
		return -EPROTO;
	c->begun = true;
	r = acceptor_client_begin(c->l->acceptor, c->l->settings->service, &b, c->rhost, c->rport, on_channel, c,
				  &c->call);
	if (r < 0)
		send_answer(c, RDP_CHANNEL, r, "no connection to the system bus", -1);
	return 0;
}

static void give_xrdp(struct child_entry *c)
{
	AUTO_CLOSE int fd = sockets_connect_unix(c->l->settings->xrdp_socket);
	char detail[96] = "";

	c->wants_xrdp = false;
	if (fd < 0) {
		(void)snprintf(detail, sizeof detail, "no connection to xrdp at xrdp_socket: %s", strerror(-fd));
	} else {
		c->unredeemed = true;
		c->l->n_unredeemed++;
	}
	send_answer(c, RDP_XRDP, fd < 0 ? fd : 0, detail, fd);
}

/* First come, first served: sesman logs on one user at a time, and a ticket does not wait for ever. */
static void serve_xrdp_queue(struct listener *l)
{
	while (l->n_unredeemed < RDP_UNREDEEMED_MAX) {
		struct child_entry *first = NULL;

		for (struct child_entry *c = l->children; c; c = c->next)
			if (c->wants_xrdp && (!first || c->asked < first->asked))
				first = c;
		if (!first)
			break;
		give_xrdp(first);
	}
}

static int take_record(struct child_entry *c, const uint8_t *p, size_t len)
{
	switch (p[0]) {
	case RDP_ASK_BEGIN:
		return take_begin(c, p, len);
	case RDP_ASK_XRDP:
		if (len != 1 || c->wants_xrdp || c->unredeemed)
			return -EPROTO;
		c->wants_xrdp = true;
		c->asked = ++c->l->last_ask;
		serve_xrdp_queue(c->l);
		return 0;
	case RDP_LOGGED_ON:
		release_place(c);
		return len == 1 ? 0 : -EPROTO;
	default:
		return -EPROTO;
	}
}

static int on_child_record(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	static _Alignas(8) uint8_t packet[sizeof(struct rdp_begin)];
	struct child_entry *c = userdata;
	ssize_t n = packet_recv(fd, packet, sizeof packet, NULL, 0);

	(void)revents;
	if (n == -EAGAIN)
		return 0;
	if (n > 0 && take_record(c, packet, (size_t)n) == 0)
		return 0;
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	if (n != 0 && n != -ECONNRESET)
		(void)syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0);
	return 0;
}

static unsigned children_of(const struct listener *l, const char *rhost)
{
	unsigned n = 0;

	for (const struct child_entry *c = l->children; c; c = c->next)
		n += strcmp(c->rhost, rhost) == 0;
	return n;
}

/* In the child: only its own two sockets and the standard descriptors stay open. */
__attribute__((noreturn)) static void run_child(const struct waiting *w, int control, pid_t parent)
{
	struct child_task task = {
		.ctx = w->l->ctx,
		.net = 3,
		.control = 4,
		.protocols = w->protocols,
		.selected = w->selected,
		.request_flags = w->flags,
		.rport = w->rport,
		.service = w->l->settings->service,
	};
	sigset_t none;
	/* out of the way of 3 and 4 first */
	int net_up = fcntl(w->fd, F_DUPFD_CLOEXEC, 64), control_up = fcntl(control, F_DUPFD_CLOEXEC, 64);

	(void)prctl(PR_SET_NAME, "credsspd-rdp:c");
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	memcpy(task.rhost, w->rhost, sizeof task.rhost);
	if (getppid() != parent || net_up < 0 || control_up < 0 || dup2(net_up, 3) < 0 || dup2(control_up, 4) < 0 ||
	    close_range(5, ~0U, 0) < 0)
		_exit(1);
	log_use_stderr();
	_exit(child_run(&task));
}

static int watch_child(struct child_entry *c)
{
	int r = sd_event_add_io(c->l->event, &c->io, c->control, EPOLLIN, on_child_record, c);

	if (r >= 0)
		r = sd_event_add_child_pidfd(c->l->event, &c->exit, c->pidfd, WEXITED, on_child_ended, c);
	return r < 0 ? r : 0;
}

static int start_child(struct waiting *w)
{
	struct child_entry *c = calloc(1, sizeof *c);
	AUTO_CLOSE int theirs = -1;
	pid_t me = getpid();
	int pair[2], r;

	if (!c)
		return -ENOMEM;
	r = packet_pair(0, pair);
	if (r < 0) {
		free(c);
		return r;
	}
	theirs = pair[1];
	*c = (struct child_entry){
		.l = w->l, .next = w->l->children, .control = pair[0], .pidfd = -1, .rport = w->rport
	};
	memcpy(c->rhost, w->rhost, sizeof c->rhost);
	w->l->children = c;
	w->l->n_children++;
	c->pid = fcntl(c->control, F_SETFL, O_NONBLOCK) < 0 ? -1 : fork();
	if (c->pid == 0)
		run_child(w, theirs, me);
	c->pidfd = c->pid > 0 ? (int)syscall(SYS_pidfd_open, c->pid, 0) : -1;
	r = c->pidfd < 0 ? -errno : watch_child(c);
	if (r < 0) {
		if (c->pid > 0) {
			(void)kill(c->pid, SIGKILL);
			(void)waitpid(c->pid, NULL, 0);
		}
		child_free(c);
	}
	return r;
}

/* ---- before TLS ---- */

static void waiting_free(struct waiting *w)
{
	struct waiting **p = &w->l->waiting;

	while (*p && *p != w)
		p = &(*p)->next;
	if (*p) {
		*p = w->next;
		w->l->n_waiting--;
	}
	(void)sd_event_source_disable_unref(w->io);
	(void)sd_event_source_disable_unref(w->timer);
	(void)close_fd(w->fd);
	free(w);
}

static void drop(struct waiting *w, int level, const char *text)
{
	struct log_logon f = who(w->rhost, w->rport);

	if (text)
		log_logon_line(level, &f, "connection ended: %s", text);
	waiting_free(w);
}

static int on_waited(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct waiting *w = userdata;

	(void)source;
	(void)usec;
	drop(w, LOG_INFO, w->state == WAITING_TLS ? "no TLS handshake in time" : "no connection request in time");
	return 0;
}

static bool is_proxy(const struct listener *l, const char *rhost)
{
	for (char **p = l->settings->proxy_peers; *p; p++)
		if (strcmp(*p, rhost) == 0)
			return true;
	return false;
}

static unsigned waiting_of(const struct listener *l, const char *rhost)
{
	unsigned n = 0;

	for (const struct waiting *w = l->waiting; w; w = w->next)
		n += strcmp(w->rhost, rhost) == 0;
	return n;
}

/* Takes @len octets that were looked at from the socket. */
static int consume(int fd, size_t len)
{
	static uint8_t sink[PEEK_MAX];

	return len <= sizeof sink && recv(fd, sink, len, 0) == (ssize_t)len ? 0 : -EIO;
}

/* HYBRID_EX where it is wanted, HYBRID otherwise; 0 for clients without NLA. Never SSL: it would ask for the password
 * in xrdp. */
static uint32_t select_protocol(const struct settings *s, uint32_t requested)
{
	if (s->hybrid_ex && requested & X224_PROTOCOL_HYBRID_EX)
		return X224_PROTOCOL_HYBRID_EX;
	if (requested & X224_PROTOCOL_HYBRID)
		return X224_PROTOCOL_HYBRID;
	return requested & X224_PROTOCOL_HYBRID_EX && s->hybrid_ex ? X224_PROTOCOL_HYBRID_EX : 0;
}

static int confirm(struct waiting *w, const struct x224_request *q)
{
	uint8_t out[X224_CONFIRM_LEN];

	w->flags = q->flags;
	w->protocols = q->protocols;
	w->selected = q->negotiates ? select_protocol(w->l->settings, q->protocols) : 0;
	x224_confirm_write(out, w->selected, X224_RSP_EXTENDED_CLIENT_DATA,
			   w->selected ? 0 : X224_FAILURE_HYBRID_REQUIRED);
	if (send(w->fd, out, sizeof out, MSG_NOSIGNAL) != (ssize_t)sizeof out)
		return -ECONNRESET;
	return w->selected ? 0 : -EPROTONOSUPPORT;
}

/* The PROXY header at @p. Returns 1 when there is more to look at, 0 to wait, or -errno when the connection is gone. */
static int take_proxy(struct waiting *w, const uint8_t *p, size_t len)
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
	}
	w->state = WAITING_REQUEST;
	return 1;
}

static int take_request(struct waiting *w, const uint8_t *p, size_t len)
{
	const int one = 1;
	struct x224_request q;
	size_t total = 0;
	int r = x224_frame(p, len, &total);

	if (r == 0 || (r == 1 && total <= X224_REQUEST_MAX && len < total))
		return 0;
	if (r == 1)
		r = total > X224_REQUEST_MAX ? -EMSGSIZE : x224_request_read(p, total, &q);
	if (r < 0 || consume(w->fd, total) < 0) {
		drop(w, LOG_INFO, "no RDP connection request");
		return -EPROTO;
	}
	r = confirm(w, &q);
	if (r < 0) {
		drop(w, LOG_INFO, r == -EPROTONOSUPPORT ? "refused: the client does not offer NLA" : NULL);
		return r;
	}
	w->state = WAITING_TLS;
	(void)setsockopt(w->fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one);
	(void)sd_event_source_set_time_relative(w->timer, RDP_PRE_TLS_TIMEOUT_SEC * USEC_PER_SEC_);
	return 1;
}

static int take_tls(struct waiting *w)
{
	int r;

	if (children_of(w->l, w->rhost) >= RDP_CHILDREN_PER_ADDRESS_MAX) {
		drop(w, LOG_WARNING, "refused: too many connections from this address");
		return -EBUSY;
	}
	r = start_child(w);
	drop(w, LOG_ERR, r < 0 ? strerror(-r) : NULL);
	return -ECANCELED;
}

static int on_waiting(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	static uint8_t peek[PEEK_MAX]; /* too large for the stack */
	struct waiting *w = userdata;
	int r = 1;

	(void)source;
	(void)revents;
	while (r == 1) {
		ssize_t n = recv(fd, peek, sizeof peek, MSG_PEEK | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0) { /* a probe, a health check, a user who thought better of it */
			drop(w, LOG_DEBUG, NULL);
			return 0;
		}
		if (w->state == WAITING_PROXY)
			r = take_proxy(w, peek, (size_t)n);
		else if (w->state == WAITING_REQUEST)
			r = take_request(w, peek, (size_t)n);
		else
			r = take_tls(w);
	}
	/* an incomplete header stays in the socket, which would wake us again and again: wait for more than is there */
	if (r == 0) {
		int have = 0;

		have = (int)recv(fd, peek, sizeof peek, MSG_PEEK | MSG_DONTWAIT);
		have = have < (int)sizeof peek ? have + 1 : have;
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &have, sizeof have);
	}
	return 0;
}

static int watch_waiting(struct waiting *w)
{
	struct listener *l = w->l;
	int r = sd_event_add_io(l->event, &w->io, w->fd, EPOLLIN, on_waiting, w);

	if (r >= 0)
		r = sd_event_add_time_relative(l->event, &w->timer, CLOCK_BOOTTIME,
					       RDP_X224_TIMEOUT_SEC * USEC_PER_SEC_, 1000000, on_waited, w);
	return r < 0 ? r : 0;
}

static void take_connection(struct listener *l, int fd)
{
	const int on = 1;
	struct waiting *w = calloc(1, sizeof *w);
	struct log_logon f;
	bool proxy;

	if (!w) {
		(void)close(fd);
		return;
	}
	*w = (struct waiting){ .l = l, .next = l->waiting, .fd = fd };
	l->waiting = w;
	l->n_waiting++;
	sockets_peer(fd, w->rhost, &w->rport);
	f = who(w->rhost, w->rport);
	proxy = is_proxy(l, w->rhost);
	w->state = proxy ? WAITING_PROXY : WAITING_REQUEST;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	if (l->n_waiting + l->n_children > l->settings->max_connections || l->n_waiting > RDP_PRE_TLS_MAX)
		log_logon_line(LOG_WARNING, &f, "refused: %u connections are open", l->n_waiting + l->n_children - 1);
	else if (!proxy && waiting_of(l, w->rhost) > RDP_PRE_TLS_PER_ADDRESS_MAX)
		log_logon_line(LOG_WARNING, &f, "refused: too many connections from this address");
	else if (watch_waiting(w) == 0)
		return;
	waiting_free(w);
}

static void set_accepting(struct listener *l, int enabled)
{
	for (int i = 0; i < l->n_fds; i++)
		(void)sd_event_source_set_enabled(l->io[i], enabled);
}

static int on_pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	set_accepting(userdata, SD_EVENT_ON);
	return 0;
}

/* No descriptors left: accept() would fail again at once, for ever. */
static void pause_accepting(struct listener *l, int error)
{
	log_line(LOG_ERR, "no connection can be accepted: %s; trying again in a second", strerror(error));
	set_accepting(l, SD_EVENT_OFF);
	(void)sd_event_source_disable_unref(l->pause);
	l->pause = NULL;
	if (sd_event_add_time_relative(l->event, &l->pause, CLOCK_BOOTTIME, USEC_PER_SEC_, 1000, on_pause_over, l) < 0)
		set_accepting(l, SD_EVENT_ON);
}

static int on_accept(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct listener *l = userdata;

	(void)source;
	(void)revents;
	for (int i = 0; i < 64; i++) {
		int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (c >= 0) {
			take_connection(l, c);
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

int listener_new(sd_event *event, const struct settings *settings, SSL_CTX *ctx, struct listener **ret_listener)
{
	AUTO_FREE char *error = NULL;
	struct listener *l = calloc(1, sizeof *l);
	int r;

	if (!l)
		return -ENOMEM;
	*l = (struct listener){ .event = event };
	listener_configure(l, settings, ctx);
	r = acceptor_client_new(event, &l->acceptor);
	if (r < 0) {
		log_line(LOG_ERR, "D-Bus: no connection to the system bus: %s", strerror(-r));
		free(l);
		return r;
	}
	l->n_fds = sockets_listen(settings->listen, l->fds, &error);
	if (l->n_fds < 0) {
		r = l->n_fds;
		l->n_fds = 0;
		log_line(LOG_ERR, "%s", error ? error : strerror(-r));
	}
	for (int i = 0; i < l->n_fds && r >= 0; i++)
		r = sd_event_add_io(event, &l->io[i], l->fds[i], EPOLLIN, on_accept, l);
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
}

void listener_free(struct listener *l, int keep_sessions)
{
	for (int i = 0; i < l->n_fds; i++) {
		(void)sd_event_source_disable_unref(l->io[i]);
		(void)close_fd(l->fds[i]);
	}
	(void)sd_event_source_disable_unref(l->pause);
	while (l->waiting)
		waiting_free(l->waiting);
	while (l->children) {
		struct child_entry *c = l->children;

		if (!keep_sessions)
			(void)syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0);
		c->wants_xrdp = false;
		child_free(c);
	}
	acceptor_client_free(l->acceptor);
	free(l);
}
