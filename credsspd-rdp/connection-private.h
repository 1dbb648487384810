/* SPDX-License-Identifier: MIT */
/* What the parts of a connection's process share: connection.c, connection-sandbox.c, credssp-relay.c, rdp-sequence.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "credsspd-rdp/connection.h"
#include "credsspd-rdp/mcs.h"
#include "credsspd-rdp/stream.h"
#include "include/credssp/channel.h"

#define MSEC_PER_SEC_ 1000LL

struct child {
	const struct child_task *task;
	struct stream client, xrdp;
	int channel;
	struct channel_done done;
	enum mcs_state mcs;
	int64_t began;
	const char *phase;             /* for the log */
	char reason[CHANNEL_WORD_MAX]; /* of credsspd */
};

static inline int64_t in_sec(unsigned sec)
{
	return stream_now() + sec * MSEC_PER_SEC_;
}

/* One line of the log about this connection. */
void child_say(const struct child *c, int level, const char *text, const char *detail);

/* Octets that poll() does not know of. */
bool child_has_input(const struct stream *s);

/*
 * Asks the listener with a record of two parts, for a descriptor. Returns 0 and it, -ECANCELED when the listener had
 * none and that has been logged, -ECONNRESET when the client left meanwhile, or another -errno.
 */
int child_ask(struct child *c, const void *request, size_t len, const void *tail, size_t tail_len, uint8_t answer_type,
	      int64_t deadline, int *ret_fd);
