/* SPDX-License-Identifier: MIT */
/* Packets of credsspd to the front end: include/credssp/channel.h. */
/* what stands in the place of the TLS connection and of the log */
#define stream_write channel_stream_write
#define connection_log channel_say
#include "credsspd-rdp/credssp-relay.c"
#undef stream_write
#undef connection_log
#include "tests/fuzz/fuzz.h"

static size_t channel_written; /* to the client */

int channel_stream_write(const struct stream *s, const void *p, size_t len, int64_t deadline)
{
	PROMISE(p && len <= TSREQUEST_MAX);
	channel_written = len;
	return 0;
}

void channel_say(const struct connection *c, int level, const char *text, const char *detail)
{
	PROMISE(text && detail && memchr(c->reason, '\0', sizeof c->reason));
}

static void channel_front_end(const uint8_t *packet, size_t len)
{
	static struct connection c;
	const struct connection_task task = { .selected = len % 2 ? X224_PROTOCOL_HYBRID_EX : X224_PROTOCOL_HYBRID };
	int r;

	memset(&c.done, 0, sizeof c.done);
	memset(c.reason, 0, sizeof c.reason);
	c.task = &task;
	channel_written = 0;
	r = take_channel(&c, packet, len, 0);
	PROMISE(r == 0 || r == 1 || r == -EPROTO || r == -ECANCELED);
	PROMISE((r == 1) <= (packet[0] == CHANNEL_DONE && len == sizeof c.done));
	if (r == 1) {
		PROMISE(strnlen(c.done.ticket, sizeof c.done.ticket) == TICKET_LEN);
		PROMISE(*c.done.user && memchr(c.done.user, '\0', sizeof c.done.user));
	}
	if (r == 0)
		PROMISE(packet[0] == CHANNEL_REPLY && channel_written == len - 1);
	/* an early result goes only to clients that have negotiated it */
	if (r == -ECANCELED)
		PROMISE(channel_written == 0 || (channel_written == 4 && len % 2));
	if (r == -EPROTO)
		PROMISE(channel_written == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* packet_recv() fills no more, and an empty packet is the end */
	if (size && size <= CHANNEL_PACKET_MAX)
		channel_front_end(data, size);
	return 0;
}
