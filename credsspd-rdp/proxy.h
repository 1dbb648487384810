/* SPDX-License-Identifier: MIT */
/* The PROXY protocol, version 2 (haproxy's proxy-protocol.txt, 2.2), as configured proxies send it first. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"

struct proxy_peer {
	char rhost[RHOST_MAX + 8U]; /* empty: LOCAL, or an address family without addresses */
	uint16_t rport;
	bool local; /* the proxy itself: a health check */
};

/* Returns whether the @len bytes at @p begin with the signature of a header; for peers that may not send headers. */
bool proxy_begins(const uint8_t *p, size_t len);

/*
 * Reads the header at @p, of which @len bytes have arrived. Returns 1 with its length in *@ret_total, 0 when more
 * bytes are needed, -EPROTO when it is not a header, or -EMSGSIZE when it is longer than PROXY_V2_MAX.
 */
int proxy_read(const uint8_t *p, size_t len, size_t *ret_total, struct proxy_peer *ret_peer);
