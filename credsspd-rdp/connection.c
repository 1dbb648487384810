/* SPDX-License-Identifier: MIT */
/*
 * The stages of a connection: TLS, the relay of TSRequests, the connection sequence with xrdp, the copy loop. The
 * process cannot open or connect anything: the listener gives it the descriptors. It sees the traffic of one client and
 * one ticket. The delegated credentials pass through it encrypted.
 */
#include "credsspd-rdp/connection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/base/heap.h"
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
	/* the user name is kept for the log */
	secret_wipe(&c->done, offsetof(struct channel_done, user));
	release_pages(&c->scratch, sizeof c->scratch);
	return stream_copy(&c->client, &c->xrdp);
}

static int connection_run_phases(struct connection *c)
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
		return "credsspd, the listener or xrdp closed its end";
	case -EPROTO:
		return "broke the protocol";
	default:
		return strerror(-r);
	}
}

/* Returns the log level: clients that leave are not errors, because users cancel prompts, and mstsc opens connections
 * only to see the certificate. */
static int level_of(const struct connection *c, int r)
{
	if (r == -ECONNRESET && !c->done.user[0])
		return LOG_DEBUG;
	return r == 0 || r == -ECONNRESET || (r == -ETIMEDOUT && !c->in_credssp) ? LOG_INFO : LOG_WARNING;
}

static void connection_report_end(struct connection *c, int r)
{
	char text[160];

	/* the refusal has been logged */
	if (r == -ECANCELED)
		return;
	(void)snprintf(text, sizeof text, "%s: %s", c->phase, r == 0 ? "ended" : reason_of(r));
	connection_log(c, level_of(c, r), "connection ended", text);
}

/* Credentials are between @start and @end only: most pages of the buffers were never written to. */
static void connection_wipe(struct connection *c)
{
	stream_wipe(&c->client);
	stream_wipe(&c->xrdp);
	secret_wipe(&c->done, sizeof c->done);
}

SSL *connection_tls_new(SSL_CTX *ctx, int fd)
{
	SSL *ssl = SSL_new(ctx);

	if (ssl && SSL_set_fd(ssl, fd) == 1 && SSL_alloc_buffers(ssl) == 1)
		return ssl;
	SSL_free(ssl);
	return NULL;
}

int connection_run(const struct connection_task *task)
{
	static struct connection c; /* holds the input buffers */
	int r;

	c.task = task;
	c.channel = -1;
	c.began = clock_msec();
	c.client.fd = task->net;
	c.xrdp.fd = -1;
	c.phase = "start";
	c.client.ssl = task->ssl ? task->ssl : connection_tls_new(task->ctx, task->net);
	if (!c.client.ssl)
		return 1;
	r = connection_confine(task->filter, task->mapped);
	if (r < 0) {
		log_line(LOG_ERR, "the process of a connection cannot enter its sandbox: %s", strerror(-r));
		return 1;
	}
	r = connection_run_phases(&c);
	connection_report_end(&c, r);
	if (r != -EPROTO)
		(void)SSL_shutdown(c.client.ssl);
	(void)shutdown(task->net, SHUT_WR);
	connection_wipe(&c);
	return 0;
}
