/* SPDX-License-Identifier: MIT */
/*
 * Messages of the TGT agent (keeper); rules as in common/ipc/worker-msg.h. The supervisor gives keeper and krb5
 * template the two ends of one socket (KEEPER_ATTACH, TEMPLATE_KEEPER): session keys do not pass through it.
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
	 * The type byte alone: configuration or keytab may have changed. With a descriptor of a copy of the keytab, in
	 * place of the file: another user's process may not open that.
	 */
	KEEPER_REREAD = 3,
	/* keeper -> supervisor */
	KEEPER_READY = 16, /* the type byte alone; tickets come when a KDC has answered */
	KEEPER_STATE = 17, /* struct keeper_state, whenever it has changed */
	/* keeper -> template */
	KEEPER_TGT = 32,   /* struct keeper_tgt; one without a ticket: that of the principal is wanted no longer */
	KEEPER_NAMES = 34, /* struct keeper_names: in place of what was there */
	KEEPER_SENT = 33,  /* the type byte alone, once: what was there when the template was attached has been sent */
};

struct keeper_state {
	uint8_t type;
	uint8_t pad_[3];
	uint32_t tgts; /* live ones */
	int64_t until; /* when the first of them ends; seconds since the epoch, 0 without any */
};

/* A ticket-granting ticket of this server: what a TGT-REP carries, and the key that clients' tickets are under. */
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

/* The owners of the names that clients ask for, as far as the keytab tells. */
struct keeper_names {
	uint8_t type;
	uint8_t pad_[3];
	uint32_t n;
	struct keeper_name {
		char server[RECORD_PRINCIPAL_MAX]; /* TERMSRV/host, without realm */
		char owner[RECORD_PRINCIPAL_MAX];  /* the principal of the ticket to show; empty: there can be no ticket
						    */
	} name[SERVER_NAMES_MAX];                  /* send only n of them */
};

_Static_assert(sizeof(struct keeper_names) == 8 + 2 * SERVER_NAMES_MAX * RECORD_PRINCIPAL_MAX, "no hidden padding");
_Static_assert(sizeof(struct keeper_state) == 16, "no hidden padding");
_Static_assert(sizeof(struct keeper_tgt) == 16 + RECORD_PRINCIPAL_MAX + SESSION_KEY_MAX + TGT_MAX, "no hidden padding");
