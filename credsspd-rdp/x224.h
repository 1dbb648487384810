/* SPDX-License-Identifier: MIT */
/* TPKT framing, and the X.224 connection request and confirm with RDP's negotiation: MS-RDPBCGR 2.2.1.1 and 2.2.1.2. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"

#define X224_PROTOCOL_SSL 0x01U
#define X224_PROTOCOL_HYBRID 0x02U
#define X224_PROTOCOL_HYBRID_EX 0x08U

#define X224_FLAG_RESTRICTED_ADMIN 0x01U
#define X224_FLAG_REDIRECTED_AUTH 0x02U /* remote guard */
#define X224_FLAG_CORRELATION_INFO 0x08U

#define X224_RSP_EXTENDED_CLIENT_DATA 0x01U
#define X224_RSP_RESTRICTED_ADMIN 0x08U
#define X224_RSP_REDIRECTED_AUTH 0x10U
#define X224_FAILURE_HYBRID_REQUIRED 5U

#define X224_CONFIRM_LEN 19U

/*
 * Reads the length of the TPKT at @p, of which @len bytes have arrived. Returns 1 with the length in *@ret_total, 0
 * when more bytes are needed, or -EPROTO when it is not a TPKT.
 */
int x224_frame(const uint8_t *p, size_t len, size_t *ret_total);

struct x224_request {
	bool negotiates; /* contains an RDP_NEG_REQ */
	uint8_t flags;
	uint32_t protocols; /* requestedProtocols, as sent */
};

/* Reads the connection request of @len bytes at @p. Cookies and routing tokens are skipped. Returns 0 or -EPROTO. */
int x224_request_read(const uint8_t *p, size_t len, struct x224_request *ret_);

/*
 * Writes a connection confirm that selects @protocol (RDP_NEG_RSP), or, when @failure is not 0, one that refuses with
 * it (RDP_NEG_FAILURE).
 */
void x224_confirm_write(uint8_t out[X224_CONFIRM_LEN], uint32_t protocol, uint8_t flags, uint32_t failure);

/* Writes a connection confirm without negotiation, for a request without it. Returns its length. */
size_t x224_plain_confirm_write(uint8_t out[X224_CONFIRM_LEN]);

/* Writes the connection request to xrdp. */
void x224_request_write(uint8_t out[X224_CONFIRM_LEN], uint32_t protocols);

/* Return whether the @len bytes at @p are a connection request, or a connection confirm. */
bool x224_is_request(const uint8_t *p, size_t len);
bool x224_is_confirm(const uint8_t *p, size_t len);
