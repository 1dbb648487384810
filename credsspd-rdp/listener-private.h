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
	struct credsspd_client *credsspd;
	int fds[SOCKETS_MAX];
	sd_event_source *io[SOCKETS_MAX], *pause;
	int n_fds;
	struct address_counts *address_counts;
	LIST_HEAD(pre_tls_list, pre_tls) pre_tls;
	LIST_HEAD(process_list, connection_process) connections;
	unsigned n_pre_tls, n_connections;
	unsigned n_evicted;           /* of the sessions: killed, and not reaped yet */
	struct xrdp_slots xrdp_slots; /* tickets that xrdp has and has not redeemed yet */
};

enum pre_tls_state { PRE_TLS_PROXY, PRE_TLS_REQUEST, PRE_TLS_CLIENT_HELLO };

/* A connection before its first TLS octet. */
struct pre_tls {
	struct listener *l;
	LIST_ENTRY(pre_tls) entry;
	int fd;
	enum pre_tls_state state;
	sd_event_source *io, *timer;
	struct address_count *address; /* NULL: a proxy, for whom nothing is counted */
	char rhost[RHOST_MAX + 8U];
	uint16_t rport;
	bool probe;    /* a proxy's health check */
	uint8_t flags; /* RDP_NEG_REQ flags */
	uint32_t protocols, selected;
};
