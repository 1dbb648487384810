/* SPDX-License-Identifier: MIT */
/*
 * The acceptor's side of one CredSSP exchange (MS-CSSP 3.1.5): what may follow
 * what, as a table of state x event -> state, action, and the rules that span
 * messages (version, nonce, number of rounds). Pure: no I/O, no clock, no GSSAPI; the
 * worker performs the actions.
 *
 * One rule serves every client: when the context completes in a step whose
 * TSRequest carried pubKeyAuth, that one is verified and the reply carries GSS's
 * output token beside pubKeyAuth; when it did not, the token goes out and one more
 * TSRequest must bring it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "common/base/refusal.h"
#include "common/wire/tsrequest.h"

enum exchange_state {
	EXCHANGE_NEW,             /* the supervisor owes WORKER_START */
	EXCHANGE_FIRST,           /* the client owes its first token */
	EXCHANGE_OPENING,         /* GSS has the first token: it may turn out to be the other mechanism's */
	EXCHANGE_NEGOTIATING,     /* the client owes a token */
	EXCHANGE_ACCEPTING,       /* GSS has a token */
	EXCHANGE_ACCEPTING_BOUND, /* GSS has a token, and pubKeyAuth came with it */
	EXCHANGE_BINDING,         /* the client owes pubKeyAuth */
	EXCHANGE_VERIFYING,       /* pubKeyAuth is being verified */
	EXCHANGE_JUDGED,          /* the supervisor owes the verdict */
	EXCHANGE_AUTHINFO,        /* the client owes authInfo */
	EXCHANGE_ENDED,
	EXCHANGE_STATES_
};

enum exchange_event {
	EXCHANGE_NOTHING, /* no event: the next one comes from the socket */
	EXCHANGE_WRONG,   /* something went wrong, and why is known; in no row, so it always fails */
	/* records */
	EXCHANGE_GOT_START,
	EXCHANGE_GOT_TOKEN,         /* TSRequest with negoTokens alone */
	EXCHANGE_GOT_TOKEN_BINDING, /* with negoTokens and pubKeyAuth */
	EXCHANGE_GOT_BINDING,       /* with pubKeyAuth alone */
	EXCHANGE_GOT_AUTHINFO,      /* with authInfo alone */
	EXCHANGE_GOT_GRANTED,
	EXCHANGE_GOT_REFUSED,
	/* results of actions */
	EXCHANGE_FOREIGN,  /* the token is for the other mechanism */
	EXCHANGE_CONTINUE, /* GSS wants another token and has given one */
	EXCHANGE_COMPLETE, /* the context is complete; there may be a last token to send */
	EXCHANGE_BOUND,    /* pubKeyAuth is right */
	EXCHANGE_EVENTS_
};

enum exchange_action {
	EXCHANGE_FAIL = 0,   /* an absent row: this may not happen here */
	EXCHANGE_READ,       /* nothing but to wait */
	EXCHANGE_PASS_ON,    /* say "not mine" */
	EXCHANGE_ACCEPT,     /* give the token to GSS */
	EXCHANGE_SEND_TOKEN, /* reply with GSS's token; without one, ask for the next TSRequest */
	EXCHANGE_VERIFY,     /* verify pubKeyAuth */
	EXCHANGE_REPORT,     /* tell the supervisor who authenticated */
	EXCHANGE_CONFIRM,    /* reply with pubKeyAuth, and GSS's token when one is left */
	EXCHANGE_DENY,       /* tell the client and the supervisor that the verdict was no */
	EXCHANGE_DELEGATE,   /* decrypt, write the hand-over */
};

struct exchange_step {
	enum exchange_action action;
	enum exchange_state next;
};

/* The row for @event in @state. An absent row is {EXCHANGE_FAIL, EXCHANGE_ENDED}. */
struct exchange_step exchange_step(enum exchange_state state, enum exchange_event event);

const char *exchange_state_name(enum exchange_state state);

/* Whether something is awaited from the socket in this state. */
bool exchange_awaits(enum exchange_state state);

/* Whether a client in this state still reads a TSRequest with errorCode: no longer once the verdict was yes. */
bool exchange_may_tell(enum exchange_state state);

#define EXCHANGE_VERSION 6U /* what we answer */

/* The rules that span TSRequests. Zero but for min_version to begin with. */
struct exchange {
	unsigned min_version;
	unsigned version;      /* min(the peer's, 6); 0 until its first TSRequest */
	uint32_t peer_version; /* as sent */
	unsigned rounds;
	bool has_nonce;
	uint8_t nonce[CLIENT_NONCE_LEN];
};

/*
 * Takes a TSRequest in: checks version, nonce and number of rounds, and returns
 * the event that it is. EXCHANGE_WRONG comes with the reason in @ret_refusal and a
 * text for the log in @ret_detail (static; may be empty).
 */
enum exchange_event exchange_take(struct exchange *c, const struct tsrequest *t, enum refusal *ret_refusal,
				  const char **ret_detail);

/* The nonce, or VIEW_NULL. */
struct view exchange_nonce(const struct exchange *c);
