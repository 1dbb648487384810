/* SPDX-License-Identifier: MIT */
/* SPNEGO tokens, RFC 4178 4.2 and MS-SPNG 2.2.1. No I/O; views point into the token that was read. */
#pragma once

#include <stdbool.h>

#include "common/wire/der.h"
#include "common/wire/gsstoken.h"
#include "common/wire/view.h"

struct spnego_init {            /* NegTokenInit, 4.2.1; VIEW_NULL for an absent field */
	struct view mech_types; /* MechTypeList with its header; a mechListMIC is computed over these bytes */
	struct view mech_token; /* optimistic token, for the first mechanism of the list */
	struct view mech_list_mic;
};

/*
 * Reads the NegTokenInit or NegTokenInit2 (MS-SPNG 2.2.1: with negHints) that is the whole of @token, with or without
 * the frame of GSS-API (RFC 2743 3.1). reqFlags and negHints are skipped. The list has at least one mechanism. Returns
 * 0 or -EPROTO.
 */
int spnego_init_read(struct view token, struct spnego_init *ret_);

/* Returns a reader of the OBJECT IDENTIFIERs in @mech_types of struct spnego_init. */
struct der spnego_mech_list(struct view mech_types);

/* Takes the next OBJECT IDENTIFIER; returns false at the end. */
bool spnego_mech_next(struct der *list, struct view *ret_oid);

/* Writes a NegTokenInit, for the client's side. @mechs is in order of preference. Returns 0 and the length, or
 * -ENOSPC. */
int spnego_init_write(const enum gss_mech *mechs, size_t n_mechs, struct view mech_token, uint8_t *out, size_t size,
		      size_t *ret_len);

enum spnego_state { /* NegTokenResp.negState, 4.2.2 */
		    SPNEGO_ACCEPT_COMPLETED = 0,
		    SPNEGO_ACCEPT_INCOMPLETE = 1,
		    SPNEGO_REJECT = 2,
		    SPNEGO_REQUEST_MIC = 3,
		    SPNEGO_NO_STATE = 255, /* absent */
};

struct spnego_resp { /* NegTokenResp, 4.2.2; VIEW_NULL for an absent field */
	enum spnego_state state;
	struct view supported_mech; /* contents of the OBJECT IDENTIFIER */
	struct view response_token;
	struct view mech_list_mic;
};

/* Reads the NegTokenResp that is the whole of @token. Returns 0 or -EPROTO. */
int spnego_resp_read(struct view token, struct spnego_resp *ret_);

/* Writes @r. Returns 0 and the length, or -ENOSPC. */
int spnego_resp_write(const struct spnego_resp *r, uint8_t *out, size_t size, size_t *ret_len);
