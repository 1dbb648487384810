/* SPDX-License-Identifier: MIT */
/*
 * The channel that Acceptor.Begin returns: a SOCK_SEQPACKET socket, one
 * message a packet, a type byte and a body. TSRequests travel here and not
 * over the bus. The front end sends CHANNEL_TSREQUEST only; it reads
 * CHANNEL_REPLY until one CHANNEL_DONE or CHANNEL_FAILED ends the logon. End of
 * file without either counts as failed. Closing the channel cancels.
 *
 * After CHANNEL_DONE the front end keeps the channel open for as long as the ticket shall be valid: closing it revokes
 * a ticket that is not redeemed yet. End of file on the channel then means that the ticket was redeemed or has expired.
 *
 * Both ends are on one host: integers are in host order, strings are
 * NUL-terminated in arrays of fixed size, unused bytes are zero. Neither end accepts descriptors.
 */
#pragma once

#include <stdint.h>

#include "include/credssp/limits.h"

enum channel_type {
	CHANNEL_TSREQUEST = 1, /* front end -> credsspd: one whole TSRequest */
	CHANNEL_REPLY = 2,     /* credsspd -> front end: one whole TSRequest; write it as one TLS record */
	CHANNEL_DONE = 3,      /* struct channel_done */
	CHANNEL_FAILED = 4,    /* struct channel_failed */
};

#define CHANNEL_PACKET_MAX (1U + TSREQUEST_MAX)
#define CHANNEL_WORD_MAX 32U

/* TSCredentials.credType of MS-CSSP 2.2.1.2 where there is one. */
enum channel_kind {
	CHANNEL_KIND_PASSWORD = 1,
	CHANNEL_KIND_SMARTCARD = 2,
	CHANNEL_KIND_REMOTE_GUARD = 6,
	CHANNEL_KIND_RESTRICTED_ADMIN = 0x80, /* no secret was delegated */
};

/*
 * The logon is granted. With HYBRID_EX the front end sends the early result 0 first; then it logs the user on with the
 * ticket as the password.
 */
struct channel_done {
	uint8_t type;    /* CHANNEL_DONE */
	uint8_t kind;    /* what the client delegated: enum channel_kind */
	uint8_t version; /* of CredSSP, as negotiated: 2 to 6 */
	uint8_t pad_[5];
	char mechanism[8]; /* "krb5" or "ntlm" */
	char ticket[TICKET_LEN + 4U];
	char user[ACCOUNT_NAME_MAX + 8U];   /* canonical pw_name */
	char principal[PRINCIPAL_MAX + 8U]; /* the authenticated name */
};

/* MS-RDPBCGR 2.2.10.2, Early User Authorization Result */
enum channel_early_result {
	CHANNEL_EARLY_NONE = 0xff, /* send no early result */
	CHANNEL_EARLY_ACCESS_DENIED = 5,
};

/* The logon is refused. The front end sends what the fields say, then closes the connection. */
struct channel_failed {
	uint8_t type;         /* CHANNEL_FAILED */
	uint8_t alert;        /* TLS alert to send before closing, 0: no alert; 49 is access_denied */
	uint8_t early_result; /* enum channel_early_result; only with HYBRID_EX */
	uint8_t failure;      /* 1 when this counts as a failed logon of the address */
	uint8_t pad_[4];
	char reason[CHANNEL_WORD_MAX]; /* the reason word: for the log, not for the client */
};

_Static_assert(sizeof(struct channel_done) == 856, "channel_done has no hidden padding");
_Static_assert(sizeof(struct channel_failed) == 40, "channel_failed has no hidden padding");
