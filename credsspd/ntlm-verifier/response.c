/* SPDX-License-Identifier: MIT */
#include "credsspd/ntlm-verifier/response.h"

#include <ctype.h>
#include <string.h>

struct findings {
	bool timestamp; /* the timestamp of the CHALLENGE, once or more */
	bool other_timestamp, other_service, mic, malformed;
};

/* Removes @text from the start of the UTF-16LE string @s, ignoring case. Returns false when @s does not start with
 * it. */
static bool take_prefix(struct view *s, const char *text)
{
	const size_t len = strlen(text);

	if (s->len < 2 * len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (toupper(s->p[2 * i]) != toupper((unsigned char)text[i]) || s->p[2 * i + 1] != 0)
			return false;
	*s = (struct view){ s->p + 2 * len, s->len - 2 * len };
	return true;
}

/* impacket's clients send cifs/ for every protocol, with the server's name from the CHALLENGE after it. */
static bool is_our_service(struct view name, const char *nb_computer)
{
	if (take_prefix(&name, "TERMSRV/"))
		return true;
	return take_prefix(&name, "cifs/") && take_prefix(&name, nb_computer) && name.len == 0;
}

/* Both of two equal pairs are checked: clients append their own pairs to the server's. */
static void take_pair(struct findings *f, const struct response_rules *rules, uint16_t id, struct view value)
{
	switch (id) {
	case NTLM_AV_FLAGS:
		f->malformed |= value.len != 4;
		f->mic |= value.len == 4 && value.p[0] & NTLM_AV_FLAG_MIC;
		break;
	case NTLM_AV_TIMESTAMP:
		if (value.len == NTLM_TIMESTAMP_LEN && memcmp(value.p, rules->timestamp, NTLM_TIMESTAMP_LEN) == 0)
			f->timestamp = true;
		else
			f->other_timestamp = true;
		break;
	case NTLM_AV_TARGET_NAME:
		f->other_service |= value.len > 0 && !is_our_service(value, rules->nb_computer);
		break;
	default:
		break;
	}
}

enum refusal response_check(struct view response, const struct response_rules *rules, bool *ret_mic,
			    const char **ret_detail)
{
	struct findings f = { .timestamp = false };
	struct view pairs, value;
	uint16_t id;
	int r;

	*ret_mic = false;
	*ret_detail = "the response is not NTLMv2";
	if (!ntlm_is_v2_response(response))
		return REFUSAL_WEAK_NTLM;
	pairs = (struct view){ response.p + NTLM_RESPONSE_FIXED_LEN, response.len - NTLM_RESPONSE_FIXED_LEN };
	while ((r = ntlm_av_next(&pairs, &id, &value)) == 1)
		take_pair(&f, rules, id, value);
	*ret_detail = "the AV pairs of the response are malformed";
	if (r < 0 || f.malformed)
		return REFUSAL_BAD_CREDENTIALS;
	*ret_detail = "the response was made for another service: MsvAvTargetName is not TERMSRV/...";
	if (f.other_service)
		return REFUSAL_REPLAY;
	*ret_detail = "the response repeats another MsvAvTimestamp than the challenge had";
	if (f.other_timestamp)
		return REFUSAL_REPLAY;
	*ret_detail = "the response does not repeat MsvAvTimestamp";
	if (!f.timestamp)
		return REFUSAL_WEAK_NTLM;
	*ret_detail = "there is no MIC, and ntlm_mic = require";
	if (rules->require_mic && !f.mic)
		return REFUSAL_WEAK_NTLM;
	*ret_mic = f.mic;
	*ret_detail = "";
	return REFUSAL_NONE;
}
