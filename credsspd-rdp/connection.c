/* SPDX-License-Identifier: MIT */
/*
 * TLS, the relay of TSRequests, xrdp's connection sequence, the copy loop. The child opens nothing and connects to
 * nothing: what it needs the listener hands over. It sees one client's traffic and one ticket; the delegated
 * credentials pass it encrypted.
 */
#include "credsspd-rdp/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/ipc/connection-msg.h"
#include "common/ipc/packet.h"
#include "credsspd-rdp/connection-private.h"
#include "credsspd-rdp/connection-sandbox.h"
#include "credsspd-rdp/credssp-relay.h"
#include "credsspd-rdp/rdp-sequence.h"

void child_say(const struct child *c, int level, const char *text, const char *detail)
{
	struct log_logon who = {
		.rhost = c->task->rhost,
		.rport = c->task->rport,
		.service = c->task->service,
		.user = c->done.user,
		.reason = c->reason,
	};

	log_logon_line(level, &who, "%s%s%s (%lld ms)", text, detail && *detail ? ": " : "", detail ? detail : "",
		       (long long)(stream_now() - c->began));
}

/* ---- the listener ---- */

bool child_has_input(const struct stream *s)
{
	return s->end > s->start || (s->ssl && SSL_pending(s->ssl) > 0);
}

int child_ask(struct child *c, const void *request, size_t len, const void *tail, size_t tail_len, uint8_t answer_type,
	      int64_t deadline, int *ret_fd)
{
	struct rdp_answer a;
	AUTO_CLOSE int fd = -1;
	int r = packet_send2(c->task->control, request, len, tail, tail_len, NULL, 0);

	while (r == 0) {
		/* the client may leave while we wait */
		struct pollfd p[2] = { { .fd = c->task->control, .events = POLLIN },
				       { .fd = c->task->net, .events = POLLRDHUP } };
		int64_t left = deadline - stream_now();
		int n = left > 0 ? poll(p, 2, (int)left) : 0;

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -ETIMEDOUT;
		if (n > 0 && p[0].revents)
			break;
		if (n > 0 && p[1].revents)
			return -ECONNRESET;
	}
	if (r < 0 || packet_recv(c->task->control, &a, sizeof a, &fd, 1) != (ssize_t)sizeof a || a.type != answer_type)
		return r < 0 ? r : -EPIPE;
	if (a.error < 0 || fd < 0) {
		a.detail[sizeof a.detail - 1] = '\0';
		child_say(c, LOG_WARNING, "connection ended", a.detail);
		return -ECANCELED;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* ---- the whole ---- */

static int session(struct child *c)
{
	c->phase = "session";
	child_say(c, LOG_INFO, "logged on, session begins", "");
	/* nothing of the logon is needed any more */
	secret_wipe(&c->done, offsetof(struct channel_done, user));
	return stream_copy(&c->client, &c->xrdp);
}

static int run(struct child *c)
{
	int r;

	c->phase = "TLS handshake";
	r = stream_accept(c->client.ssl, c->client.fd, in_sec(RDP_TLS_TIMEOUT_SEC));
	if (r == 0)
		r = nla_run(c);
	if (r == 0)
		r = sequence_run(c);
	if (r == 0)
		r = session(c);
	return r;
}

static const char *reason_of(int r)
{
	switch (r) {
	case -ETIMEDOUT:
		return "timed out";
	case -ECONNRESET:
		return "closed by a peer";
	case -EPIPE:
		return "credsspd, the listener or xrdp went away";
	case -EPROTO:
		return "broke the protocol";
	default:
		return strerror(-r);
	}
}

static void report(struct child *c, int r)
{
	char text[160];

	/* whoever refused has said why */
	if (r == -ECANCELED)
		return;
	(void)snprintf(text, sizeof text, "%s: %s", c->phase, r == 0 ? "ended" : reason_of(r));
	/* mstsc opens connections that it leaves during CredSSP: that is ordinary */
	child_say(c,
		  r == -ECONNRESET && !c->done.user[0] ? LOG_DEBUG
		  : r == 0 || r == -ECONNRESET         ? LOG_INFO
						       : LOG_WARNING,
		  "connection ended", text);
}

int child_run(const struct child_task *task)
{
	static struct child c; /* holds the input buffers */
	int r;

	c.task = task;
	c.channel = -1;
	c.began = stream_now();
	c.client.fd = task->net;
	c.xrdp.fd = -1;
	c.phase = "start";
	c.client.ssl = SSL_new(task->ctx);
	if (!c.client.ssl || SSL_set_fd(c.client.ssl, task->net) != 1)
		return 1;
	r = child_confine(task->filter);
	if (r < 0) {
		log_line(LOG_ERR, "a connection process cannot be confined: %s", strerror(-r));
		return 1;
	}
	r = run(&c);
	report(&c, r);
	if (r != -EPROTO)
		(void)SSL_shutdown(c.client.ssl);
	(void)shutdown(task->net, SHUT_WR);
	secret_wipe(&c, sizeof c);
	return 0;
}
