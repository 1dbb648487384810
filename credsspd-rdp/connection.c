/* SPDX-License-Identifier: MIT */
/*
 * TLS, the relay of TSRequests, xrdp's connection sequence, the copy loop. The child opens nothing and connects to
 * nothing: what it needs the listener hands over. It sees one client's traffic and one ticket; the delegated
 * credentials pass it encrypted.
 */
#include "credsspd-rdp/connection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/log.h"
#include "common/base/secret.h"
#include "credsspd-rdp/connection-io.h"
#include "credsspd-rdp/connection-private.h"
#include "credsspd-rdp/connection-sandbox.h"
#include "credsspd-rdp/credssp-relay.h"
#include "credsspd-rdp/rdp-sequence.h"

static int run_session(struct connection *c)
{
	c->phase = "session";
	connection_log(c, LOG_INFO, "logged on, session begins", "");
	/* nothing of the logon is needed any more */
	secret_wipe(&c->done, offsetof(struct channel_done, user));
	return stream_copy(&c->client, &c->xrdp);
}

static int run(struct connection *c)
{
	int r;

	c->phase = "TLS handshake";
	r = stream_accept(c->client.ssl, c->client.fd, in_sec(RDP_TLS_TIMEOUT_SEC));
	if (r == 0)
		r = credssp_relay_run(c);
	if (r == 0)
		r = rdp_sequence_run(c);
	if (r == 0)
		r = run_session(c);
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

static void report(struct connection *c, int r)
{
	char text[160];

	/* whoever refused has said why */
	if (r == -ECANCELED)
		return;
	(void)snprintf(text, sizeof text, "%s: %s", c->phase, r == 0 ? "ended" : reason_of(r));
	/* mstsc opens connections that it leaves during CredSSP: that is ordinary */
	connection_log(c,
		       r == -ECONNRESET && !c->done.user[0] ? LOG_DEBUG
		       : r == 0 || r == -ECONNRESET         ? LOG_INFO
							    : LOG_WARNING,
		       "connection ended", text);
}

int connection_run(const struct connection_task *task)
{
	static struct connection c; /* holds the input buffers */
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
	r = connection_confine(task->filter);
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
