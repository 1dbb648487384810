/* SPDX-License-Identifier: MIT */
/*
 * The acceptor's side of one CredSSP conversation (MS-CSSP 3.1.5): what may follow
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

#include "credsspd/util/refusal.h"
#include "credsspd/wire/tsrequest.h"
#include "include/credssp/limits.h"

enum conversation_state {
	CONVERSATION_NEW,             /* the supervisor owes WORKER_START */
	CONVERSATION_FIRST,           /* the client owes its first token */
	CONVERSATION_OPENING,         /* GSS has the first token: it may turn out to be the other mechanism's */
	CONVERSATION_NEGOTIATING,     /* the client owes a token */
	CONVERSATION_ACCEPTING,       /* GSS has a token */
	CONVERSATION_ACCEPTING_BOUND, /* GSS has a token, and pubKeyAuth came with it */
	CONVERSATION_BINDING,         /* the client owes pubKeyAuth */
	CONVERSATION_VERIFYING,       /* pubKeyAuth is being verified */
	CONVERSATION_JUDGED,          /* the supervisor owes the verdict */
	CONVERSATION_AUTHINFO,        /* the client owes authInfo */
	CONVERSATION_ENDED,
	CONVERSATION_STATES_
};

enum conversation_event {
	CONVERSATION_NOTHING, /* no event: the next one comes from the socket */
	CONVERSATION_WRONG,   /* something went wrong, and why is known; in no row, so it always fails */
	/* records */
	CONVERSATION_GOT_START,
	CONVERSATION_GOT_TOKEN,         /* TSRequest with negoTokens alone */
	CONVERSATION_GOT_TOKEN_BINDING, /* with negoTokens and pubKeyAuth */
	CONVERSATION_GOT_BINDING,       /* with pubKeyAuth alone */
	CONVERSATION_GOT_AUTHINFO,      /* with authInfo alone */
	CONVERSATION_GOT_GRANTED,
	CONVERSATION_GOT_REFUSED,
	/* results of actions */
	CONVERSATION_FOREIGN,  /* the token is for the other mechanism */
	CONVERSATION_CONTINUE, /* GSS wants another token and has given one */
	CONVERSATION_COMPLETE, /* the context is complete; there may be a last token to send */
	CONVERSATION_BOUND,    /* pubKeyAuth is right */
	CONVERSATION_EVENTS_
};

enum conversation_action {
	CONVERSATION_FAIL = 0,   /* an absent row: this may not happen here */
	CONVERSATION_READ,       /* nothing but to wait */
	CONVERSATION_PASS_ON,    /* say "not mine" */
	CONVERSATION_ACCEPT,     /* give the token to GSS */
	CONVERSATION_SEND_TOKEN, /* reply with GSS's token; without one, ask for the next TSRequest */
	CONVERSATION_VERIFY,     /* verify pubKeyAuth */
	CONVERSATION_REPORT,     /* tell the supervisor who authenticated */
	CONVERSATION_CONFIRM,    /* reply with pubKeyAuth, and GSS's token when one is left */
	CONVERSATION_DENY,       /* tell the client and the supervisor that the verdict was no */
	CONVERSATION_DELEGATE,   /* decrypt, write the hand-over */
};

struct conversation_step {
	enum conversation_action action;
	enum conversation_state next;
};

/* The row for @event in @state. An absent row is {CONVERSATION_FAIL, CONVERSATION_ENDED}. */
struct conversation_step conversation_step(enum conversation_state state, enum conversation_event event);

const char *conversation_state_name(enum conversation_state state);

/* Whether something is awaited from the socket in this state. */
bool conversation_awaits(enum conversation_state state);

/* Whether a client in this state still reads a TSRequest with errorCode: no longer once the verdict was yes. */
bool conversation_may_tell(enum conversation_state state);

#define CONVERSATION_VERSION 6U /* what we answer */

/* The rules that span TSRequests. Zero but for min_version to begin with. */
struct conversation {
	unsigned min_version;
	unsigned version;      /* min(the peer's, 6); 0 until its first TSRequest */
	uint32_t peer_version; /* as sent */
	unsigned rounds;
	bool has_nonce;
	uint8_t nonce[CLIENT_NONCE_LEN];
};

/*
 * Takes a TSRequest in: checks version, nonce and number of rounds, and returns
 * the event that it is. CONVERSATION_WRONG comes with the reason in @ret_refusal and a
 * text for the log in @ret_detail (static; may be empty).
 */
enum conversation_event conversation_take(struct conversation *c, const struct tsrequest *t, enum refusal *ret_refusal,
					  const char **ret_detail);

/* The nonce, or VIEW_NULL. */
struct view conversation_nonce(const struct conversation *c);
