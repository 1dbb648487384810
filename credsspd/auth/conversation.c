/* SPDX-License-Identifier: MIT */
/*
 * What serves every client (they differ in where pubKeyAuth travels): when the security context completes in a
 * step and the request carried pubKeyAuth, one TSRequest answers both; when it did not, the output token goes out
 * alone and the next request must carry pubKeyAuth. A received pubKeyAuth is never dropped.
 */
#include "credsspd/auth/conversation.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "credsspd/wire/binding.h"

#define CREDSSP_VERSION_OURS 6U

/* What a TSRequest may consist of. */
enum shape {
	SHAPE_TOKEN,
	SHAPE_TOKEN_AND_KEY,
	SHAPE_KEY,
	SHAPE_AUTHINFO,
	SHAPE_OTHER,
	SHAPES_
};

typedef enum conversation_result (*handler)(struct conversation *c, const struct tsrequest *t);

void conversation_init(struct conversation *c, const struct acceptor *acceptor, unsigned min_version, struct view public_key)
{
	memset(c, 0, offsetof(struct conversation, reply));
	c->acceptor = acceptor;
	c->context = ACCEPTOR_CONTEXT_NULL;
	c->min_version = min_version;
	c->public_key = public_key;
	c->clear = SECRET_NULL;
}

void conversation_done(struct conversation *c)
{
	OM_uint32 minor;

	secret_done(&c->clear);
	(void)gss_release_buffer(&minor, &c->token);
	if (c->context.gss != GSS_C_NO_CONTEXT)
		(void)gss_delete_sec_context(&minor, &c->context.gss, GSS_C_NO_BUFFER);
}

/* ---- replies ---- */

static int write_reply(struct conversation *c, struct tsrequest *t)
{
	t->version = CREDSSP_VERSION_OURS;
	return tsrequest_write(t, c->reply, sizeof c->reply, &c->reply_len);
}

/* Ends it; tells the client by errorCode where its version has one and there is something to tell. */
static enum conversation_result refused(struct conversation *c)
{
	struct tsrequest t = { .has_error_code = true, .error_code = refusal_ntstatus(c->error.refusal) };

	c->state = CONVERSATION_ENDED;
	c->reply_len = 0;
	if (t.error_code && refusal_version_has_error_code(c->version))
		(void)write_reply(c, &t);
	return CONVERSATION_REFUSED;
}

static enum conversation_result refuse(struct conversation *c, enum refusal refusal, const char *detail)
{
	c->error.refusal = refusal;
	(void)snprintf(c->error.detail, sizeof c->error.detail, "%s", detail);
	return refused(c);
}

static struct view view_of(const gss_buffer_desc *b)
{
	return b->length ? (struct view){ b->value, b->length } : VIEW_NULL;
}

/* ---- steps ---- */

static enum conversation_result check_binding(struct conversation *c, struct view pub_key_auth)
{
	AUTO_SECRET struct secret clear = SECRET_NULL;
	static uint8_t expected[BINDING_MAX]; /* one conversation a process; too large for the stack */
	size_t len;

	if (c->version >= 5 && !c->has_nonce)
		return refuse(c, REFUSAL_PROTOCOL, "pubKeyAuth without clientNonce");
	if (acceptor_unwrap(c->acceptor, &c->context, pub_key_auth, &clear, &c->error) < 0)
		return refused(c);
	if (binding_compute(c->version, BINDING_CLIENT_TO_SERVER, (struct view){ c->nonce, sizeof c->nonce }, c->public_key,
			    expected, &len) < 0)
		return refuse(c, REFUSAL_INTERNAL, "the binding cannot be computed");
	if (secret_len(&clear) != len || !secret_equal(secret_expose(&clear), expected, len))
		return refuse(c, REFUSAL_BINDING, "");
	c->state = CONVERSATION_VERDICT;
	return CONVERSATION_ASK;
}

/* One step of GSSAPI with @token; the output is in c->token. */
static int step(struct conversation *c, struct view token)
{
	OM_uint32 minor;

	(void)gss_release_buffer(&minor, &c->token);
	return acceptor_step(c->acceptor, &c->context, token, &c->token, &c->error);
}

static enum conversation_result send_token(struct conversation *c)
{
	struct tsrequest t = { .nego_token = view_of(&c->token) };
	OM_uint32 minor;
	int r = 0;

	c->reply_len = 0;
	if (t.nego_token.p)
		r = write_reply(c, &t);
	(void)gss_release_buffer(&minor, &c->token);
	return r < 0 ? refuse(c, REFUSAL_INTERNAL, "the reply does not fit") : CONVERSATION_REPLY;
}

static enum conversation_result take_token(struct conversation *c, const struct tsrequest *t)
{
	if (c->rounds == 1 && !acceptor_is_for(c->acceptor, t->nego_token))
		return CONVERSATION_NOT_MINE;
	if (step(c, t->nego_token) < 0)
		return refused(c);
	if (c->context.complete)
		c->state = CONVERSATION_BINDING;
	return send_token(c);
}

static enum conversation_result take_token_and_key(struct conversation *c, const struct tsrequest *t)
{
	if (c->rounds == 1 && !acceptor_is_for(c->acceptor, t->nego_token))
		return CONVERSATION_NOT_MINE;
	if (step(c, t->nego_token) < 0)
		return refused(c);
	if (!c->context.complete)
		return refuse(c, REFUSAL_PROTOCOL, "pubKeyAuth before the security context is complete");
	return check_binding(c, t->pub_key_auth);
}

static enum conversation_result take_key(struct conversation *c, const struct tsrequest *t)
{
	return check_binding(c, t->pub_key_auth);
}

static enum conversation_result take_authinfo(struct conversation *c, const struct tsrequest *t)
{
	int r;

	if (acceptor_unwrap(c->acceptor, &c->context, t->auth_info, &c->clear, &c->error) < 0)
		return refused(c);
	r = tscredentials_read(secret_expose(&c->clear), secret_len(&c->clear), &c->credentials);
	if (r == -EPROTONOSUPPORT)
		return refuse(c, REFUSAL_CREDENTIAL_KIND, "unknown credType");
	if (r < 0)
		return refuse(c, REFUSAL_PROTOCOL, "malformed TSCredentials");
	c->state = CONVERSATION_ENDED;
	return CONVERSATION_CREDENTIALS;
}

/* An absent row: such a message may not come in this state. */
static const handler table[CONVERSATION_STATES_][SHAPES_] = {
	[CONVERSATION_TOKENS] = { [SHAPE_TOKEN] = take_token, [SHAPE_TOKEN_AND_KEY] = take_token_and_key },
	[CONVERSATION_BINDING] = { [SHAPE_KEY] = take_key },
	[CONVERSATION_AUTHINFO] = { [SHAPE_AUTHINFO] = take_authinfo },
};

static enum shape shape_of(const struct tsrequest *t)
{
	bool token = t->nego_token.p, key = t->pub_key_auth.p, auth = t->auth_info.p;

	if (t->has_error_code)
		return SHAPE_OTHER;
	if (token && !auth)
		return key ? SHAPE_TOKEN_AND_KEY : SHAPE_TOKEN;
	if (key && !auth)
		return SHAPE_KEY;
	return auth && !token && !key ? SHAPE_AUTHINFO : SHAPE_OTHER;
}

/* Version and nonce: the same in every message of a conversation. 0, or -EPROTO. */
static int take_common(struct conversation *c, const struct tsrequest *t)
{
	if (c->version == 0) {
		c->peer_version = t->version;
		c->version = t->version < CREDSSP_VERSION_OURS ? t->version : CREDSSP_VERSION_OURS;
	}
	if (t->version != c->peer_version)
		return -EPROTO;
	if (!t->client_nonce.p)
		return 0;
	if (c->has_nonce && !secret_equal(c->nonce, t->client_nonce.p, CLIENT_NONCE_LEN))
		return -EPROTO;
	memcpy(c->nonce, t->client_nonce.p, CLIENT_NONCE_LEN);
	c->has_nonce = true;
	return 0;
}

enum conversation_result conversation_take(struct conversation *c, const uint8_t *p, size_t len)
{
	struct tsrequest t;
	handler take;

	c->reply_len = 0;
	if (++c->rounds > TSREQUEST_ROUNDS_MAX)
		return refuse(c, REFUSAL_PROTOCOL, "too many rounds");
	if (tsrequest_read(p, len, &t) < 0)
		return refuse(c, REFUSAL_PROTOCOL, "malformed TSRequest");
	if (take_common(c, &t) < 0)
		return refuse(c, REFUSAL_PROTOCOL, "version or clientNonce changed");
	if (c->version < c->min_version)
		return refuse(c, REFUSAL_VERSION, "");
	take = table[c->state][shape_of(&t)];
	return take ? take(c, &t) : refuse(c, REFUSAL_PROTOCOL, "a TSRequest that may not come now");
}

enum conversation_result conversation_verdict(struct conversation *c, enum refusal refusal)
{
	static uint8_t clear[BINDING_MAX], sealed[BINDING_MAX + 256];
	struct tsrequest t = { .nego_token = view_of(&c->token) };
	size_t clear_len, sealed_len;

	if (c->state != CONVERSATION_VERDICT)
		return refuse(c, REFUSAL_INTERNAL, "a verdict that was not asked for");
	if (refusal != REFUSAL_NONE)
		return refuse(c, refusal, "");
	if (binding_compute(c->version, BINDING_SERVER_TO_CLIENT, (struct view){ c->nonce, sizeof c->nonce }, c->public_key,
			    clear, &clear_len) < 0 ||
	    acceptor_wrap(c->acceptor, &c->context, (struct view){ clear, clear_len }, sealed, sizeof sealed, &sealed_len) < 0)
		return refuse(c, REFUSAL_INTERNAL, "pubKeyAuth cannot be made");
	t.pub_key_auth = (struct view){ sealed, sealed_len };
	if (write_reply(c, &t) < 0)
		return refuse(c, REFUSAL_INTERNAL, "the reply does not fit");
	c->state = CONVERSATION_AUTHINFO;
	return CONVERSATION_REPLY;
}
