/* SPDX-License-Identifier: MIT */
/*
 * The CredSSP conversation of one client, acceptor's side (MS-CSSP 3.1.5): TSRequest in, TSRequest out. Does no I/O:
 * the worker moves the octets, and asks the supervisor where the conversation says so.
 */
#pragma once

#include "credsspd/auth/acceptor.h"
#include "credsspd/wire/tscredentials.h"
#include "credsspd/wire/tsrequest.h"

enum conversation_state {
	CONVERSATION_TOKENS, /* SPNEGO goes on */
	CONVERSATION_BINDING, /* the context is complete, pubKeyAuth has not come yet */
	CONVERSATION_VERDICT, /* pubKeyAuth was right; may this client log on? */
	CONVERSATION_AUTHINFO, /* pubKeyAuth was answered */
	CONVERSATION_ENDED,
	CONVERSATION_STATES_
};

/* What the worker does next. */
enum conversation_result {
	CONVERSATION_NOT_MINE, /* give the same octets to the other template */
	CONVERSATION_REPLY, /* send c->reply (when reply_len is not 0), then read on */
	CONVERSATION_ASK, /* ask for the verdict: c->context.principal, c->version */
	CONVERSATION_CREDENTIALS, /* c->credentials are views into c->clear */
	CONVERSATION_REFUSED, /* c->error says why; c->reply is an errorCode reply when reply_len is not 0 */
};

struct conversation {
	const struct acceptor *acceptor;
	struct acceptor_context context;
	enum conversation_state state;
	unsigned min_version, rounds;
	uint32_t peer_version; /* as sent; the same in every message */
	unsigned version; /* min(peer_version, 6); 0 before the first message */
	bool has_nonce;
	uint8_t nonce[CLIENT_NONCE_LEN];
	struct view public_key; /* SubjectPublicKey of the TLS certificate; the caller's */
	gss_buffer_desc token; /* of the last step, when it goes out together with pubKeyAuth */
	struct acceptor_error error;
	struct secret clear;
	struct tscredentials credentials;
	size_t reply_len;
	uint8_t reply[TSREQUEST_MAX];
};

/* @public_key and @acceptor outlive the conversation. */
void conversation_init(struct conversation *c, const struct acceptor *acceptor, unsigned min_version, struct view public_key);

/* Wipes and frees. */
void conversation_done(struct conversation *c);

/* One TSRequest of the client, @len octets at @p. */
enum conversation_result conversation_take(struct conversation *c, const uint8_t *p, size_t len);

/* The verdict that CONVERSATION_ASK asked for: REFUSAL_NONE grants. Returns CONVERSATION_REPLY or CONVERSATION_REFUSED. */
enum conversation_result conversation_verdict(struct conversation *c, enum refusal refusal);
