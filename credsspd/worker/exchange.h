/* SPDX-License-Identifier: MIT */
/*
 * The acceptor's side of one CredSSP exchange (MS-CSSP 3.1.5): which message may
 * follow which, as a table of state x event -> state, action, and the rules that span
 * messages (version, nonce, number of rounds). Pure: no I/O, no clock, no GSSAPI; the
 * worker performs the actions.
 *
 * One rule serves every client: when the context completes in a step whose
 * TSRequest carried pubKeyAuth, pubKeyAuth is verified and the reply carries GSS's
 * output token beside the server's pubKeyAuth; otherwise the token is sent and the
 * client's next TSRequest must carry pubKeyAuth.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "common/base/refusal.h"
#include "common/wire/tsrequest.h"

enum exchange_state {
	EXCHANGE_NEW,             /* waits for WORKER_START of the supervisor */
	EXCHANGE_FIRST,           /* waits for the client's first token */
	EXCHANGE_OPENING,         /* GSS has the first token: it may turn out to be the other mechanism's */
	EXCHANGE_NEGOTIATING,     /* waits for another token of the client */
	EXCHANGE_ACCEPTING,       /* GSS has a token */
	EXCHANGE_ACCEPTING_BOUND, /* GSS has a token, and pubKeyAuth came with it */
	EXCHANGE_BINDING,         /* waits for the client's pubKeyAuth */
	EXCHANGE_VERIFYING,       /* pubKeyAuth is being verified */
	EXCHANGE_JUDGED,          /* waits for the supervisor's verdict */
	EXCHANGE_AUTHINFO,        /* waits for the client's authInfo */
	EXCHANGE_ENDED,
	EXCHANGE_STATES_
};

enum exchange_event {
	EXCHANGE_NOTHING, /* no event: the next event comes from the socket */
	EXCHANGE_WRONG,   /* an error with a known reason; it has no row, so it always fails */
	/* messages */
	EXCHANGE_GOT_START,
	EXCHANGE_GOT_TOKEN,         /* TSRequest with negoTokens alone */
	EXCHANGE_GOT_TOKEN_BINDING, /* with negoTokens and pubKeyAuth */
	EXCHANGE_GOT_BINDING,       /* with pubKeyAuth alone */
	EXCHANGE_GOT_AUTHINFO,      /* with authInfo alone */
	EXCHANGE_GOT_GRANTED,
	EXCHANGE_GOT_REFUSED,
	/* results of actions */
	EXCHANGE_FOREIGN,  /* the token is for the other mechanism */
	EXCHANGE_CONTINUE, /* GSS needs another token of the client, and may have one to send */
	EXCHANGE_COMPLETE, /* the context is complete; there may be a last token to send */
	EXCHANGE_BOUND,    /* pubKeyAuth is right */
	EXCHANGE_EVENTS_
};

enum exchange_action {
	EXCHANGE_FAIL = 0,   /* an absent row: the event is not allowed in this state */
	EXCHANGE_READ,       /* wait for the next message */
	EXCHANGE_PASS_ON,    /* send WORKER_NOT_MINE */
	EXCHANGE_ACCEPT,     /* give the token to GSS */
	EXCHANGE_SEND_TOKEN, /* reply with GSS's token; without one, ask for the next TSRequest */
	EXCHANGE_VERIFY,     /* verify pubKeyAuth */
	EXCHANGE_REPORT,     /* report the authenticated client to the supervisor */
	EXCHANGE_CONFIRM,    /* reply with pubKeyAuth, and with GSS's last token if there is one */
	EXCHANGE_DENY,       /* report the refusal to the client and the supervisor */
	EXCHANGE_DELEGATE,   /* decrypt, write the hand-over */
};

struct exchange_step {
	enum exchange_action action;
	enum exchange_state next;
};

/* Returns the row for @event in @state; {EXCHANGE_FAIL, EXCHANGE_ENDED} for an absent row. */
struct exchange_step exchange_step(enum exchange_state state, enum exchange_event event);

const char *exchange_state_name(enum exchange_state state);

/* Returns true in a state that waits for a message from the socket. */
bool exchange_awaits(enum exchange_state state);

/* Returns true when the client still reads a TSRequest with errorCode; it does not after a granted verdict. */
bool exchange_may_tell(enum exchange_state state);

#define EXCHANGE_VERSION 6U /* the version in every reply */

/* The values that the rules across TSRequests need. All but min_version are zero at the start. */
struct exchange {
	unsigned min_version;
	unsigned version;      /* min(the peer's, 6); 0 until its first TSRequest */
	uint32_t peer_version; /* as sent */
	unsigned rounds;
	bool has_nonce;
	uint8_t nonce[CLIENT_NONCE_LEN];
};

/*
 * Checks version, nonce and number of rounds of a TSRequest, and returns its
 * event. With EXCHANGE_WRONG, @ret_refusal is the reason and @ret_detail a text for
 * the log (static; may be empty).
 */
enum exchange_event exchange_take(struct exchange *c, const struct tsrequest *t, enum refusal *ret_refusal,
				  const char **ret_detail);

/* Returns the client's nonce, or VIEW_NULL without one. */
struct view exchange_nonce(const struct exchange *c);
