/* SPDX-License-Identifier: MIT */
/*
 * The MCS PDUs of the connection sequence (MS-RDPBCGR 2.2.1.3 to 2.2.1.12), told apart as xrdp tells them apart. Until
 * the licence exchange xrdp takes every Client Info PDU it is sent: what may pass here is a list, in order.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mcs_kind {
	MCS_OTHER,
	MCS_CONNECT_INITIAL,
	MCS_ERECT_DOMAIN,
	MCS_ATTACH_USER,
	MCS_CHANNEL_JOIN,
	MCS_CLIENT_INFO, /* SendDataRequest on the I/O channel with SEC_INFO_PKT */
	MCS_LICENCE,     /* the same with SEC_LICENSE_PKT */
};

/* What the TPKT that is the whole of @p is. */
enum mcs_kind mcs_kind(const uint8_t *p, size_t len);

/* Where the security header begins in a SendDataRequest (as mcs_kind() found one); 0 when it is malformed. */
size_t mcs_send_data_offset(const uint8_t *p, size_t len);

/*
 * Returns whether the server's @p ends the licence exchange: a licence error message STATUS_VALID_CLIENT
 * (MS-RDPBCGR 2.2.1.12.1.3). xrdp 0.10 sends it as its first licence message, and no client answers it; xrdp 0.9 first
 * waits for the client's MCS_LICENCE.
 */
bool mcs_ends_licensing(const uint8_t *p, size_t len);

enum mcs_state {
	MCS_EXPECT_CONNECT,
	MCS_EXPECT_ERECT,
	MCS_EXPECT_ATTACH,
	MCS_EXPECT_JOIN_OR_INFO,
	MCS_EXPECT_LICENCE,
	MCS_LOGGED_ON,
	MCS_STATES_
};

/* Whether @kind may come in *@state, which then moves on. Returns 0 or -EPROTO. */
int mcs_allow(enum mcs_state *state, enum mcs_kind kind);

/*
 * Puts @protocols where MCS Connect Response @p repeats the client's requestedProtocols (SC_CORE), if it does.
 * Returns 1 when it did, 0 when there is no such block.
 */
int mcs_patch_protocols(uint8_t *p, size_t len, uint32_t protocols);
