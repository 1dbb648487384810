/* SPDX-License-Identifier: MIT */
/* The state of the listener, for listener.c (accepts), pre-tls.c (before TLS) and connections.c (processes). */
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

struct listener {
	sd_event *event;
	const struct settings *settings;
	SSL_CTX *ctx;
	struct filter filter; /* for the processes of connections */
	int template_fd;      /* the socket to the template of connections; -1: it is started when it is needed */
	pid_t template_pid;   /* -1 without a template */
	struct log_limit *log_limit;
	struct credsspd_client *credsspd;
	int fds[SOCKETS_MAX];
	sd_event_source *io[SOCKETS_MAX], *pause;
	int n_fds;
	struct address_counts *address_counts;
	/* in both lists the connection that has been idle for the longest time is the last */
	LIST_HEAD(pre_tls_list, pre_tls) pre_tls;
	LIST_HEAD(process_list, connection_process) connections;
	unsigned n_pre_tls, n_connections;
	unsigned n_evicted;           /* of n_connections: killed, and the end of the process is not reported yet */
	struct xrdp_slots xrdp_slots; /* limits how many tickets are with xrdp and not redeemed yet */
};

/* The message that the listener waits for. */
enum pre_tls_state { PRE_TLS_PROXY, PRE_TLS_REQUEST, PRE_TLS_CLIENT_HELLO };

/* A connection before its first byte of TLS. */
struct pre_tls {
	struct listener *l;
	LIST_ENTRY(pre_tls) entry;
	int fd;
	enum pre_tls_state state;
	sd_event_source *io, *timer;
	struct address_count *address; /* NULL: a proxy's own connection, which is not counted */
	char rhost[RHOST_MAX + 8U];
	uint16_t rport;
	bool probe;    /* a proxy's health check */
	uint8_t flags; /* RDP_NEG_REQ flags */
	uint32_t protocols, selected;
	bool direct; /* TLS came first, without a connection request: MS-RDPBCGR 5.4.2.2 */
};
