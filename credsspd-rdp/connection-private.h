/* SPDX-License-Identifier: MIT */
/* The state of a connection's process, for connection.c, connection-io.c, credssp-relay.c and rdp-sequence.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/clock.h"
#include "common/ipc/connection-msg.h"
#include "credsspd-rdp/clientinfo.h"
#include "credsspd-rdp/connection.h"
#include "credsspd-rdp/mcs.h"
#include "credsspd-rdp/stream.h"
#include "include/credssp/channel.h"

#define MSEC_PER_SEC_ 1000LL
#define CONNECTION_PAGE 4096 /* the pages of a kernel may be larger: then fewer are given back */

struct connection {
	const struct connection_task *task;
	int channel;
	struct channel_done done;
	enum mcs_state mcs;
	int64_t began;
	bool in_credssp;               /* credsspd has a handshake for the connection */
	const char *phase;             /* for the log */
	char reason[CHANNEL_WORD_MAX]; /* of a refusal by credsspd */
	struct stream client, xrdp;
	/* What one stage needs and the next one does not: too large for the stack. */
	_Alignas(CONNECTION_PAGE) union {
		struct rdp_begin begin;
		uint8_t packet[CHANNEL_PACKET_MAX];
		uint8_t client_info[CLIENT_INFO_OUT_MAX];
	} scratch;
};

static inline int64_t in_sec(unsigned sec)
{
	return clock_msec() + sec * MSEC_PER_SEC_;
}
