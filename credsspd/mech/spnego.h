/* SPDX-License-Identifier: MIT */
/* The acceptor of SPNEGO, RFC 4178 and MS-SPNG, over the mechanisms of this process. */
#pragma once

#include <stdbool.h>

#include "common/base/limits.h"
#include "common/wire/spnego.h"
#include "credsspd/mech/mech.h"

/* What can be chosen. A mechanism that is off is NULL and not @elsewhere. */
struct spnego_offer {
	struct mech *krb5, *user_to_user, *ntlm; /* served in this process */
	/* the other template serves Kerberos or NTLM, and has not seen the token yet */
	bool krb5_elsewhere, ntlm_elsewhere;
};

enum spnego_acceptor_state {
	SPNEGO_FIRST,  /* the client owes NegTokenInit */
	SPNEGO_TOKENS, /* the client owes a token of the chosen mechanism */
	SPNEGO_MIC,    /* the mechanism is complete, the client owes its mechListMIC */
	SPNEGO_DONE,
	SPNEGO_ACCEPTOR_STATES_
};

/* Zero to begin with. */
struct spnego {
	enum spnego_acceptor_state state;
	struct mech *mech;          /* the chosen one; owned by the offer */
	struct view supported_mech; /* its OID as the client wrote it; VIEW_NULL once the client was told */
	bool mic_demanded, mic_received, mic_sent;
	bool user_to_user_off; /* the client began user-to-user, which is not served */
	size_t mech_types_len;
	uint8_t mech_types[MECH_TYPES_MAX]; /* the client's, for the MICs */
	struct mech_reply reply;
};

/*
 * Processes the client's token. Returns MECH_UNAVAILABLE, for the first token only, when no mechanism of the client is
 * served in this process, or when a mechanism that the other template serves comes first in the client's list.
 */
enum mech_result spnego_accept(struct spnego *s, const struct spnego_offer *offer, struct view token);

/* Forgets everything but the mechanisms, which are the caller's to reset. */
void spnego_reset(struct spnego *s);
