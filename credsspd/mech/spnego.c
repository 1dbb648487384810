/* SPDX-License-Identifier: MIT */
/*
 * The whole negotiation is the table below: the expected message x the received message. The rules around it:
 *
 * - The first mechanism of the client's list that is served is chosen (RFC 4178 4.2.2). MS-KRB5 and KRB5 are one, and
 *   the client's own OID is echoed.
 * - The optimistic token is used when the client's first mechanism is chosen. Otherwise it is dropped, the reply has
 *   request-mic, and mechListMICs are required in both directions (section 5).
 * - When the first mechanism is chosen, the MIC is optional: a client's MIC is verified and answered.
 * - The MIC is made with the context of the mechanism: before the context is complete, a MIC is an error.
 */
#include "credsspd/mech/spnego.h"

#include <string.h>

#include "common/base/cleanup.h"

#define FRAME_ROOM 64U /* around token and MIC in a NegTokenResp */
#define MIC_MAX 128U

enum message_kind {
	MESSAGE_INIT,
	MESSAGE_TOKEN, /* NegTokenResp with ... */
	MESSAGE_TOKEN_MIC,
	MESSAGE_MIC,
	MESSAGE_EMPTY,
	MESSAGE_REJECT,
	MESSAGE_MALFORMED,
	MESSAGES_
};

struct message {
	enum message_kind kind;
	struct view mech_types; /* of MESSAGE_INIT */
	struct view token, mic;
};

typedef enum mech_result (*spnego_action)(struct spnego *s, const struct spnego_offer *offer, const struct message *m);

static enum mech_result choose(struct spnego *s, const struct spnego_offer *offer, const struct message *m);
static enum mech_result feed(struct spnego *s, const struct spnego_offer *offer, const struct message *m);
static enum mech_result spnego_finish(struct spnego *s, const struct spnego_offer *offer, const struct message *m);

/* An absent entry breaks the protocol. */
static const spnego_action table[SPNEGO_ACCEPTOR_STATES_][MESSAGES_] = {
	[SPNEGO_FIRST] = { [MESSAGE_INIT] = choose },
	[SPNEGO_TOKENS] = { [MESSAGE_TOKEN] = feed, [MESSAGE_TOKEN_MIC] = feed },
	[SPNEGO_MIC] = { [MESSAGE_MIC] = spnego_finish },
};

/* ---- out ---- */

static enum mech_result answer(struct spnego *s, enum spnego_state state, struct view mic)
{
	struct spnego_resp r = { .state = state, .supported_mech = s->supported_mech, .mech_list_mic = mic };
	AUTO_FREE uint8_t *out = NULL;
	size_t room, len;

	r.response_token = mech_token(&s->mech->reply);
	room = r.response_token.len + mic.len + FRAME_ROOM;
	out = malloc(room);
	if (!out || spnego_resp_write(&r, out, room, &len) < 0 || mech_give(&s->reply, (struct view){ out, len }) < 0)
		return mech_refuse(&s->reply, REFUSAL_INTERNAL, "no NegTokenResp");
	mech_drop_token(&s->mech->reply);
	s->supported_mech = VIEW_NULL;
	return state == SPNEGO_ACCEPT_COMPLETED ? MECH_COMPLETE : MECH_CONTINUE;
}

static enum mech_result refuse_as_mech(struct spnego *s)
{
	return mech_refuse(&s->reply, s->mech->reply.refusal, s->mech->reply.detail);
}

/* ---- the mechanism is complete ---- */

static enum mech_result spnego_finish(struct spnego *s, const struct spnego_offer *offer, const struct message *m)
{
	struct view list = { s->mech_types, s->mech_types_len }, mic = VIEW_NULL;
	uint8_t buffer[MIC_MAX];
	size_t len;

	if (m->mic.p) {
		if (s->mech->ops->verify_mic(s->mech, list, m->mic) < 0)
			return refuse_as_mech(s);
		s->mic_received = true;
	}
	if ((s->mic_demanded || s->mic_received) && !s->mic_sent) {
		if (s->mech->ops->mic(s->mech, list, buffer, sizeof buffer, &len) < 0)
			return mech_refuse(&s->reply, REFUSAL_INTERNAL, "no mechListMIC");
		mic = (struct view){ buffer, len };
		s->mic_sent = true;
	}
	if (s->mic_demanded && !s->mic_received) {
		s->state = SPNEGO_MIC;
		return answer(s, SPNEGO_ACCEPT_INCOMPLETE, mic);
	}
	s->state = SPNEGO_DONE;
	/* the client's MIC was the last message */
	if (m->kind == MESSAGE_MIC)
		return MECH_COMPLETE;
	return answer(s, SPNEGO_ACCEPT_COMPLETED, mic);
}

/* ---- tokens of the mechanism ---- */

static enum mech_result feed(struct spnego *s, const struct spnego_offer *offer, const struct message *m)
{
	switch (s->mech->ops->accept(s->mech, m->token)) {
	case MECH_CONTINUE:
		if (m->mic.p)
			return mech_refuse(&s->reply, REFUSAL_PROTOCOL, "a mechListMIC before the last token");
		s->state = SPNEGO_TOKENS;
		return answer(s, SPNEGO_ACCEPT_INCOMPLETE, VIEW_NULL);
	case MECH_COMPLETE:
		return spnego_finish(s, offer, m);
	case MECH_UNAVAILABLE:
		if (s->state == SPNEGO_FIRST)
			return MECH_UNAVAILABLE;
		return mech_refuse(&s->reply, REFUSAL_MECHANISM, s->mech->reply.detail);
	case MECH_REFUSED:
		break;
	}
	return refuse_as_mech(s);
}

/* ---- the choice ---- */

/*
 * Domain-joined mstsc lists MS-KRB5 first, with a user-to-user token for it. Such a client accepts no other form of
 * Kerberos.
 */
static bool krb5_means_user_to_user(const struct message *m)
{
	struct der list = spnego_mech_list(m->mech_types);
	struct view oid;

	if (!m->token.p || gss_token_kind(m->token) != GSS_TOKEN_USER_TO_USER || !spnego_mech_next(&list, &oid))
		return false;
	return gss_mech_of(oid) == GSS_MECH_MS_KRB5 || gss_mech_of(oid) == GSS_MECH_KRB5;
}

static enum gss_mech meant(struct view oid, bool user_to_user)
{
	enum gss_mech mech = gss_mech_of(oid);

	if (mech == GSS_MECH_MS_KRB5)
		mech = GSS_MECH_KRB5;
	return mech == GSS_MECH_KRB5 && user_to_user ? GSS_MECH_USER_TO_USER : mech;
}

/* Returns the mechanism for @mech, or NULL when this process does not serve it; *@ret_elsewhere: the other one does. */
static struct mech *served(const struct spnego_offer *offer, enum gss_mech mech, bool *ret_elsewhere)
{
	*ret_elsewhere = false;
	switch (mech) {
	case GSS_MECH_KRB5:
	case GSS_MECH_USER_TO_USER:
		*ret_elsewhere = offer->krb5_elsewhere;
		return mech == GSS_MECH_KRB5 ? offer->krb5 : offer->user_to_user;
	case GSS_MECH_NTLM:
		*ret_elsewhere = offer->ntlm_elsewhere;
		return offer->ntlm;
	case GSS_MECH_UNKNOWN:
	case GSS_MECH_SPNEGO:
	case GSS_MECH_MS_KRB5:
	case GSS_MECH_NEGOEX:
	case GSS_MECHS_:
		break;
	}
	return NULL;
}

static enum mech_result choose(struct spnego *s, const struct spnego_offer *offer, const struct message *m)
{
	bool user_to_user = krb5_means_user_to_user(m), first = true, elsewhere;
	const struct mech *unavailable = NULL;
	struct der list;
	struct view oid;

	if (m->mech_types.len > sizeof s->mech_types)
		return mech_refuse(&s->reply, REFUSAL_PROTOCOL, "mechTypes is too long");
	s->user_to_user_off =
	    offer->krb5 && !offer->user_to_user && m->token.p && gss_token_kind(m->token) == GSS_TOKEN_USER_TO_USER;
	memcpy(s->mech_types, m->mech_types.p, m->mech_types.len);
	s->mech_types_len = m->mech_types.len;
	list = spnego_mech_list((struct view){ s->mech_types, s->mech_types_len });
	for (; spnego_mech_next(&list, &oid); first = false) {
		enum mech_result result;

		s->mech = served(offer, meant(oid, user_to_user), &elsewhere);
		if (elsewhere)
			break;
		if (!s->mech || s->mech == unavailable)
			continue;
		s->supported_mech = oid;
		s->mic_demanded = !first || s->mech->always_mic;
		if (!first || !m->token.p) {
			s->state = SPNEGO_TOKENS;
			return answer(s, first ? SPNEGO_ACCEPT_INCOMPLETE : SPNEGO_REQUEST_MIC, VIEW_NULL);
		}
		result = feed(s, offer, m);
		if (result != MECH_UNAVAILABLE)
			return result;
		unavailable = s->mech;
	}
	return MECH_UNAVAILABLE;
}

/* ---- in ---- */

static struct message read_init(struct view token)
{
	struct message m = { .kind = MESSAGE_MALFORMED };
	struct spnego_init init;

	if (spnego_init_read(token, &init) < 0)
		return m;
	return (struct message){ MESSAGE_INIT, init.mech_types, init.mech_token, init.mech_list_mic };
}

static struct message read_resp(struct view token)
{
	struct message m = { .kind = MESSAGE_MALFORMED };
	struct spnego_resp r;

	if (spnego_resp_read(token, &r) < 0)
		return m;
	m.token = r.response_token;
	m.mic = r.mech_list_mic;
	if (r.state == SPNEGO_REJECT)
		m.kind = MESSAGE_REJECT;
	else if (m.token.p)
		m.kind = m.mic.p ? MESSAGE_TOKEN_MIC : MESSAGE_TOKEN;
	else
		m.kind = m.mic.p ? MESSAGE_MIC : MESSAGE_EMPTY;
	return m;
}

static const char *const complaint[MESSAGES_] = {
	[MESSAGE_INIT] = "a second NegTokenInit",
	[MESSAGE_TOKEN] = "a NegTokenResp with a token out of order",
	[MESSAGE_TOKEN_MIC] = "a NegTokenResp with a token and a mechListMIC out of order",
	[MESSAGE_MIC] = "a mechListMIC out of order",
	[MESSAGE_EMPTY] = "a NegTokenResp without a token or a mechListMIC",
	[MESSAGE_REJECT] = "the client rejected the negotiation",
	[MESSAGE_MALFORMED] = "malformed SPNEGO",
};

enum mech_result spnego_accept(struct spnego *s, const struct spnego_offer *offer, struct view token)
{
	struct message m = gss_token_kind(token) == GSS_TOKEN_SPNEGO_INIT ? read_init(token) : read_resp(token);
	spnego_action action = table[s->state][m.kind];

	mech_drop_token(&s->reply);
	return action ? action(s, offer, &m) : mech_refuse(&s->reply, REFUSAL_PROTOCOL, complaint[m.kind]);
}

void spnego_reset(struct spnego *s)
{
	mech_reply_reset(&s->reply);
	*s = (struct spnego){ .state = SPNEGO_FIRST };
}
