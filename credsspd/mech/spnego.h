/* SPDX-License-Identifier: MIT */
/* The acceptor of SPNEGO, RFC 4178 and MS-SPNG, over the mechanisms of this process. */
#pragma once

#include <stdbool.h>

#include "common/base/limits.h"
#include "common/wire/spnego.h"
#include "credsspd/mech/mech.h"

/* The mechanisms to choose from. */
struct spnego_offer {
	struct mech *krb5, *user_to_user, *ntlm; /* served in this process; NULL: not served here */
	bool krb5_elsewhere, ntlm_elsewhere;     /* the other template serves it, and has not seen the token yet */
};

enum spnego_acceptor_state {
	SPNEGO_FIRST,  /* expects NegTokenInit */
	SPNEGO_TOKENS, /* expects a token of the chosen mechanism */
	SPNEGO_MIC,    /* the mechanism is complete; expects the client's mechListMIC */
	SPNEGO_DONE,
	SPNEGO_ACCEPTOR_STATES_
};

/* The state of a negotiation; all zeros at first. */
struct spnego {
	enum spnego_acceptor_state state;
	struct mech *mech;          /* the chosen mechanism; owned by the offer */
	struct view supported_mech; /* its OID as the client wrote it; VIEW_NULL after it was sent */
	bool mic_demanded, mic_received, mic_sent;
	bool user_to_user_off; /* the client began user-to-user, which is not served */
	size_t mech_types_len;
	uint8_t mech_types[MECH_TYPES_MAX]; /* the client's list, for the MICs */
	struct mech_reply reply;
};

/*
 * Processes the client's token. Returns MECH_UNAVAILABLE, for the first token only, when no mechanism of the client is
 * served in this process, or when a mechanism that the other template serves comes first in the client's list.
 */
enum mech_result spnego_accept(struct spnego *s, const struct spnego_offer *offer, struct view token);

/* Resets the negotiation. The caller resets the mechanisms. */
void spnego_reset(struct spnego *s);
