/* SPDX-License-Identifier: MIT */
/* What listener.c (accepts), pre-tls.c (before TLS) and connections.c (processes of connections) share. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "common/base/limits.h"
#include "common/config/rdp-settings.h"
#include "common/sandbox/filter.h"
#include "credsspd-rdp/address-counts.h"
#include "credsspd-rdp/sockets.h"
#include "credsspd-rdp/xrdp-slots.h"

#define USEC_PER_SEC_ 1000000ULL

struct listener {
	sd_event *event;
	const struct settings *settings;
	SSL_CTX *ctx;
	struct filter filter; /* for the processes of connections */
	struct acceptor_client *acceptor;
	int fds[SOCKETS_MAX];
	sd_event_source *io[SOCKETS_MAX], *pause;
	int n_fds;
	struct addresses *addresses;
	LIST_HEAD(waiting_list, waiting) waiting;
	LIST_HEAD(session_list, session) sessions;
	unsigned n_waiting, n_sessions;
	unsigned n_evicted; /* of the sessions: killed, and not reaped yet */
	struct places xrdp; /* tickets that xrdp has and has not redeemed yet */
};

enum waiting_state { WAITING_PROXY, WAITING_REQUEST, WAITING_TLS };

/* A connection before its first TLS octet. */
struct waiting {
	struct listener *l;
	LIST_ENTRY(waiting) entry;
	int fd;
	enum waiting_state state;
	sd_event_source *io, *timer;
	struct address *address; /* NULL: a proxy, for whom nothing is counted */
	char rhost[RHOST_MAX + 8U];
	uint16_t rport;
	bool probe;    /* a proxy's health check */
	uint8_t flags; /* RDP_NEG_REQ flags */
	uint32_t protocols, selected;
};
