/* SPDX-License-Identifier: MIT */
/*
 * xrdp treats every Client Info PDU before the end of the licence exchange as a logon. So until then the client may
 * send only the PDUs of a list (mcs.c), and its one Client Info is written again from the parsed fields. With xrdp 0.9
 * the client ends the licence exchange, with 0.10 xrdp does.
 */
#include "credsspd-rdp/rdp-sequence.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/ipc/connection-msg.h"
#include "common/wire/utf16.h"
#include "credsspd-rdp/clientinfo.h"
#include "credsspd-rdp/connection-io.h"
#include "credsspd-rdp/connection-private.h"
#include "credsspd-rdp/mcs.h"
#include "credsspd-rdp/x224.h"

#define MASKED_PROTOCOLS 0x0bU /* the protocols that xrdp accepts in a connection request */

/*
 * Answers the connection request that a client of the direct approach sends after CredSSP. Some clients leave it out
 * and begin MCS.
 */
static int take_direct_request(struct connection *c, int64_t deadline)
{
	uint8_t confirm[X224_CONFIRM_LEN], *p;
	struct x224_request q;
	size_t len;
	int r;

	c->phase = "connection request after CredSSP";
	r = stream_tpkt(&c->client, deadline, &p, &len);
	if (r < 0 || !x224_is_request(p, len))
		return r;
	r = x224_request_read(p, len, &q);
	stream_consume(&c->client, len);
	if (r < 0)
		return r;
	len = X224_CONFIRM_LEN;
	if (q.negotiates)
		x224_confirm_write(confirm, c->task->selected, 0, 0);
	else
		len = x224_plain_confirm_write(confirm);
	return stream_write(&c->client, confirm, len, deadline);
}

/* Asks the listener for xrdp, after the client has begun MCS: it needs no slot before that. */
static int ask_xrdp(struct connection *c)
{
	const struct rdp_ask_xrdp ask = { .type = RDP_ASK_XRDP };
	int64_t deadline = in_sec(RDP_FIRST_MCS_TIMEOUT_SEC);
	uint8_t *p;
	size_t len;
	int r = c->task->direct ? take_direct_request(c, deadline) : 0;

	if (r < 0)
		return r;
	c->phase = "waiting for the client's first MCS PDU";
	r = stream_tpkt(&c->client, deadline, &p, &len);
	if (r < 0)
		return r;
	c->phase = "waiting for a slot with xrdp";
	/* the listener answers when the ticket expires, at the latest */
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

static bool is_too_long_for_xrdp(const char *user)
{
	uint8_t out[CLIENT_INFO_STRING_MAX];
	size_t len = 0;

	return utf8_to_utf16le((struct view){ (const uint8_t *)user, strlen(user) }, out, sizeof out, &len) < 0 ||
	       len >= sizeof out;
}

/* Logs why xrdp could not read the Client Info. Returns -ECANCELED, or @r for another error. */
static int refuse_client_info(const struct connection *c, int r)
{
	const char *why;

	if (r == -ENAMETOOLONG)
		why = is_too_long_for_xrdp(c->done.user)
			  ? "the name of the account is longer than xrdp takes (255 UTF-16 units)"
			  : "a string of the client's Client Info (shell, directory) is longer than xrdp takes (255 "
			    "UTF-16 units)";
	else if (r == -EILSEQ)
		why = "a string of the client's Client Info is neither Unicode nor ASCII";
	else
		return r;
	connection_log(c, LOG_WARNING, "refused", why);
	return -ECANCELED;
}

static int pass_client_info(struct connection *c, uint8_t *p, size_t len, int64_t deadline)
{
	uint8_t *out = c->scratch.client_info;
	size_t n;
	int r = client_info_rewrite(p, len, c->done.user, c->done.ticket, out, &n);

	secret_wipe(c->done.ticket, sizeof c->done.ticket);
	if (r == 0)
		r = stream_write(&c->xrdp, out, n, deadline);
	else
		r = refuse_client_info(c, r);
	secret_wipe(out, sizeof c->scratch.client_info);
	return r;
}

/* Passes one PDU of the client, if the list allows it. Returns 1 when it was the last PDU to check, 0, or -errno. */
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

/*
 * Passes one PDU of xrdp. Returns 1 when it ended the licence exchange (from here on xrdp parses no Client Info), 0, or
 * -errno.
 */
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
		int64_t left = deadline - clock_msec();

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
