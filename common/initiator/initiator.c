/* SPDX-License-Identifier: MIT */
/* RFC 4178 as the initiator, over one mechanism. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/initiator/initiator-private.h"
#include "common/wire/spnego.h"

static char not_made[INITIATOR_DETAIL_SIZE]; /* why the last initiator could not be made */

int initiator_fail(struct initiator *i, int r, const char *what)
{
	(void)snprintf(i->detail, sizeof i->detail, "%s", what);
	return r;
}

int initiator_made(struct initiator *i, int r, struct initiator **ret_)
{
	if (r < 0) {
		memcpy(not_made, i->detail, sizeof not_made);
		initiator_free(i);
		return r;
	}
	*ret_ = i;
	return 0;
}

void initiator_free(struct initiator *i)
{
	if (i)
		i->ops->free(i);
}

const char *initiator_detail(const struct initiator *i)
{
	return i ? i->detail : not_made;
}

/* ---- SPNEGO ---- */

int initiator_offer(struct initiator *i, const enum gss_mech *mechs, size_t n_mechs)
{
	if (n_mechs > INITIATOR_MECHS_MAX)
		return -ENOSPC;
	memcpy(i->mechs, mechs, n_mechs * sizeof *mechs);
	i->n_mechs = n_mechs;
	return 0;
}

static bool is_own(const struct initiator *i, enum gss_mech mech)
{
	if (mech == GSS_MECH_MS_KRB5 || (mech == GSS_MECH_KRB5 && i->mech == GSS_MECH_USER_TO_USER))
		return i->mech == GSS_MECH_KRB5 || i->mech == GSS_MECH_USER_TO_USER;
	return mech == i->mech;
}

/* Gives the mechanism the acceptor's token and gets its next one. */
static int step_mech(struct initiator *i, struct view token, struct view *ret_token)
{
	int r = i->ops->step(i, token, ret_token);

	i->token_sent |= ret_token->p != NULL;
	i->complete = r == 0;
	return r;
}

static int begin(struct initiator *i, struct view *ret_token)
{
	struct view token = VIEW_NULL;
	struct spnego_init init;
	size_t len;

	if (is_own(i, i->mechs[0]) && step_mech(i, VIEW_NULL, &token) < 0)
		return -EACCES;
	if (spnego_init_write(i->mechs, i->n_mechs, token, i->out, sizeof i->out, &len) < 0 ||
	    spnego_init_read((struct view){ i->out, len }, &init) < 0 || init.mech_types.len > sizeof i->list)
		return initiator_fail(i, -EACCES, "no NegTokenInit");
	memcpy(i->list, init.mech_types.p, init.mech_types.len);
	i->list_len = init.mech_types.len;
	i->begun = true;
	*ret_token = (struct view){ i->out, len };
	return 1;
}

static int check_answer(struct initiator *i, const struct spnego_resp *r)
{
	if (r->state == SPNEGO_REJECT)
		return initiator_fail(i, -EACCES, "the acceptor rejected the negotiation");
	if (r->supported_mech.p && !is_own(i, gss_mech_of(r->supported_mech)))
		return initiator_fail(i, -EACCES, "the acceptor chose another mechanism");
	i->mic_demanded |= r->state == SPNEGO_REQUEST_MIC;
	return 0;
}

static int check_mic(struct initiator *i, struct view mic)
{
	if (!mic.p)
		return 0;
	if (!i->complete || i->mic_received)
		return initiator_fail(i, -EACCES, "a mechListMIC out of order");
	i->mic_received = true;
	return i->ops->verify_mic(i, (struct view){ i->list, i->list_len }, mic) == 0
		   ? 0
		   : initiator_fail(i, -EACCES, "the acceptor's mechListMIC");
}

/* Writes the NegTokenResp with @token and the mechListMIC, when there is one of them. */
static int respond(struct initiator *i, struct view token, struct view *ret_token)
{
	struct spnego_resp r = { .state = SPNEGO_ACCEPT_INCOMPLETE, .response_token = token };
	uint8_t mic[INITIATOR_MIC_MAX];
	size_t len;

	if (i->complete && !i->mic_sent && (i->mic_demanded || i->mic_received || i->always_mic)) {
		if (i->ops->mic(i, (struct view){ i->list, i->list_len }, mic, sizeof mic, &len) < 0)
			return initiator_fail(i, -EACCES, "no MIC");
		i->mic_sent = true;
		r.mech_list_mic = (struct view){ mic, len };
	}
	if (i->complete && i->mic_sent == i->mic_received)
		r.state = SPNEGO_ACCEPT_COMPLETED;
	if (!token.p && !r.mech_list_mic.p)
		return i->complete
			   ? 0
			   : initiator_fail(i, -EACCES, "the acceptor sent no token before the context was complete");
	if (spnego_resp_write(&r, i->out, sizeof i->out, &len) < 0)
		return initiator_fail(i, -EACCES, "no NegTokenResp");
	*ret_token = (struct view){ i->out, len };
	return i->complete && i->mic_received ? 0 : 1;
}

static int spnego_step(struct initiator *i, struct view token, struct view *ret_token)
{
	struct view out = VIEW_NULL;
	struct spnego_resp r;

	*ret_token = VIEW_NULL;
	if (!i->begun)
		return begin(i, ret_token);
	if (spnego_resp_read(token, &r) < 0)
		return initiator_fail(i, -EACCES, "no NegTokenResp");
	if (check_answer(i, &r) < 0)
		return -EACCES;
	if (!i->complete && (r.response_token.p || !i->token_sent) && step_mech(i, r.response_token, &out) < 0)
		return -EACCES;
	if (check_mic(i, r.mech_list_mic) < 0)
		return -EACCES;
	return respond(i, out, ret_token);
}

/* ---- the context ---- */

int initiator_step(struct initiator *i, struct view token, struct view *ret_token)
{
	return i->n_mechs ? spnego_step(i, token, ret_token) : i->ops->step(i, token, ret_token);
}

void initiator_flags(struct initiator *i, unsigned set, unsigned clear)
{
	if (i->ops->flags)
		i->ops->flags(i, set, clear);
}

int initiator_wrap(struct initiator *i, struct view in, uint8_t *out, size_t size, size_t *ret_len)
{
	return i->ops->wrap(i, in, out, size, ret_len);
}

int initiator_unwrap(struct initiator *i, struct view in, uint8_t *out, size_t size, size_t *ret_len)
{
	return i->ops->unwrap(i, in, out, size, ret_len);
}
