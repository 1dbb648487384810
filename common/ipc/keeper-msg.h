/* SPDX-License-Identifier: MIT */
/*
 * Messages of the keeper, the process that fetches the server's own ticket-granting tickets; rules as in
 * common/ipc/worker-msg.h. The supervisor gives the keeper and the krb5 template the two ends of one socket pair
 * (KEEPER_ATTACH, TEMPLATE_KEEPER), so that session keys do not pass through the supervisor.
 */
#pragma once

#include <stdint.h>

#include "common/base/limits.h"
#include "common/ipc/worker-msg.h"

enum keeper_type {
	/* supervisor -> keeper */
	KEEPER_ATTACH = 1, /* the type byte alone, with one end of a socket pair */
	KEEPER_PING = 2,   /* the type byte alone; KEEPER_READY is the answer */
	/*
	 * The type byte alone: configuration or keytab may have changed. With the descriptor of a copy of the keytab
	 * when the keeper's user may not open the file.
	 */
	KEEPER_REREAD = 3,
	/* keeper -> supervisor */
	KEEPER_READY = 16, /* the type byte alone; tickets come when a KDC has answered */
	KEEPER_STATE = 17, /* struct keeper_state, whenever it has changed */
	/* keeper -> template */
	KEEPER_TGT = 32,   /* struct keeper_tgt; without a ticket: the template drops the principal's ticket */
	KEEPER_NAMES = 34, /* struct keeper_names: replaces the earlier names */
	KEEPER_SENT = 33,  /* the type byte alone, once: all tickets of the time of the attachment have been sent */
};

struct keeper_state {
	uint8_t type;
	uint8_t pad_[3];
	uint32_t tgts; /* valid tickets */
	int64_t until; /* when the first of them ends, in seconds since the epoch; 0 without tickets */
};

/* A ticket-granting ticket of this server, for a TGT-REP, and its session key, which encrypts clients' tickets. */
struct keeper_tgt {
	uint8_t type;
	uint8_t key_len;
	uint16_t ticket_len;
	int32_t enctype;                      /* RFC 3961; of the AES family */
	int64_t ends;                         /* seconds since the epoch */
	char principal[RECORD_PRINCIPAL_MAX]; /* the principal that the ticket is for, with realm */
	uint8_t key[SESSION_KEY_MAX];
	uint8_t ticket[TGT_MAX]; /* DER; send only ticket_len of it */
};

/* The accounts that own the names that clients ask for, as far as the keytab shows it. */
struct keeper_names {
	uint8_t type;
	uint8_t pad_[3];
	uint32_t n;
	struct keeper_name {
		char server[RECORD_PRINCIPAL_MAX]; /* TERMSRV/host, without realm */
		char
		    owner[RECORD_PRINCIPAL_MAX]; /* the principal of the ticket for a TGT-REP; empty: no ticket possible
						    */
	} name[SERVER_NAMES_MAX];                /* send only n of them */
};

_Static_assert(sizeof(struct keeper_names) == 8 + 2 * SERVER_NAMES_MAX * RECORD_PRINCIPAL_MAX, "no hidden padding");
_Static_assert(sizeof(struct keeper_state) == 16, "no hidden padding");
_Static_assert(sizeof(struct keeper_tgt) == 16 + RECORD_PRINCIPAL_MAX + SESSION_KEY_MAX + TGT_MAX, "no hidden padding");
