/* SPDX-License-Identifier: MIT */
/*
 * What the helper program writes on its descriptor HELPER_RESULT_FD before it ends: one struct helper_result, whole.
 * Both sides are of one build. No record, or half of one, is a helper that died: HELPER_NONE.
 */
#pragma once

#include <stdint.h>

#include "common/base/limits.h"

#define HELPER_RESULT_FD 3
#define HELPER_RESULT_MAGIC 0x43534852U /* a message of zeros is invalid */

/* The order is that of the table in helper-status.c, which knows text and PAM code of each. */
enum helper_status {
	HELPER_NONE = 0, /* it ended without a result */
	HELPER_SUCCESS,
	HELPER_TIMEOUT, /* killed at the deadline */
	HELPER_INTERNAL,
	HELPER_HANDOVER, /* not the hand-over that the mode wants */
	HELPER_CCACHE,   /* proved, but the tickets cannot be kept */

	/* of the host */
	HELPER_CONFIGURATION, /* krb5.conf, or the PKCS#11 module */
	HELPER_NO_HOST_KEY,   /* no keytab, or no key in it that fits */
	HELPER_NO_KDC,        /* no KDC answers */

	/* of the realm */
	HELPER_UNKNOWN_PRINCIPAL,
	HELPER_OTHER_PRINCIPAL, /* proved, but another principal */
	HELPER_KDC_REFUSES,     /* revoked, expired, policy */
	HELPER_NOT_TRUSTED,     /* the certificate of the card, or of the KDC */
	HELPER_NOT_VERIFIED,    /* what the KDC gave does not stand the test with the host's key */

	/* of the card */
	HELPER_NO_CARD,
	HELPER_MANY_CARDS,
	HELPER_CARD_UNUSABLE, /* wants no PIN, or one from a pad of its own */
	HELPER_CARDS_BUSY,    /* another logon's turn */
	HELPER_NO_CERTIFICATE,
	HELPER_MANY_CERTIFICATES,
	HELPER_CERTIFICATE_USE, /* not for logons, expired, without key */
	HELPER_CERTIFICATE_KEY, /* a type of key that libkrb5's PKINIT cannot use */
	HELPER_PIN_LOCKED,
	HELPER_PIN_FINAL_TRY,
	HELPER_PIN_FORMAT, /* no PIN that the card could have */
	HELPER_PIN_WRONG,

	/* of remote guard */
	HELPER_TICKET,  /* malformed, not for this host, not decryptable */
	HELPER_EXPIRED, /* it was a ticket once */
	HELPER_OPAQUE,  /* its key stays at the client (Windows, RDPEAR): no tickets for the session */

	HELPER_STATUSES_
};

struct helper_result {
	uint32_t magic;
	uint32_t status;                    /* enum helper_status */
	uint32_t has_ccache;                /* the cache named by the arguments was written */
	char detail[HELPER_DETAIL_MAX + 1]; /* for the log; may quote what a client or a KDC said */
	char ccache[CCACHE_NAME_MAX + 1];   /* mode `store`: the name of the cache that the session gets */
	char ticket[HELPER_TICKET_MAX + 1]; /* mode `store`: what mode `forget` knows it again by */
};
