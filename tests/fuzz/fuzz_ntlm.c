/* SPDX-License-Identifier: MIT */
/* The messages of NTLM and the AV pairs of a response, read; and written with what the input has for their fields. */
#include "credsspd/verifier/response.h"
#include "credsspd/wire/ntlm.h"
#include "tests/fuzz/fuzz.h"

static void ntlm_fuzz_pairs(struct view pairs)
{
	struct view all = pairs, value;
	unsigned n = 0;
	uint16_t id;
	int r;

	while ((r = ntlm_av_next(&pairs, &id, &value)) == 1) {
		PROMISE(id != NTLM_AV_EOL && fuzz_inside(value, all.p, all.len) && ++n <= all.len / 4);
		PROMISE(pairs.p == value.p + value.len && pairs.p + pairs.len == all.p + all.len);
	}
	PROMISE(r == 0 || r < 0);
}

static void ntlm_fuzz_response(struct view response)
{
	for (int require = 0; require < 2; require++) {
		const struct response_rules rules = { (const uint8_t *)"TIMESTAM", "RDP1", require };
		const char *detail = NULL;
		bool mic = true;
		enum refusal refusal = response_check(response, &rules, &mic, &detail);

		PROMISE(detail && (refusal == REFUSAL_NONE) == !*detail);
		PROMISE(!mic || refusal == REFUSAL_NONE);
		if (refusal != REFUSAL_NONE)
			continue;
		PROMISE(response.len >= 44 && (!require || mic));
		PROMISE(memmem(response.p + 44, response.len - 44, "\7\0\x08\0TIMESTAM", 12));
	}
	if (response.len >= 44)
		ntlm_fuzz_pairs((struct view){ response.p + 44, response.len - 44 });
}

static void ntlm_fuzz_authenticate(struct view message)
{
	static uint8_t out[70000];
	struct ntlm_authenticate a, again;
	size_t len;

	if (ntlm_authenticate_read(message, &a) < 0)
		return;
	PROMISE(message.len >= 64 && memcmp(message.p, "NTLMSSP\0\3", 9) == 0);
	PROMISE(fuzz_inside(a.user, message.p, message.len) && fuzz_inside(a.domain, message.p, message.len));
	PROMISE(fuzz_inside(a.nt_response, message.p + 64, message.len - 64));
	PROMISE(fuzz_inside(a.session_key, message.p + 64, message.len - 64));
	PROMISE(a.mic_offset == 0 || ((a.mic_offset == 64 || a.mic_offset == 72) && a.mic_offset + 16 <= message.len));
	ntlm_fuzz_response(a.nt_response);
	if (ntlm_authenticate_write(&a, out, sizeof out, &len) < 0) /* fields may overlap: more than what was read */
		return;
	PROMISE(ntlm_authenticate_read((struct view){ out, len }, &again) == 0 && again.mic_offset == 72);
	PROMISE(again.user.len == a.user.len && memcmp(again.user.p, a.user.p, a.user.len) == 0);
	for (size_t room = 0; room < 200 && room < len; room += 13)
		PROMISE(ntlm_authenticate_write(&a, out, room, &len) < 0);
}

static void ntlm_fuzz_challenge(struct view message)
{
	uint8_t out[NTLM_CHALLENGE_MAX];
	struct ntlm_names names = { .nb_computer = "RDP1" };
	struct ntlm_challenge c;
	size_t len, room;
	uint32_t flags;

	if (ntlm_challenge_read(message, &c) == 0) {
		PROMISE(fuzz_inside(c.target_info, message.p, message.len));
		ntlm_fuzz_pairs(c.target_info);
	}
	if (message.len < 32)
		return;
	memcpy(&flags, message.p, sizeof flags);
	memcpy(names.dns_domain, message.p + 24, message.len < 280 ? message.len - 24 : 256);
	room = message.p[4] & 1 ? sizeof out : message.p[5];
	if (ntlm_challenge_write(flags, &names, message.p + 8, message.p + 16, out, room, &len) < 0)
		return;
	PROMISE(len <= room && ntlm_challenge_read((struct view){ out, len }, &c) == 0 && c.flags == flags);
	PROMISE(memcmp(c.server_challenge, message.p + 8, 8) == 0);
	PROMISE(memmem(c.target_info.p, c.target_info.len, message.p + 16, 8));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view token = { data, size };
	uint32_t flags;
	char text[100], small[20];

	if (ntlm_negotiate_read(token, &flags) == 0) {
		PROMISE(size >= 16 && size <= NTLM_NEGOTIATE_MAX && ntlm_is_message(token));
		ntlm_missing_flags(flags, text, sizeof text);
		PROMISE((flags & NTLM_REQUIRED) == NTLM_REQUIRED ? !*text : *text != '\0');
		ntlm_missing_flags(flags, small, sizeof small);
		PROMISE(strncmp(text, small, strlen(small)) == 0);
	}
	ntlm_fuzz_challenge(token);
	ntlm_fuzz_authenticate(token);
	ntlm_fuzz_response(token);
	ntlm_fuzz_pairs(token);
	return 0;
}
