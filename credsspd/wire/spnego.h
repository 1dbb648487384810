/* SPDX-License-Identifier: MIT */
/* SPNEGO tokens, RFC 4178 4.2: what we look at in the client's, and those that the user-to-user acceptor makes. */
#pragma once

#include <stdbool.h>

#include "credsspd/wire/gsstoken.h"
#include "credsspd/wire/view.h"

struct spnego_init {            /* 4.2.1 */
	struct view mech_types; /* MechTypeList as it stands in the token: what a mechListMIC is computed over */
	struct view first;      /* contents of its first OBJECT IDENTIFIER */
	bool krb5_first;        /* that one is krb5 or MS-krb5 */
	bool krb5;              /* krb5 or MS-krb5 (1.2.840.48018.1.2.2) among mechTypes */
	bool user_to_user;      /* 1.2.840.113554.1.2.2.3 */
	bool ntlm;
	bool negoex;
	bool unknown;                   /* any other */
	enum gss_token_kind mech_token; /* of the optimistic token; GSS_TOKEN_UNKNOWN when absent or other */
	struct view mech_token_octets;
};

/* Reads the NegTokenInit that is the whole of @token, framed or not (RFC 4178 4.2.1); mechTypes that are unknown are
 * skipped. Returns 0 or -EPROTO. */
int spnego_init_read(struct view token, struct spnego_init *ret_);

/* The client's: for the self-test and the tests. @mechs are in its order of preference. Returns 0 or -ENOSPC. */
int spnego_init_write(const enum gss_mech *mechs, size_t n_mechs, struct view mech_token, uint8_t *out, size_t size,
		      size_t *ret_len);

enum spnego_state { /* NegTokenResp.negState, 4.2.2 */
		    SPNEGO_ACCEPT_COMPLETED = 0,
		    SPNEGO_ACCEPT_INCOMPLETE = 1,
		    SPNEGO_REJECT = 2,
		    SPNEGO_REQUEST_MIC = 3,
		    SPNEGO_NO_STATE = 255, /* absent */
};

struct spnego_resp { /* 4.2.2; what is absent is VIEW_NULL */
	enum spnego_state state;
	struct view supported_mech; /* contents of the OBJECT IDENTIFIER */
	struct view response_token;
	struct view mech_list_mic;
};

/* Reads the NegTokenResp that is the whole of @token. Returns 0 or -EPROTO. */
int spnego_resp_read(struct view token, struct spnego_resp *ret_);

/* Returns 0 or -ENOSPC. */
int spnego_resp_write(const struct spnego_resp *r, uint8_t *out, size_t size, size_t *ret_len);
