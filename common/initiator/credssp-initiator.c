/* SPDX-License-Identifier: MIT */
#include "common/initiator/credssp-initiator.h"

#include <errno.h>

#include "common/base/secret.h"
#include "common/wire/binding.h"

_Static_assert(CREDSSP_CREDENTIALS_MAX >= BINDING_MAX, "sealed[] takes pubKeyAuth, too");

static int fail(struct credssp_initiator *c, int r, enum credssp_fault fault)
{
	c->fault = fault;
	return r;
}

static int send_tsrequest(struct credssp_initiator *c, struct tsrequest *t)
{
	size_t len;
	int r;

	t->version = CREDSSP_PROTOCOL_VERSION;
	t->client_nonce = (struct view){ c->nonce, sizeof c->nonce };
	r = tsrequest_write(t, c->out, sizeof c->out, &len);
	if (r < 0)
		return fail(c, r, CREDSSP_TOO_LONG);
	r = c->transport->send(c->userdata, (struct view){ c->out, len });
	return r < 0 ? fail(c, r, CREDSSP_TRANSPORT_FAILED) : 0;
}

static int receive_tsrequest(struct credssp_initiator *c, struct tsrequest *ret_)
{
	int r = c->transport->receive(c->userdata, ret_);

	if (r < 0)
		return fail(c, r, CREDSSP_TRANSPORT_FAILED);
	c->version = ret_->version < CREDSSP_PROTOCOL_VERSION ? ret_->version : CREDSSP_PROTOCOL_VERSION;
	return 0;
}

static int seal(struct credssp_initiator *c, struct view clear, struct view *ret_sealed)
{
	size_t len;

	if (initiator_wrap(c->initiator, clear, c->sealed, sizeof c->sealed, &len) < 0)
		return fail(c, -EIO, CREDSSP_NOT_SEALED);
	*ret_sealed = (struct view){ c->sealed, len };
	return 0;
}

static int compute_binding(struct credssp_initiator *c, enum binding_direction direction, uint8_t out[BINDING_MAX],
			   size_t *ret_len)
{
	return binding_compute(c->version, direction, (struct view){ c->nonce, sizeof c->nonce }, c->key, out, ret_len);
}

static int seal_binding(struct credssp_initiator *c, struct view *ret_sealed)
{
	static uint8_t clear[BINDING_MAX];
	size_t len;

	if (compute_binding(c, BINDING_CLIENT_TO_SERVER, clear, &len) < 0)
		return fail(c, -EIO, CREDSSP_NOT_SEALED);
	return seal(c, (struct view){ clear, len }, ret_sealed);
}

int credssp_authenticate(struct credssp_initiator *c)
{
	struct tsrequest in = { .version = CREDSSP_PROTOCOL_VERSION };
	int step = 1, r;

	c->version = CREDSSP_PROTOCOL_VERSION;
	for (unsigned round = 0; step == 1 && round < CREDSSP_ROUNDS_MAX; round++) {
		struct tsrequest t = { .version = CREDSSP_PROTOCOL_VERSION };

		step = initiator_step(c->initiator, in.nego_token, &t.nego_token);
		if (step < 0)
			return fail(c, step, CREDSSP_BAD_TOKEN);
		if (step == 0 && seal_binding(c, &t.pub_key_auth) < 0)
			return -EIO;
		r = send_tsrequest(c, &t);
		c->bound = step == 0;
		if (r == 0 && step == 1)
			r = receive_tsrequest(c, &in);
		if (r < 0)
			return r;
	}
	return step == 0 ? 0 : fail(c, -EPROTO, CREDSSP_TOO_MANY_ROUNDS);
}

int credssp_check_binding(struct credssp_initiator *c)
{
	static uint8_t want[BINDING_MAX], got[BINDING_MAX];
	size_t want_len, got_len;
	struct tsrequest t;
	int r = receive_tsrequest(c, &t);

	if (r < 0)
		return r;
	if (!t.pub_key_auth.p)
		return fail(c, -EPROTO, CREDSSP_NO_BINDING);
	if (initiator_unwrap(c->initiator, t.pub_key_auth, got, sizeof got, &got_len) < 0 ||
	    compute_binding(c, BINDING_SERVER_TO_CLIENT, want, &want_len) < 0 || got_len != want_len ||
	    !secret_equal(got, want, want_len))
		return fail(c, -EPROTO, CREDSSP_OTHER_KEY);
	return 0;
}

int credssp_delegate(struct credssp_initiator *c, struct view credentials)
{
	struct tsrequest t = { .version = CREDSSP_PROTOCOL_VERSION };

	if (seal(c, credentials, &t.auth_info) < 0)
		return -EIO;
	return send_tsrequest(c, &t);
}
