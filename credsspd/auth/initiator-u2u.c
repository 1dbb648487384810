/* SPDX-License-Identifier: MIT */
/*
 * The client's side of user-to-user (acceptor-u2u.c has the exchange). Its ticket is one of our own making, under a key
 * that both sides know, so the TGT-REP is looked at and not used. GSSAPI makes the AP-REQ; USE_SESSION_KEY is set in it
 * afterwards: ap-options are not covered by anything (RFC 4120 5.5.1).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "credsspd/auth/initiator-private.h"
#include "credsspd/wire/spnego.h"
#include "credsspd/wire/usertouser.h"

#define CLIENT_MECHS_MAX 8U
#define CLIENT_ROOM 16384U

struct u2u_client {
	unsigned step;
	enum gss_mech mechs[CLIENT_MECHS_MAX];
	size_t n_mechs;
	size_t list_len;
	uint8_t list[MECH_TYPES_MAX]; /* MechTypeList, as sent */
	uint8_t inner[CLIENT_ROOM], out[CLIENT_ROOM];
};

struct u2u_client *u2u_client_new(const enum gss_mech *mechs, size_t n_mechs)
{
	struct u2u_client *u = n_mechs <= CLIENT_MECHS_MAX ? calloc(1, sizeof *u) : NULL;

	if (u) {
		memcpy(u->mechs, mechs, n_mechs * sizeof *mechs);
		u->n_mechs = n_mechs;
	}
	return u;
}

static int fail(struct initiator *i, const char *what)
{
	(void)snprintf(i->detail, sizeof i->detail, "user-to-user: %s", what);
	return -EACCES;
}

static int send_tgt_req(struct initiator *i, struct view *ret_token)
{
	struct u2u_client *u = i->u2u;
	uint8_t request[256];
	struct spnego_init init;
	size_t request_len, inner_len, len;

	/* the unit tests have tickets of that name; the template's own, an account's, is for any */
	if (tgt_request_write("TERMSRV", "rdp.test.example", request, sizeof request, &request_len) < 0 ||
	    gss_frame_write(GSS_MECH_USER_TO_USER, USER_TO_USER_TGT_REQ, (struct view){ request, request_len },
			    u->inner, sizeof u->inner, &inner_len) < 0 ||
	    spnego_init_write(u->mechs, u->n_mechs, (struct view){ u->inner, inner_len }, u->out, sizeof u->out, &len) <
		0 ||
	    spnego_init_read((struct view){ u->out, len }, &init) < 0 || init.mech_types.len > sizeof u->list)
		return fail(i, "no NegTokenInit");
	memcpy(u->list, init.mech_types.p, init.mech_types.len);
	u->list_len = init.mech_types.len;
	*ret_token = (struct view){ u->out, len };
	return 1;
}

static int check_tgt_rep(const struct u2u_client *u, const struct spnego_resp *r)
{
	struct view message, ticket;

	if (r->state != SPNEGO_ACCEPT_INCOMPLETE || r->mech_list_mic.p ||
	    gss_unframe(r->response_token, GSS_MECH_USER_TO_USER, USER_TO_USER_TGT_REP, &message) < 0 ||
	    tgt_reply_read(message, &ticket) < 0 || ticket.len == 0)
		return -EPROTO;
	return gss_mech_of(r->supported_mech) == u->mechs[0] ? 0 : -EPROTO;
}

static int send_ap_req(struct initiator *i, const struct spnego_resp *r, struct view *ret_token)
{
	struct u2u_client *u = i->u2u;
	struct spnego_resp out = { .state = SPNEGO_ACCEPT_INCOMPLETE };
	struct view framed, message, options;
	enum gss_mech mech;
	uint16_t id;
	size_t inner_len, len;

	if (check_tgt_rep(u, r) < 0)
		return fail(i, "no TGT-REP");
	if (initiator_gss(i, VIEW_NULL, &framed) != 1)
		return -EACCES;
	if (gss_frame_read(framed, &mech, &id, &message) < 0 || id != USER_TO_USER_AP_REQ ||
	    gss_frame_write(GSS_MECH_USER_TO_USER, id, message, u->inner, sizeof u->inner, &inner_len) < 0 ||
	    gss_frame_read((struct view){ u->inner, inner_len }, &mech, &id, &message) < 0)
		return fail(i, "no AP-REQ");
	options = ap_req_options(message);
	if (!options.p)
		return fail(i, "no ap-options");
	u->inner[options.p - u->inner] |= AP_OPTION_USE_SESSION_KEY;
	out.response_token = (struct view){ u->inner, inner_len };
	if (spnego_resp_write(&out, u->out, sizeof u->out, &len) < 0)
		return fail(i, "no NegTokenResp");
	*ret_token = (struct view){ u->out, len };
	return 1;
}

static int check_ap_rep(struct initiator *i, const struct spnego_resp *r)
{
	struct u2u_client *u = i->u2u;
	gss_buffer_desc list = { u->list_len, u->list };
	gss_buffer_desc mic = { r->mech_list_mic.len, (void *)(uintptr_t)r->mech_list_mic.p };
	struct view message, none;
	OM_uint32 minor;
	size_t len;

	if (!r->mech_list_mic.p ||
	    gss_unframe(r->response_token, GSS_MECH_USER_TO_USER, USER_TO_USER_AP_REP, &message) < 0 ||
	    gss_frame_write(GSS_MECH_KRB5, USER_TO_USER_AP_REP, message, u->inner, sizeof u->inner, &len) < 0)
		return fail(i, "no AP-REP");
	if (initiator_gss(i, (struct view){ u->inner, len }, &none) != 0)
		return -EACCES;
	return gss_verify_mic(&minor, i->ctx, &list, &mic, NULL) == GSS_S_COMPLETE ? 0 : fail(i, "the server's MIC");
}

static int send_mic(struct initiator *i, const struct spnego_resp *r, struct view *ret_token)
{
	struct u2u_client *u = i->u2u;
	gss_buffer_desc list = { u->list_len, u->list }, mic = GSS_C_EMPTY_BUFFER;
	struct spnego_resp out = { .state = SPNEGO_ACCEPT_COMPLETED };
	OM_uint32 minor, ignored;
	size_t len;
	int e = check_ap_rep(i, r);

	if (e < 0)
		return e;
	if (gss_get_mic(&minor, i->ctx, GSS_C_QOP_DEFAULT, &list, &mic) != GSS_S_COMPLETE)
		return fail(i, "no MIC");
	out.mech_list_mic = (struct view){ mic.value, mic.length };
	e = spnego_resp_write(&out, u->out, sizeof u->out, &len);
	(void)gss_release_buffer(&ignored, &mic);
	if (e < 0)
		return fail(i, "no NegTokenResp");
	*ret_token = (struct view){ u->out, len };
	return 0;
}

int u2u_client_step(struct initiator *i, struct view token, struct view *ret_token)
{
	struct spnego_resp r;
	unsigned step = i->u2u->step++;

	if (step == 0)
		return send_tgt_req(i, ret_token);
	if (spnego_resp_read(token, &r) < 0)
		return fail(i, "no NegTokenResp");
	return step == 1 ? send_ap_req(i, &r, ret_token) : send_mic(i, &r, ret_token);
}
