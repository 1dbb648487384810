/* SPDX-License-Identifier: MIT */
/*
 * Kerberos user-to-user in SPNEGO, as domain-joined Windows clients open CredSSP: draft-swift-win2k-krb-user2user-03,
 * RFC 4178, and what MS-KILE and captures say of it. MIT's acceptor refuses the first token outright, so SPNEGO is
 * spoken here: > NegTokenInit, TGT-REQ               < accept-incomplete, TGT-REP with a ticket of ours > AP-REQ under
 * that ticket's key      < accept-incomplete, AP-REP, mechListMIC > accept-completed, mechListMIC (and pubKeyAuth
 * beside it) The AP-REQ goes to MIT's acceptor as an ordinary one: its keytab has the session keys of our tickets and
 * no other key. libkrb5 does not look at USE_SESSION_KEY; we do. Replays are as useless as with service tickets
 * (acceptor.c): MUTUAL is demanded, and the client's MIC comes under the fresh acceptor subkey.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "credsspd/auth/acceptor-private.h"
#include "credsspd/wire/usertouser.h"
#include "include/credssp/cleanup.h"

#define FRAME_ROOM 64U /* 0x60, length, mechanism, TOK_ID; the same again for NegTokenResp */

bool u2u_begins(const struct acceptor *a, const struct spnego_init *init)
{
	/* the token is for the first mechanism, which is echoed; with another one in front nobody sends it */
	return a->mechanism == MECHANISM_KRB5 && init->mech_token == GSS_TOKEN_USER_TO_USER &&
	       (init->krb5_first || gss_mech_of(init->first) == GSS_MECH_USER_TO_USER);
}

/* ---- out ---- */

/* Makes @r the token for the client. */
static int give(struct acceptor *a, const struct spnego_resp *r)
{
	size_t room = r->response_token.len + r->mech_list_mic.len + FRAME_ROOM, len;
	AUTO_FREE uint8_t *out = malloc(room);

	if (!out || spnego_resp_write(r, out, room, &len) < 0)
		return -1;
	a->token = (gss_buffer_desc){ len, TAKE_PTR(out) }; /* gss_release_buffer() frees what malloc() gave */
	return 0;
}

static int give_framed(struct acceptor *a, enum user_to_user_id id, struct view message, struct view mech,
		       struct view mic)
{
	size_t room = message.len + FRAME_ROOM, len;
	AUTO_FREE uint8_t *framed = malloc(room);
	struct spnego_resp r = { .state = SPNEGO_ACCEPT_INCOMPLETE, .supported_mech = mech, .mech_list_mic = mic };

	if (!framed || gss_frame_write(GSS_MECH_USER_TO_USER, (uint16_t)id, message, framed, room, &len) < 0)
		return -1;
	r.response_token = (struct view){ framed, len };
	return give(a, &r);
}

/* ---- TGT-REQ ---- */

enum acceptor_result u2u_first(struct acceptor *a, const struct spnego_init *init)
{
	struct view message, ticket;
	struct tgt_request request;
	static uint8_t reply[TGT_MAX + FRAME_ROOM]; /* too large for the stack */
	int64_t now = (int64_t)time(NULL);
	size_t len;

	if (gss_unframe(init->mech_token_octets, GSS_MECH_USER_TO_USER, USER_TO_USER_TGT_REQ, &message) < 0 ||
	    tgt_request_read(message, &request) < 0 || init->mech_types.len > sizeof a->mech_types)
		return acceptor_refuse(a, REFUSAL_PROTOCOL, "malformed TGT-REQ");
	(void)snprintf(a->asked, sizeof a->asked, "%s", request.server);
	memcpy(a->mech_types, init->mech_types.p, init->mech_types.len);
	a->mech_types_len = init->mech_types.len;
	tgts_expire(a->tgts, now); /* the template does it only when another one comes */
	ticket = tgts_find(a->tgts, request.server, now);
	if (!ticket.p)
		return ACCEPTOR_FOREIGN;
	a->opened = true;
	/* the client's first choice is echoed: Windows' is MS-KRB5 */
	if (tgt_reply_write(ticket, reply, sizeof reply, &len) < 0 ||
	    give_framed(a, USER_TO_USER_TGT_REP, (struct view){ reply, len }, init->first, VIEW_NULL) < 0)
		return acceptor_refuse(a, REFUSAL_INTERNAL, "no TGT-REP");
	a->u2u = U2U_AP_REQ;
	return ACCEPTOR_CONTINUE;
}

/* ---- AP-REQ ---- */

static enum acceptor_result accept_ap_req(struct acceptor *a, struct view message)
{
	size_t room = message.len + FRAME_ROOM, len;
	AUTO_FREE uint8_t *framed = malloc(room);
	OM_uint32 major, minor, flags;
	gss_OID mech;

	if (!framed || gss_frame_write(GSS_MECH_KRB5, USER_TO_USER_AP_REQ, message, framed, room, &len) < 0)
		return acceptor_refuse(a, REFUSAL_INTERNAL, "out of memory");
	major = acceptor_gss(a, a->u2u_cred, (struct view){ framed, len }, &mech, &minor, &flags);
	if (!GSS_ERROR(major) && flags & GSS_C_DCE_STYLE) /* it would want a third message */
		return acceptor_refuse(a, REFUSAL_PROTOCOL, "DCE style");
	if (major != GSS_S_COMPLETE) {
		acceptor_status_text(a->detail, sizeof a->detail, major, minor, a->mechanism);
		return acceptor_refuse(a, REFUSAL_BAD_CREDENTIALS, NULL);
	}
	return acceptor_check_context(a, mech, flags);
}

/* The AP-REP that GSSAPI gave, framed anew, and our MIC over the client's list beside it. */
static int give_ap_rep(struct acceptor *a)
{
	gss_buffer_desc ap_rep = a->token, list = { a->mech_types_len, a->mech_types }, mic = GSS_C_EMPTY_BUFFER;
	enum gss_mech mech;
	struct view message;
	OM_uint32 minor, ignored;
	uint16_t id;
	int r = -1;

	a->token = (gss_buffer_desc)GSS_C_EMPTY_BUFFER;
	if (gss_frame_read((struct view){ ap_rep.value, ap_rep.length }, &mech, &id, &message) == 0 &&
	    id == USER_TO_USER_AP_REP && gss_get_mic(&minor, a->ctx, GSS_C_QOP_DEFAULT, &list, &mic) == GSS_S_COMPLETE)
		r = give_framed(a, USER_TO_USER_AP_REP, message, VIEW_NULL, (struct view){ mic.value, mic.length });
	(void)gss_release_buffer(&ignored, &ap_rep);
	(void)gss_release_buffer(&ignored, &mic);
	return r;
}

static enum acceptor_result take_ap_req(struct acceptor *a, const struct spnego_resp *r)
{
	struct view message, options;
	enum acceptor_result result;

	if (r->mech_list_mic.p || r->state == SPNEGO_REJECT ||
	    gss_unframe(r->response_token, GSS_MECH_USER_TO_USER, USER_TO_USER_AP_REQ, &message) < 0)
		return acceptor_refuse(a, REFUSAL_PROTOCOL, "no AP-REQ behind the TGT-REP");
	options = ap_req_options(message);
	if (!options.p)
		return acceptor_refuse(a, REFUSAL_PROTOCOL, "malformed AP-REQ");
	if (!(options.p[0] & AP_OPTION_USE_SESSION_KEY))
		return acceptor_refuse(a, REFUSAL_PROTOCOL, "user-to-user without USE_SESSION_KEY");
	if (!(options.p[0] & AP_OPTION_MUTUAL_REQUIRED)) /* else there is no AP-REP to answer with */
		return acceptor_refuse(a, REFUSAL_REPLAY, "the client did not ask for mutual authentication");
	result = accept_ap_req(a, message);
	if (result != ACCEPTOR_COMPLETE)
		return result;
	if (give_ap_rep(a) < 0)
		return acceptor_refuse(a, REFUSAL_INTERNAL, "no AP-REP");
	a->u2u = U2U_MIC;
	return ACCEPTOR_CONTINUE;
}

/* ---- mechListMIC ---- */

static enum acceptor_result take_mic(struct acceptor *a, const struct spnego_resp *r)
{
	gss_buffer_desc list = { a->mech_types_len, a->mech_types };
	gss_buffer_desc mic = { r->mech_list_mic.len, (void *)(uintptr_t)r->mech_list_mic.p };
	OM_uint32 major, minor;

	if (r->response_token.p || !r->mech_list_mic.p || r->state == SPNEGO_REJECT)
		return acceptor_refuse(a, REFUSAL_PROTOCOL, "no mechListMIC behind the AP-REP");
	if (krb5_mic_guard(r->mech_list_mic) < 0)
		return acceptor_refuse(a, REFUSAL_REPLAY, "a mechListMIC that is not under our subkey");
	major = gss_verify_mic(&minor, a->ctx, &list, &mic, NULL);
	if (major != GSS_S_COMPLETE) {
		acceptor_status_text(a->detail, sizeof a->detail, major, minor, a->mechanism);
		return acceptor_refuse(a, REFUSAL_REPLAY, NULL);
	}
	a->complete = true;
	return ACCEPTOR_COMPLETE;
}

enum acceptor_result u2u_next(struct acceptor *a, struct view token)
{
	struct spnego_resp r;

	if (gss_token_kind(token) != GSS_TOKEN_SPNEGO_RESP || spnego_resp_read(token, &r) < 0)
		return acceptor_refuse(a, REFUSAL_PROTOCOL, "no NegTokenResp");
	return a->u2u == U2U_AP_REQ ? take_ap_req(a, &r) : take_mic(a, &r);
}
