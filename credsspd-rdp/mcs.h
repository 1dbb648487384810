/* SPDX-License-Identifier: MIT */
/*
 * The MCS PDUs of the connection sequence (MS-RDPBCGR 2.2.1.3 to 2.2.1.12), recognized by the same bytes as in xrdp.
 * xrdp accepts any number of Client Info PDUs before the licence exchange ends. Until then only the PDUs of enum
 * mcs_kind pass, and each of them only in its state (enum mcs_state).
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
	MCS_LICENCE,     /* SendDataRequest on the I/O channel with SEC_LICENSE_PKT */
};

/* Returns the kind of the TPKT of @len bytes at @p. */
enum mcs_kind mcs_kind(const uint8_t *p, size_t len);

/*
 * Returns where the security header begins in the SendDataRequest or SendDataIndication @p; 0 when it is malformed, has
 * more than 16 KiB, or is not on the I/O channel. The caller has checked which of the two it is.
 */
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

/* Returns 0 and advances *@state when a PDU of @kind is allowed in *@state, else -EPROTO. */
int mcs_allow(enum mcs_state *state, enum mcs_kind kind);

/*
 * Writes @protocols to the field of the MCS Connect Response @p that repeats the client's requestedProtocols (SC_CORE).
 * Returns 1, or 0 when there is no such field.
 */
int mcs_patch_protocols(uint8_t *p, size_t len, uint32_t protocols);
