/* SPDX-License-Identifier: MIT */
/*
 * The helper program writes one struct helper_result to descriptor HELPER_RESULT_FD before it ends. Both sides are of
 * one build. HELPER_NONE stands for a helper that ended without a complete result.
 */
#pragma once

#include <stdint.h>

#include "common/base/limits.h"

#define HELPER_RESULT_FD 3
#define HELPER_RESULT_MAGIC 0x43534852U /* a message of zeros is invalid */

/* helper-status.c has the text and the PAM result of each. */
enum helper_status {
	HELPER_NONE = 0, /* it ended without a result */
	HELPER_SUCCESS,
	HELPER_TIMEOUT, /* killed at the deadline */
	HELPER_INTERNAL,
	HELPER_HANDOVER, /* a hand-over of another kind than the mode expects */
	HELPER_CCACHE,   /* proved, but the tickets cannot be kept */

	/* about the host */
	HELPER_CONFIGURATION, /* krb5.conf, or the PKCS#11 module */
	HELPER_NO_HOST_KEY,   /* no keytab, or no key in it that fits */
	HELPER_NO_KDC,        /* no KDC answers */

	/* about the realm */
	HELPER_UNKNOWN_PRINCIPAL,
	HELPER_OTHER_PRINCIPAL, /* proved, but another principal */
	HELPER_KDC_REFUSES,     /* revoked, expired, policy */
	HELPER_NOT_TRUSTED,     /* the certificate of the card, or of the KDC */
	HELPER_NOT_VERIFIED,    /* the KDC's ticket fails the check with the host's key */

	/* about the card */
	HELPER_NO_CARD,
	HELPER_MANY_CARDS,
	HELPER_CARD_UNUSABLE, /* it requires no PIN, or takes it only from the reader's keypad */
	HELPER_CARDS_BUSY,    /* other logons use the cards */
	HELPER_NO_CERTIFICATE,
	HELPER_MANY_CERTIFICATES,
	HELPER_CERTIFICATE_USE, /* not for logons, expired, without key */
	HELPER_CERTIFICATE_KEY, /* a type of key that libkrb5's PKINIT cannot use */
	HELPER_PIN_LOCKED,
	HELPER_PIN_FINAL_TRY,
	HELPER_PIN_FORMAT, /* a PIN of a length that the card does not allow, or with a NUL */
	HELPER_PIN_WRONG,

	/* about remote guard */
	HELPER_TICKET,  /* malformed, not for this host, not decryptable */
	HELPER_EXPIRED, /* a valid ticket that has expired */
	HELPER_OPAQUE,  /* its key stays at the client (Windows, RDPEAR): no tickets for the session */

	HELPER_STATUSES_
};

struct helper_result {
	uint32_t magic;
	uint32_t status;                    /* enum helper_status */
	uint32_t has_ccache;                /* the cache named by the arguments was written */
	char detail[HELPER_DETAIL_MAX + 1]; /* for the log; may quote text of a client or a KDC */
	char ccache[CCACHE_NAME_MAX + 1];   /* mode `store`: the name of the cache that the session gets */
	char ticket[HELPER_TICKET_MAX + 1]; /* mode `store`: identifies the ticket for mode `forget` */
};
