/* SPDX-License-Identifier: MIT */
/* The relay reads the frame of a TSRequest only; the contents are between credsspd and the client. */
#include "credsspd-rdp/credssp-relay.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <syslog.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/ipc/connection-msg.h"
#include "common/ipc/packet.h"
#include "credsspd-rdp/connection-io.h"
#include "credsspd-rdp/connection-private.h"
#include "credsspd-rdp/tls.h"
#include "credsspd-rdp/x224.h"

static int relay_begin(struct connection *c)
{
	struct rdp_begin *b = &c->scratch.begin;
	size_t len;
	int r;

	memset(b, 0, offsetof(struct rdp_begin, public_key));
	b->type = RDP_ASK_BEGIN;
	b->early_authorization = c->task->selected == X224_PROTOCOL_HYBRID_EX;
	b->restricted_admin = (c->task->request_flags & X224_FLAG_RESTRICTED_ADMIN) != 0;
	b->remote_guard = (c->task->request_flags & X224_FLAG_REDIRECTED_AUTH) != 0;
	r = tls_public_key(c->client.ssl, b->public_key, sizeof b->public_key, &len);
	if (r < 0)
		return r;
	b->public_key_len = (uint32_t)len;
	return connection_ask(c, b, offsetof(struct rdp_begin, public_key), b->public_key, len, RDP_CHANNEL,
			      in_sec(RDP_BEGIN_TIMEOUT_SEC), &c->channel);
}

static int take_done(struct connection *c, const uint8_t *packet, size_t len)
{
	struct channel_done *d = &c->done;

	if (len != sizeof *d)
		return -EPROTO;
	memcpy(d, packet, sizeof *d);
	if (!packet_text_ends(d->ticket, sizeof d->ticket) || !packet_text_ends(d->user, sizeof d->user) ||
	    !d->user[0] || strlen(d->ticket) != TICKET_LEN)
		return -EPROTO;
	return 0;
}

/* Sends the early result to a HYBRID_EX client. OpenSSL cannot send a chosen TLS alert after the handshake. */
static int take_failed(struct connection *c, const uint8_t *packet, size_t len)
{
	struct channel_failed f;
	uint8_t early[4] = { 0 };

	if (len != sizeof f)
		return -EPROTO;
	memcpy(&f, packet, sizeof f);
	if (!packet_text_ends(f.reason, sizeof f.reason))
		return -EPROTO;
	memcpy(c->reason, f.reason, sizeof c->reason);
	if (f.early_result != CHANNEL_EARLY_NONE && c->task->selected == X224_PROTOCOL_HYBRID_EX) {
		early[0] = f.early_result;
		(void)stream_write(&c->client, early, sizeof early, in_sec(1));
	}
	connection_log(c, LOG_INFO, "credsspd refused the logon", "");
	return -ECANCELED;
}

/* Handles one message of credsspd. Returns 1 when the logon is granted, 0 to continue, or -errno. */
static int take_channel(struct connection *c, const uint8_t *packet, size_t len, int64_t deadline)
{
	int r;

	switch (packet[0]) {
	case CHANNEL_REPLY:
		return stream_write(&c->client, packet + 1, len - 1, deadline);
	case CHANNEL_DONE:
		r = take_done(c, packet, len);
		return r < 0 ? r : 1;
	case CHANNEL_FAILED:
		return take_failed(c, packet, len);
	default:
		return -EPROTO;
	}
}

/* Passes a TSRequest of the client to credsspd. */
static int pass_tsrequest(struct connection *c, int64_t deadline)
{
	const uint8_t type = CHANNEL_TSREQUEST, *p;
	size_t len;
	int r;

	r = stream_tsrequest(&c->client, deadline, &p, &len);
	if (r == 0)
		r = packet_send2(c->channel, &type, 1, p, len, NULL, 0);
	if (r == 0)
		stream_consume(&c->client, len);
	return r;
}

/* Returns 1 when the next byte of the client begins a TSRequest, 0 when it does not, or -errno. */
static int at_tsrequest(struct connection *c, int64_t deadline)
{
	int r = stream_need(&c->client, 1, deadline);

	return r < 0 ? r : c->client.buffer[c->client.start] == 0x30;
}

/* CHANNEL_DONE stays in the queue, for the listener (RDP_ASK_XRDP). */
static ssize_t read_channel(int fd, uint8_t *packet, size_t size)
{
	ssize_t n = packet_peek(fd, packet, size);

	return n > 0 && packet[0] != CHANNEL_DONE ? packet_recv(fd, packet, size, NULL, 0) : n;
}

/*
 * Relays until credsspd ends the handshake. Both sides are watched at all times, because some clients send pubKeyAuth
 * before the reply. After its last TSRequest a client continues with MCS at once; that stays in the buffer.
 */
static int relay_tsrequests(struct connection *c, int64_t deadline)
{
	uint8_t *packet = c->scratch.packet;
	bool client_done = false;
	int r = pass_tsrequest(c, deadline);

	while (r == 0) {
		struct pollfd p[2] = { { .fd = c->channel, .events = POLLIN },
				       { .fd = c->task->net, .events = POLLRDHUP } };
		bool ahead = !client_done && connection_has_input(&c->client);
		int64_t left = deadline - clock_msec();
		ssize_t n;

		if (!client_done)
			p[1].events |= POLLIN;
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(p, 2, ahead ? 0 : (int)left) < 0 && errno != EINTR)
			return -errno;
		if (p[0].revents) {
			n = read_channel(c->channel, packet, sizeof c->scratch.packet);
			r = n <= 0 ? (n == 0 ? -EPIPE : (int)n) : take_channel(c, packet, (size_t)n, deadline);
			secret_wipe(packet, sizeof(struct channel_done)); /* it may contain the ticket */
		} else if (ahead || p[1].revents & POLLIN) {
			r = at_tsrequest(c, deadline);
			client_done = r == 0;
			r = r == 1 ? pass_tsrequest(c, deadline) : r;
			if (r == -EAGAIN) /* credsspd sent a message before the rest of the TSRequest came */
				r = 0;
		} else if (p[1].revents) {
			return -ECONNRESET;
		}
	}
	c->channel = close_fd(c->channel);
	return r == 1 ? 0 : r;
}

int credssp_relay_run(struct connection *c)
{
	static const uint8_t success[4] = { 0 };
	int64_t deadline;
	const uint8_t *p;
	size_t len;
	int r;

	/* Begin comes after the first TSRequest, because the user may be answering prompts before it */
	c->phase = "CredSSP";
	r = stream_tsrequest(&c->client, in_sec(RDP_PROMPT_TIMEOUT_SEC), &p, &len);
	if (r == 0)
		r = relay_begin(c);
	deadline = in_sec(RDP_NLA_TIMEOUT_SEC);
	if (r == 0) {
		c->in_credssp = true;
		c->client.watch = c->channel;
		r = relay_tsrequests(c, deadline);
		c->client.watch = 0;
	}
	if (r == 0 && c->task->selected == X224_PROTOCOL_HYBRID_EX)
		r = stream_write(&c->client, success, sizeof success, deadline);
	return r;
}
