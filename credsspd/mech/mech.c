/* SPDX-License-Identifier: MIT */
#include "credsspd/mech/mech.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mech_result mech_refuse(struct mech_reply *r, enum refusal refusal, const char *detail)
{
	r->refusal = refusal;
	if (detail)
		(void)snprintf(r->detail, sizeof r->detail, "%s", detail);
	return MECH_REFUSED;
}

int mech_give(struct mech_reply *r, struct view token)
{
	mech_drop_token(r);
	r->token = malloc(token.len ? token.len : 1);
	if (!r->token)
		return -ENOMEM;
	if (token.len)
		memcpy(r->token, token.p, token.len);
	r->token_len = token.len;
	return 0;
}

struct view mech_token(const struct mech_reply *r)
{
	return r->token ? (struct view){ r->token, r->token_len } : VIEW_NULL;
}

void mech_drop_token(struct mech_reply *r)
{
	free(r->token);
	r->token = NULL;
	r->token_len = 0;
}

void mech_reply_reset(struct mech_reply *r)
{
	mech_drop_token(r);
	r->refusal = REFUSAL_NONE;
	r->detail[0] = '\0';
}
