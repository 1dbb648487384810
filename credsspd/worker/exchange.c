/* SPDX-License-Identifier: MIT */
/* MS-CSSP 3.1.5 as a table; exchange.h explains it. */
#include "credsspd/worker/exchange.h"

#include <string.h>

#include "common/base/secret.h"

#define GSS_ANSWERS \
	[EXCHANGE_CONTINUE] = { EXCHANGE_SEND_TOKEN, EXCHANGE_NEGOTIATING }, [EXCHANGE_COMPLETE] = { \
		EXCHANGE_SEND_TOKEN, EXCHANGE_BINDING \
	}

static const struct exchange_step table[EXCHANGE_STATES_][EXCHANGE_EVENTS_] = {
	[EXCHANGE_NEW] = {
		[EXCHANGE_GOT_START] = { EXCHANGE_READ, EXCHANGE_FIRST },
	},
	[EXCHANGE_FIRST] = {
		[EXCHANGE_GOT_TOKEN] = { EXCHANGE_ACCEPT, EXCHANGE_OPENING },
	},
	[EXCHANGE_OPENING] = {
		[EXCHANGE_FOREIGN] = { EXCHANGE_PASS_ON, EXCHANGE_ENDED },
		GSS_ANSWERS,
	},
	[EXCHANGE_NEGOTIATING] = {
		[EXCHANGE_GOT_TOKEN] = { EXCHANGE_ACCEPT, EXCHANGE_ACCEPTING },
		[EXCHANGE_GOT_TOKEN_BINDING] = { EXCHANGE_ACCEPT, EXCHANGE_ACCEPTING_BOUND },
	},
	[EXCHANGE_ACCEPTING] = {
		GSS_ANSWERS,
	},
	[EXCHANGE_ACCEPTING_BOUND] = {
		/* CONTINUE has no row: a client that has sent pubKeyAuth has no further token */
		[EXCHANGE_COMPLETE] = { EXCHANGE_VERIFY, EXCHANGE_VERIFYING },
	},
	[EXCHANGE_BINDING] = {
		[EXCHANGE_GOT_BINDING] = { EXCHANGE_VERIFY, EXCHANGE_VERIFYING },
	},
	[EXCHANGE_VERIFYING] = {
		[EXCHANGE_BOUND] = { EXCHANGE_REPORT, EXCHANGE_JUDGED },
	},
	[EXCHANGE_JUDGED] = {
		[EXCHANGE_GOT_GRANTED] = { EXCHANGE_CONFIRM, EXCHANGE_AUTHINFO },
		[EXCHANGE_GOT_REFUSED] = { EXCHANGE_DENY, EXCHANGE_ENDED },
	},
	[EXCHANGE_AUTHINFO] = {
		[EXCHANGE_GOT_AUTHINFO] = { EXCHANGE_DELEGATE, EXCHANGE_ENDED },
	},
};

struct exchange_step exchange_step(enum exchange_state state, enum exchange_event event)
{
	struct exchange_step step = { EXCHANGE_FAIL, EXCHANGE_ENDED };

	if ((unsigned)state < EXCHANGE_STATES_ && (unsigned)event < EXCHANGE_EVENTS_ &&
	    table[state][event].action != EXCHANGE_FAIL)
		step = table[state][event];
	return step;
}

static const struct {
	const char *name;
	bool awaits, may_tell;
} about[EXCHANGE_STATES_] = {
	[EXCHANGE_NEW] = { "new", true, false },
	[EXCHANGE_FIRST] = { "first", true, true },
	[EXCHANGE_OPENING] = { "opening", false, true },
	[EXCHANGE_NEGOTIATING] = { "negotiating", true, true },
	[EXCHANGE_ACCEPTING] = { "accepting", false, true },
	[EXCHANGE_ACCEPTING_BOUND] = { "accepting-bound", false, true },
	[EXCHANGE_BINDING] = { "binding", true, true },
	[EXCHANGE_VERIFYING] = { "verifying", false, true },
	[EXCHANGE_JUDGED] = { "judged", true, true },
	[EXCHANGE_AUTHINFO] = { "authinfo", true, false },
	[EXCHANGE_ENDED] = { "ended", false, false },
};

const char *exchange_state_name(enum exchange_state state)
{
	return (unsigned)state < EXCHANGE_STATES_ ? about[state].name : "?";
}

bool exchange_awaits(enum exchange_state state)
{
	return (unsigned)state < EXCHANGE_STATES_ && about[state].awaits;
}

bool exchange_may_tell(enum exchange_state state)
{
	return (unsigned)state < EXCHANGE_STATES_ && about[state].may_tell;
}

/* Returns the event for the combination of fields; EXCHANGE_WRONG for other combinations. */
static enum exchange_event event_of(const struct tsrequest *t)
{
	bool token = t->nego_token.p, binding = t->pub_key_auth.p, info = t->auth_info.p;

	if (info)
		return token || binding ? EXCHANGE_WRONG : EXCHANGE_GOT_AUTHINFO;
	if (token)
		return binding ? EXCHANGE_GOT_TOKEN_BINDING : EXCHANGE_GOT_TOKEN;
	return binding ? EXCHANGE_GOT_BINDING : EXCHANGE_WRONG;
}

/* The take_ functions return NULL, or a text about the error. */
static const char *take_nonce(struct exchange *c, const struct tsrequest *t)
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

static const char *take_version(struct exchange *c, const struct tsrequest *t)
{
	if (c->version && t->version != c->peer_version)
		return "the client changed its CredSSP version";
	c->peer_version = t->version;
	c->version = t->version < EXCHANGE_VERSION ? t->version : EXCHANGE_VERSION;
	return NULL;
}

enum exchange_event exchange_take(struct exchange *c, const struct tsrequest *t, enum refusal *ret_refusal,
				  const char **ret_detail)
{
	enum exchange_event event = EXCHANGE_WRONG;
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
		wrong = event == EXCHANGE_WRONG ? "a TSRequest with fields that exclude each other" : NULL;
	}
	if (!wrong)
		return event;
	*ret_refusal = refusal;
	*ret_detail = wrong;
	return EXCHANGE_WRONG;
}

struct view exchange_nonce(const struct exchange *c)
{
	return c->has_nonce ? (struct view){ c->nonce, sizeof c->nonce } : VIEW_NULL;
}
