/* SPDX-License-Identifier: MIT */
/*
 * The acceptor of SPNEGO over mechanisms that do what the input says. Input: an octet for the offer, then tokens, each
 * with its length in two octets and followed by an octet for each step that a mechanism takes with it.
 *
 * What is demanded of the acceptor is worked out here from the tokens alone, never from the state that it keeps.
 */
#include <errno.h>

#include "credsspd/mech/spnego.h"
#include "tests/fuzz/mutate.h"

enum { NEGOTIATION_KRB5, NEGOTIATION_USER_TO_USER, NEGOTIATION_NTLM, NEGOTIATION_MECHS };

/* of the octet for the offer, besides a bit for each mechanism */
enum { NEGOTIATION_KRB5_ELSEWHERE = 8, NEGOTIATION_NTLM_ELSEWHERE = 16 };

/* of the octet for a step, besides the result */
enum { NEGOTIATION_RESULT = 3, NEGOTIATION_GIVES_TOKEN = 4 };

struct negotiation_mech {
	struct mech mech;
	bool offered, unavailable, complete, verified, mic_made;
};

struct negotiation_choice {
	struct negotiation_mech *mech; /* NULL: none */
	struct view oid;
	bool first;
};

static struct {
	struct script script;
	struct negotiation_mech mech[NEGOTIATION_MECHS];
	struct spnego_offer offer;
	struct spnego_init init;
	struct view sent;                  /* the mechanism's token in what the client has just sent */
	bool is_first, gave, mic_made_now; /* in this step */
} negotiation;

/* ---- mechanisms ---- */

static enum mech_result negotiation_accept(struct mech *m, struct view token)
{
	struct negotiation_mech *n = (struct negotiation_mech *)m;
	uint8_t deed = script_octet(&negotiation.script);
	enum mech_result result = (enum mech_result)(deed & NEGOTIATION_RESULT);

	PROMISE(token.p && token.p == negotiation.sent.p && token.len == negotiation.sent.len);
	PROMISE(!n->complete && !n->unavailable);
	mech_drop_token(&m->reply);
	negotiation.gave = deed & NEGOTIATION_GIVES_TOKEN && (result == MECH_CONTINUE || result == MECH_COMPLETE);
	if (negotiation.gave)
		PROMISE(mech_give(&m->reply, (struct view){ &deed, 1 }) == 0);
	n->complete = result == MECH_COMPLETE;
	n->unavailable = result == MECH_UNAVAILABLE;
	return result == MECH_REFUSED ? mech_refuse(&m->reply, REFUSAL_BAD_CREDENTIALS, "") : result;
}

/* MICs are computed over the list as it stood in the client's token. */
static bool negotiation_is_list(struct view message)
{
	const struct view list = negotiation.init.mech_types;

	return message.len == list.len && memcmp(message.p, list.p, list.len) == 0;
}

static int negotiation_mic(struct mech *m, struct view message, uint8_t *out, size_t size, size_t *ret_len)
{
	struct negotiation_mech *n = (struct negotiation_mech *)m;

	PROMISE(n->complete && !n->mic_made && negotiation_is_list(message));
	n->mic_made = negotiation.mic_made_now = true;
	*ret_len = script_octet(&negotiation.script) % 32U;
	if (*ret_len > size || *ret_len == 31)
		return -EIO;
	memset(out, 'm', *ret_len);
	return 0;
}

static int negotiation_verify(struct mech *m, struct view message, struct view mic)
{
	struct negotiation_mech *n = (struct negotiation_mech *)m;

	PROMISE(n->complete && !n->verified && mic.p && negotiation_is_list(message));
	n->verified = !(mic.len && mic.p[0] == 'x');
	if (!n->verified)
		(void)mech_refuse(&m->reply, REFUSAL_REPLAY, "");
	return n->verified ? 0 : -EBADMSG;
}

static const struct mech_ops negotiation_ops = { .accept = negotiation_accept,
						 .mic = negotiation_mic,
						 .verify_mic = negotiation_verify };

/* ---- what has to be chosen ---- */

/* The mechanism that @oid stands for, or NULL; *@ret_elsewhere: it is for the other template. */
static struct negotiation_mech *negotiation_meant(enum gss_mech oid, bool user_to_user, bool *ret_elsewhere)
{
	unsigned i = NEGOTIATION_KRB5;

	if (oid == GSS_MECH_NTLM)
		i = NEGOTIATION_NTLM;
	else if (oid == GSS_MECH_USER_TO_USER || user_to_user)
		i = NEGOTIATION_USER_TO_USER;
	*ret_elsewhere = false;
	if (oid == GSS_MECH_UNKNOWN || oid == GSS_MECH_SPNEGO || oid == GSS_MECH_NEGOEX)
		return NULL;
	*ret_elsewhere = i == NEGOTIATION_NTLM ? negotiation.offer.ntlm_elsewhere : negotiation.offer.krb5_elsewhere;
	return negotiation.mech[i].offered ? &negotiation.mech[i] : NULL;
}

/* After the first message: the first mechanism of the list that is served here and did not find itself unavailable. */
static struct negotiation_choice negotiation_choice(void)
{
	struct negotiation_choice c = { .first = true };
	struct der list = spnego_mech_list(negotiation.init.mech_types);
	bool user_to_user = false, elsewhere;

	for (; spnego_mech_next(&list, &c.oid); c.first = false) {
		enum gss_mech oid = gss_mech_of(c.oid);

		if (c.first && (oid == GSS_MECH_KRB5 || oid == GSS_MECH_MS_KRB5))
			user_to_user = gss_token_kind(negotiation.init.mech_token) == GSS_TOKEN_USER_TO_USER;
		c.mech = negotiation_meant(oid, user_to_user, &elsewhere);
		if (elsewhere)
			break;
		if (c.mech && !c.mech->unavailable)
			return c;
	}
	c.mech = NULL;
	return c;
}

/* ---- replies ---- */

static void negotiation_check_reply(const struct spnego *s, const struct negotiation_choice *c, enum mech_result result)
{
	struct spnego_resp r;

	if (!s->reply.token) { /* the client's MIC was the last word */
		PROMISE(result == MECH_COMPLETE && !negotiation.sent.p && !negotiation.is_first);
		return;
	}
	PROMISE(spnego_resp_read(mech_token(&s->reply), &r) == 0);
	if (result == MECH_COMPLETE)
		PROMISE(r.state == SPNEGO_ACCEPT_COMPLETED);
	else
		PROMISE(r.state == (negotiation.is_first && !c->first ? SPNEGO_REQUEST_MIC : SPNEGO_ACCEPT_INCOMPLETE));
	PROMISE((r.response_token.p != NULL) == negotiation.gave &&
		(r.mech_list_mic.p != NULL) == negotiation.mic_made_now);
	PROMISE((r.supported_mech.p != NULL) == negotiation.is_first);
	if (negotiation.is_first)
		PROMISE(r.supported_mech.len == c->oid.len && memcmp(r.supported_mech.p, c->oid.p, c->oid.len) == 0);
}

/* After CONTINUE or COMPLETE. @mic: the client's in the message just read, when that was for the chosen mechanism. */
static void negotiation_check_step(const struct spnego *s, enum mech_result result, struct view mic)
{
	static struct negotiation_choice c;
	bool demanded;

	if (negotiation.is_first)
		c = negotiation_choice();
	PROMISE(c.mech && s->mech == &c.mech->mech);
	if (negotiation.is_first && !c.first) { /* its token was for another mechanism */
		PROMISE(result == MECH_CONTINUE && !c.mech->complete && !negotiation.gave);
		mic = VIEW_NULL;
	}
	demanded = !c.first || s->mech->always_mic;
	PROMISE(!mic.p || c.mech->verified || (negotiation.is_first && !negotiation.sent.p));
	if (result == MECH_COMPLETE) {
		PROMISE(c.mech->complete && (c.mech->verified || !demanded));
		PROMISE(c.mech->mic_made == (c.mech->verified || demanded));
	} else {
		PROMISE(!c.mech->complete || (demanded && !c.mech->verified));
	}
	negotiation_check_reply(s, &c, result);
}

/* Whether there is a step for @token: the first is NegTokenInit, then tokens, then nothing but a MIC. */
static bool negotiation_in_order(const struct spnego *s, struct view token, struct view *ret_mic)
{
	struct spnego_resp r;

	negotiation.sent = *ret_mic = VIEW_NULL;
	if (negotiation.is_first) {
		if (spnego_init_read(token, &negotiation.init) < 0)
			return false;
		negotiation.sent = negotiation.init.mech_token;
		*ret_mic = negotiation.init.mech_list_mic;
		return negotiation.init.mech_types.len <= MECH_TYPES_MAX;
	}
	if (spnego_resp_read(token, &r) < 0 || r.state == SPNEGO_REJECT)
		return false;
	negotiation.sent = r.response_token;
	*ret_mic = r.mech_list_mic;
	return ((const struct negotiation_mech *)s->mech)->complete ? r.mech_list_mic.p && !r.response_token.p
								    : r.response_token.p != NULL;
}

static enum mech_result negotiation_step(struct spnego *s, struct view token)
{
	struct view mic;
	bool in_order = negotiation_in_order(s, token, &mic);
	enum mech_result result;

	negotiation.gave = negotiation.mic_made_now = false;
	result = spnego_accept(s, &negotiation.offer, token);
	switch (result) {
	case MECH_UNAVAILABLE:
		PROMISE(in_order && negotiation.is_first && !negotiation_choice().mech && !s->reply.token);
		break;
	case MECH_REFUSED:
		PROMISE(s->reply.refusal != REFUSAL_NONE && !s->reply.token);
		break;
	case MECH_CONTINUE:
	case MECH_COMPLETE:
		PROMISE(in_order);
		negotiation_check_step(s, result, mic);
		break;
	}
	return result;
}

/* Nothing is taken after the last token. */
static void negotiation_check_end(struct spnego *s)
{
	static const struct {
		const char *octets;
		size_t len;
	} row[] = {
#define NEGOTIATION_ROW(octets) { octets, sizeof(octets) - 1 }
		NEGOTIATION_ROW("\xa0\x12\x30\x10\xa0\x0e\x30\x0c\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"),
		NEGOTIATION_ROW("\xa1\x07\x30\x05\xa2\x03\x04\x01t"),
		NEGOTIATION_ROW("\xa1\x0c\x30\x0a\xa2\x03\x04\x01t\xa3\x03\x04\x01m"),
		NEGOTIATION_ROW("\xa1\x07\x30\x05\xa3\x03\x04\x01m"),
		NEGOTIATION_ROW("\xa1\x02\x30\x00"),
		NEGOTIATION_ROW(""),
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		PROMISE(spnego_accept(s, &negotiation.offer,
				      (struct view){ (const uint8_t *)row[i].octets, row[i].len }) == MECH_REFUSED);
		PROMISE(!s->reply.token);
	}
}

static void negotiation_run(struct spnego *s)
{
	enum mech_result result = MECH_CONTINUE;

	for (unsigned n = 0; n < 8 && result == MECH_CONTINUE && negotiation.script.left; n++) {
		negotiation.is_first = n == 0;
		result = negotiation_step(s, script_octets(&negotiation.script));
	}
	if (result == MECH_COMPLETE)
		negotiation_check_end(s);
}

static struct mech *negotiation_open(unsigned i, uint8_t head)
{
	struct negotiation_mech *n = &negotiation.mech[i];

	*n = (struct negotiation_mech){ .mech = { .ops = &negotiation_ops,
						  .always_mic = i == NEGOTIATION_USER_TO_USER } };
	n->offered = head >> i & 1;
	return n->offered ? &n->mech : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct spnego s;
	uint8_t head;

	s = (struct spnego){ .state = SPNEGO_FIRST };
	negotiation.script = (struct script){ data, size };
	head = script_octet(&negotiation.script);
	negotiation.offer = (struct spnego_offer){ .krb5 = negotiation_open(NEGOTIATION_KRB5, head),
						   .user_to_user = negotiation_open(NEGOTIATION_USER_TO_USER, head),
						   .ntlm = negotiation_open(NEGOTIATION_NTLM, head) };
	negotiation.offer.krb5_elsewhere =
	    head & NEGOTIATION_KRB5_ELSEWHERE && !negotiation.offer.krb5 && !negotiation.offer.user_to_user;
	negotiation.offer.ntlm_elsewhere = head & NEGOTIATION_NTLM_ELSEWHERE && !negotiation.offer.ntlm;
	negotiation_run(&s);
	spnego_reset(&s);
	for (unsigned i = 0; i < NEGOTIATION_MECHS; i++)
		mech_reply_reset(&negotiation.mech[i].mech.reply);
	return 0;
}
