/* SPDX-License-Identifier: MIT */
/* MS-CSSP 3.1.5 as a table; the header says why it looks as it does. */
#include "credsspd/auth/conversation.h"

#include <string.h>

#include "include/credssp/secret.h"

#define GSS_ANSWERS \
	[CONVERSATION_CONTINUE] = { CONVERSATION_SEND_TOKEN, CONVERSATION_NEGOTIATING }, [CONVERSATION_COMPLETE] = { \
		CONVERSATION_SEND_TOKEN, CONVERSATION_BINDING \
	}

static const struct conversation_step table[CONVERSATION_STATES_][CONVERSATION_EVENTS_] = {
	[CONVERSATION_NEW] = {
		[CONVERSATION_GOT_START] = { CONVERSATION_READ, CONVERSATION_FIRST },
	},
	[CONVERSATION_FIRST] = {
		[CONVERSATION_GOT_TOKEN] = { CONVERSATION_ACCEPT, CONVERSATION_OPENING },
	},
	[CONVERSATION_OPENING] = {
		[CONVERSATION_FOREIGN] = { CONVERSATION_PASS_ON, CONVERSATION_ENDED },
		GSS_ANSWERS,
	},
	[CONVERSATION_NEGOTIATING] = {
		[CONVERSATION_GOT_TOKEN] = { CONVERSATION_ACCEPT, CONVERSATION_ACCEPTING },
		[CONVERSATION_GOT_TOKEN_BINDING] = { CONVERSATION_ACCEPT, CONVERSATION_ACCEPTING_BOUND },
	},
	[CONVERSATION_ACCEPTING] = {
		GSS_ANSWERS,
	},
	[CONVERSATION_ACCEPTING_BOUND] = {
		/* a client that has sent pubKeyAuth has no further token: CONTINUE has no row */
		[CONVERSATION_COMPLETE] = { CONVERSATION_VERIFY, CONVERSATION_VERIFYING },
	},
	[CONVERSATION_BINDING] = {
		[CONVERSATION_GOT_BINDING] = { CONVERSATION_VERIFY, CONVERSATION_VERIFYING },
	},
	[CONVERSATION_VERIFYING] = {
		[CONVERSATION_BOUND] = { CONVERSATION_REPORT, CONVERSATION_JUDGED },
	},
	[CONVERSATION_JUDGED] = {
		[CONVERSATION_GOT_GRANTED] = { CONVERSATION_CONFIRM, CONVERSATION_AUTHINFO },
		[CONVERSATION_GOT_REFUSED] = { CONVERSATION_DENY, CONVERSATION_ENDED },
	},
	[CONVERSATION_AUTHINFO] = {
		[CONVERSATION_GOT_AUTHINFO] = { CONVERSATION_DELEGATE, CONVERSATION_ENDED },
	},
};

struct conversation_step conversation_step(enum conversation_state state, enum conversation_event event)
{
	struct conversation_step step = { CONVERSATION_FAIL, CONVERSATION_ENDED };

	if ((unsigned)state < CONVERSATION_STATES_ && (unsigned)event < CONVERSATION_EVENTS_ &&
	    table[state][event].action != CONVERSATION_FAIL)
		step = table[state][event];
	return step;
}

static const struct {
	const char *name;
	bool awaits, may_tell;
} about[CONVERSATION_STATES_] = {
	[CONVERSATION_NEW] = { "new", true, false },
	[CONVERSATION_FIRST] = { "first", true, true },
	[CONVERSATION_OPENING] = { "opening", false, true },
	[CONVERSATION_NEGOTIATING] = { "negotiating", true, true },
	[CONVERSATION_ACCEPTING] = { "accepting", false, true },
	[CONVERSATION_ACCEPTING_BOUND] = { "accepting-bound", false, true },
	[CONVERSATION_BINDING] = { "binding", true, true },
	[CONVERSATION_VERIFYING] = { "verifying", false, true },
	[CONVERSATION_JUDGED] = { "judged", true, true },
	[CONVERSATION_AUTHINFO] = { "authinfo", true, false },
	[CONVERSATION_ENDED] = { "ended", false, false },
};

const char *conversation_state_name(enum conversation_state state)
{
	return (unsigned)state < CONVERSATION_STATES_ ? about[state].name : "?";
}

bool conversation_awaits(enum conversation_state state)
{
	return (unsigned)state < CONVERSATION_STATES_ && about[state].awaits;
}

bool conversation_may_tell(enum conversation_state state)
{
	return (unsigned)state < CONVERSATION_STATES_ && about[state].may_tell;
}

/* The event by which fields are there; every other set of fields has none. */
static enum conversation_event event_of(const struct tsrequest *t)
{
	bool token = t->nego_token.p, binding = t->pub_key_auth.p, info = t->auth_info.p;

	if (info)
		return token || binding ? CONVERSATION_WRONG : CONVERSATION_GOT_AUTHINFO;
	if (token)
		return binding ? CONVERSATION_GOT_TOKEN_BINDING : CONVERSATION_GOT_TOKEN;
	return binding ? CONVERSATION_GOT_BINDING : CONVERSATION_WRONG;
}

/* These return NULL, or what is wrong. */
static const char *take_nonce(struct conversation *c, const struct tsrequest *t)
{
	const struct view n = t->client_nonce;

	if (n.p) {
		if (n.len != sizeof c->nonce)
			return "clientNonce of a wrong length";
		if (c->has_nonce && !secret_equal(c->nonce, n.p, n.len))
			return "clientNonce changed";
		memcpy(c->nonce, n.p, n.len);
		c->has_nonce = true;
	}
	if (t->pub_key_auth.p && c->version >= 5 && !c->has_nonce)
		return "pubKeyAuth without clientNonce";
	return NULL;
}

static const char *take_version(struct conversation *c, const struct tsrequest *t)
{
	if (c->version && t->version != c->peer_version)
		return "the version changed";
	c->peer_version = t->version;
	c->version = t->version < CONVERSATION_VERSION ? t->version : CONVERSATION_VERSION;
	return NULL;
}

enum conversation_event conversation_take(struct conversation *c, const struct tsrequest *t, enum refusal *ret_refusal,
					  const char **ret_detail)
{
	enum conversation_event event = CONVERSATION_WRONG;
	enum refusal refusal = REFUSAL_PROTOCOL;
	const char *wrong = take_version(c, t);

	if (!wrong && c->version < c->min_version) {
		refusal = REFUSAL_VERSION;
		wrong = "";
	}
	if (!wrong && ++c->rounds > TSREQUEST_ROUNDS_MAX)
		wrong = "too many TSRequests";
	if (!wrong && t->has_error_code)
		wrong = "the client sent errorCode";
	if (!wrong)
		wrong = take_nonce(c, t);
	if (!wrong) {
		event = event_of(t);
		wrong = event == CONVERSATION_WRONG ? "fields that do not go together" : NULL;
	}
	if (!wrong)
		return event;
	*ret_refusal = refusal;
	*ret_detail = wrong;
	return CONVERSATION_WRONG;
}

struct view conversation_nonce(const struct conversation *c)
{
	return c->has_nonce ? (struct view){ c->nonce, sizeof c->nonce } : VIEW_NULL;
}
