/* SPDX-License-Identifier: MIT */
/*
 * The acceptor of SPNEGO over mechanisms that do what the input says. Input: an octet for each step of a mechanism,
 * then tokens, each with its length in two octets.
 */
#include <errno.h>

#include "credsspd/mech/spnego.h"
#include "tests/fuzz/mutate.h"

struct negotiation_mech {
	struct mech mech;
	bool complete, verified, asked_for_mic;
};

static struct script negotiation_script;

static enum mech_result negotiation_accept(struct mech *m, struct view token)
{
	struct negotiation_mech *n = (struct negotiation_mech *)m;
	uint8_t deed = script_octet(&negotiation_script);

	PROMISE(token.p && !n->complete); /* no token after the last one */
	mech_drop_token(&m->reply);
	if (deed & 4)
		PROMISE(mech_give(&m->reply, (struct view){ &deed, 1 }) == 0);
	if ((deed & 3) == MECH_COMPLETE)
		n->complete = true;
	if ((deed & 3) == MECH_REFUSED)
		return mech_refuse(&m->reply, REFUSAL_BAD_CREDENTIALS, "");
	return (enum mech_result)(deed & 3);
}

static int negotiation_mic(struct mech *m, struct view message, uint8_t *out, size_t size, size_t *ret_len)
{
	struct negotiation_mech *n = (struct negotiation_mech *)m;

	PROMISE(n->complete && !n->asked_for_mic && message.len >= 2 && message.p[0] == 0x30);
	n->asked_for_mic = true;
	*ret_len = script_octet(&negotiation_script) % 32U;
	if (*ret_len > size || *ret_len == 31)
		return -EIO;
	memset(out, 'm', *ret_len);
	return 0;
}

static int negotiation_verify(struct mech *m, struct view message, struct view mic)
{
	struct negotiation_mech *n = (struct negotiation_mech *)m;

	PROMISE(n->complete && !n->verified && mic.p && message.len >= 2);
	n->verified = !(mic.len && mic.p[0] == 'x');
	if (!n->verified)
		(void)mech_refuse(&m->reply, REFUSAL_REPLAY, "");
	return n->verified ? 0 : -EBADMSG;
}

static const struct mech_ops negotiation_ops = { .accept = negotiation_accept,
						 .mic = negotiation_mic,
						 .verify_mic = negotiation_verify };

static void negotiation_check(const struct spnego *s, enum mech_result result, struct view token, bool first)
{
	const struct negotiation_mech *n = (const struct negotiation_mech *)s->mech;
	struct spnego_resp r;

	switch (result) {
	case MECH_UNAVAILABLE:
		PROMISE(first);
		return;
	case MECH_REFUSED:
		PROMISE(s->reply.refusal != REFUSAL_NONE && !s->reply.token);
		return;
	case MECH_CONTINUE:
		PROMISE(s->reply.token);
		break;
	case MECH_COMPLETE:
		PROMISE(n->complete && s->state == SPNEGO_DONE);
		PROMISE(n->verified == s->mic_received && (s->mic_received || !s->mic_demanded));
		PROMISE(!s->mic_received || s->mic_sent);
		break;
	}
	/* a MIC in what was just read was verified, unless the mechanism was not chosen by that message */
	if (result == MECH_COMPLETE && spnego_resp_read(token, &r) == 0 && r.mech_list_mic.p)
		PROMISE(n->verified);
	if (s->reply.token) {
		PROMISE(spnego_resp_read(mech_token(&s->reply), &r) == 0);
		PROMISE((r.state == SPNEGO_ACCEPT_COMPLETED) == (result == MECH_COMPLETE));
		PROMISE(!r.supported_mech.p || gss_mech_of(r.supported_mech) != GSS_MECH_UNKNOWN);
		PROMISE((r.supported_mech.p != NULL) == first);
	}
}

static void negotiation_run(struct spnego *s, const struct spnego_offer *offer)
{
	enum mech_result result = MECH_CONTINUE;

	for (unsigned n = 0; n < 8 && result == MECH_CONTINUE && negotiation_script.left; n++) {
		struct view token = script_octets(&negotiation_script);

		result = spnego_accept(s, offer, token);
		negotiation_check(s, result, token, n == 0);
	}
	if (s->state == SPNEGO_DONE)
		PROMISE(spnego_accept(s, offer, VIEW_NULL) == MECH_REFUSED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct negotiation_mech mech[3];
	struct spnego_offer offer;
	struct spnego s = { .state = SPNEGO_FIRST };
	uint8_t head;

	negotiation_script = (struct script){ data, size };
	head = script_octet(&negotiation_script);
	for (size_t i = 0; i < 3; i++)
		mech[i] = (struct negotiation_mech){ .mech = { .ops = &negotiation_ops, .always_mic = i == 1 } };
	offer = (struct spnego_offer){ .krb5 = head & 1 ? &mech[0].mech : NULL,
				       .user_to_user = head & 2 ? &mech[1].mech : NULL,
				       .ntlm = head & 4 ? &mech[2].mech : NULL,
				       .krb5_elsewhere = (head & 11) == 8,
				       .ntlm_elsewhere = (head & 20) == 16 };
	negotiation_run(&s, &offer);
	spnego_reset(&s);
	for (size_t i = 0; i < 3; i++)
		mech_reply_reset(&mech[i].mech.reply);
	return 0;
}
