/* SPDX-License-Identifier: MIT */
/*
 * xrdp takes every Client Info PDU until the licence exchange for a logon. What a client may send until then is a list
 * (mcs.c), and the one Client Info in it is written anew. The client ends the exchange with xrdp 0.9, xrdp itself with
 * 0.10.
 */
#include "credsspd-rdp/rdp-sequence.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <syslog.h>

#include "common/base/secret.h"
#include "common/ipc/connection-msg.h"
#include "credsspd-rdp/clientinfo.h"
#include "credsspd-rdp/connection-io.h"
#include "credsspd-rdp/connection-private.h"
#include "credsspd-rdp/mcs.h"
#include "credsspd-rdp/x224.h"

#define MASKED_PROTOCOLS 0x0bU /* what xrdp takes in a connection request */

/* Asked only when the client has gone on: who does not takes nobody's place. */
static int ask_xrdp(struct connection *c)
{
	struct rdp_ask_xrdp ask = { .type = RDP_ASK_XRDP };
	uint8_t *p;
	size_t len;
	int r;

	c->phase = "waiting for the client's first MCS PDU";
	r = stream_tpkt(&c->client, in_sec(RDP_FIRST_MCS_TIMEOUT_SEC), &p, &len);
	if (r < 0)
		return r;
	c->phase = "waiting for a place with xrdp";
	memcpy(ask.user, c->done.user, sizeof ask.user);
	/* the listener answers when the ticket has expired, at the latest */
	return connection_ask(c, &ask, sizeof ask, NULL, 0, RDP_XRDP, in_sec(2 * TICKET_LIFETIME_SEC), &c->xrdp.fd);
}

static int connect_xrdp(struct connection *c, int64_t deadline)
{
	uint8_t request[X224_CONFIRM_LEN], *p;
	size_t len;
	int r;

	c->phase = "connecting to xrdp";
	x224_request_write(request, c->task->protocols & MASKED_PROTOCOLS);
	r = stream_write(&c->xrdp, request, sizeof request, deadline);
	if (r == 0)
		r = stream_tpkt(&c->xrdp, deadline, &p, &len);
	if (r == 0 && !x224_is_confirm(p, len))
		r = -EPROTO;
	if (r == 0)
		stream_consume(&c->xrdp, len);
	return r;
}

static int pass_client_info(struct connection *c, uint8_t *p, size_t len, int64_t deadline)
{
	static uint8_t out[CLIENT_INFO_OUT_MAX]; /* too large for the stack */
	size_t n;
	int r = client_info_rewrite(p, len, c->done.user, c->done.ticket, out, &n);

	secret_wipe(c->done.ticket, sizeof c->done.ticket);
	if (r == 0)
		r = stream_write(&c->xrdp, out, n, deadline);
	secret_wipe(out, sizeof out);
	return r;
}

/* One PDU of the client, if the list allows it. Returns 1 when it was the last one that is looked at. */
static int pass_client_pdu(struct connection *c, int64_t deadline)
{
	enum mcs_kind kind;
	uint8_t *p;
	size_t len;
	int r;

	r = stream_tpkt(&c->client, deadline, &p, &len);
	if (r < 0)
		return r;
	kind = mcs_kind(p, len);
	if (mcs_allow(&c->mcs, kind) < 0) {
		connection_log(c, LOG_WARNING, "refused", "the client sent a PDU that may not come before the licence");
		return -ECANCELED;
	}
	r = kind == MCS_CLIENT_INFO ? pass_client_info(c, p, len, deadline) : stream_write(&c->xrdp, p, len, deadline);
	stream_consume(&c->client, len);
	return r < 0 ? r : c->mcs == MCS_LOGGED_ON;
}

/* One PDU of xrdp. Returns 1 when it ended the licence exchange: from here on xrdp parses no Client Info. */
static int pass_server_pdu(struct connection *c, int64_t deadline)
{
	uint8_t *p;
	size_t len;
	int r = stream_tpkt(&c->xrdp, deadline, &p, &len);

	if (r < 0)
		return r;
	if (c->mcs == MCS_EXPECT_ERECT && c->task->protocols != (c->task->protocols & MASKED_PROTOCOLS))
		(void)mcs_patch_protocols(p, len, c->task->protocols);
	if (c->mcs == MCS_EXPECT_LICENCE && mcs_ends_licensing(p, len))
		c->mcs = MCS_LOGGED_ON;
	r = stream_write(&c->client, p, len, deadline);
	stream_consume(&c->xrdp, len);
	return r < 0 ? r : c->mcs == MCS_LOGGED_ON;
}

int rdp_sequence_run(struct connection *c)
{
	int r = ask_xrdp(c);
	int64_t deadline = in_sec(RDP_SEQUENCE_TIMEOUT_SEC);

	if (r == 0)
		r = connect_xrdp(c, deadline);
	c->phase = r == 0 ? "RDP connection sequence" : c->phase;
	while (r == 0) {
		struct pollfd p[2] = { { .fd = c->client.fd, .events = POLLIN },
				       { .fd = c->xrdp.fd, .events = POLLIN } };
		bool client = connection_has_input(&c->client), server = connection_has_input(&c->xrdp);
		int64_t left = deadline - stream_now();

		if (left <= 0)
			return -ETIMEDOUT;
		if (!client && !server && poll(p, 2, (int)left) < 0 && errno != EINTR)
			return -errno;
		if (server || p[1].revents)
			r = pass_server_pdu(c, deadline);
		if (r == 0 && (client || p[0].revents))
			r = pass_client_pdu(c, deadline);
	}
	return r == 1 ? 0 : r;
}
