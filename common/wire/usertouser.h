/* SPDX-License-Identifier: MIT */
/*
 * The messages of Kerberos user-to-user that libkrb5 does not read or write: draft-swift-win2k-krb-user2user-03 section
 * 3.1 (KERB-TGT-REQUEST, KERB-TGT-REPLY), RFC 4120 5.5.1 (ap-options of an AP-REQ). In GSSAPI they are framed with the
 * mechanism GSS_MECH_USER_TO_USER and these TOK_IDs.
 */
#pragma once

#include "common/base/limits.h"
#include "common/wire/view.h"

enum user_to_user_id {
	USER_TO_USER_AP_REQ = 0x0100,
	USER_TO_USER_AP_REP = 0x0200,
	USER_TO_USER_TGT_REQ = 0x0400,
	USER_TO_USER_TGT_REP = 0x0401,
};

struct tgt_request {
	char server[PRINCIPAL_MAX + 1]; /* server-name, components joined by '/', without realm; may be empty */
};

/* Reads the KERB-TGT-REQUEST that is the whole of @message. Names with anything but printable ASCII, '/', '@' and '\'
 * among it, are malformed. Returns 0 or -EPROTO. */
int tgt_request_read(struct view message, struct tgt_request *ret_);

/* Writes a KERB-TGT-REPLY. @ticket is a whole Ticket. Returns 0 or -ENOSPC. */
int tgt_reply_write(struct view ticket, uint8_t *out, size_t size, size_t *ret_len);

/* Writes a KERB-TGT-REQUEST, for the self-test and the tests. @service and @host are the components of the server's
 * name. */
int tgt_request_write(const char *service, const char *host, uint8_t *out, size_t size, size_t *ret_len);
int tgt_reply_read(struct view message, struct view *ret_ticket);

#define AP_OPTION_USE_SESSION_KEY 0x40U /* in the first byte of ap-options */
#define AP_OPTION_MUTUAL_REQUIRED 0x20U

/* Returns the four bytes of ap-options of the AP-REQ that is the whole of @message, or VIEW_NULL when it is not an
 * AP-REQ. */
struct view ap_req_options(struct view message);
