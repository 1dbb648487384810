/* SPDX-License-Identifier: MIT */
/*
 * The messages of NTLM and the AV pairs of a response, read; and written with what the input has for their fields. What
 * they say is read here a second time, from MS-NLMP 2.2.1 and 2.2.2, and must be the same.
 */
#include <strings.h>

#include "common/wire/ntlm.h"
#include "credsspd/ntlm-verifier/response.h"
#include "tests/fuzz/fuzz.h"

#define NTLM_FUZZ_STAMP "TIMESTAM"
#define NTLM_FUZZ_COMPUTER "RDP1"

static uint32_t ntlm_fuzz_number(const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint32_t)p[i] << 8 * i;
	return v;
}

static bool ntlm_fuzz_is(struct view message, uint8_t type, size_t min)
{
	const uint8_t head[12] = { 'N', 'T', 'L', 'M', 'S', 'S', 'P', 0, type };

	return message.len >= min && memcmp(message.p, head, sizeof head) == 0;
}

/* ---- AV pairs ---- */

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
	if (r == 0)
		PROMISE(pairs.len >= 4 && memcmp(pairs.p, "\0\0\0\0", 4) == 0);
}

/* ---- the response ---- */

/* UTF-16LE to ASCII; other characters become 0x01. */
static void ntlm_fuzz_ascii(const uint8_t *p, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (; 2 * n + 1 < len && n + 1 < size; n++)
		out[n] = p[2 * n] && p[2 * n] < 0x80 && p[2 * n + 1] == 0 ? (char)p[2 * n] : '\1';
	out[n] = '\0';
}

static bool ntlm_fuzz_service(const uint8_t *p, size_t len)
{
	static const char other[] = "cifs/" NTLM_FUZZ_COMPUTER;
	char name[sizeof other];

	ntlm_fuzz_ascii(p, len, name, sizeof name);
	return len == 0 || strncasecmp(name, "TERMSRV/", 8) == 0 ||
	       (len == 2 * (sizeof other - 1) && strcasecmp(name, other) == 0);
}

/* Whether the AV pairs @p, to their end, are those that a client of ours sends. */
static bool ntlm_fuzz_right(const uint8_t *p, size_t left, bool *ret_mic)
{
	bool stamp = false;

	*ret_mic = false;
	for (size_t len; left >= 4; p += len, left -= len) {
		uint32_t id = ntlm_fuzz_number(p, 2);

		len = ntlm_fuzz_number(p + 2, 2);
		p += 4;
		left -= 4;
		if (id == 0)
			return len == 0 && stamp;
		if (len > left || (id == 6 && len != 4) || (id == 9 && !ntlm_fuzz_service(p, len)))
			return false;
		if (id == 7 && (len != 8 || memcmp(p, NTLM_FUZZ_STAMP, 8) != 0))
			return false;
		stamp |= id == 7;
		*ret_mic |= id == 6 && p[0] & 2;
	}
	return false;
}

static void ntlm_fuzz_response(struct view response)
{
	bool claimed = false, right = response.len >= 44 && response.p[16] == 1 && response.p[17] == 1 &&
				      ntlm_fuzz_right(response.p + 44, response.len - 44, &claimed);

	for (int require = 0; require < 2; require++) {
		const struct response_rules rules = { (const uint8_t *)NTLM_FUZZ_STAMP, NTLM_FUZZ_COMPUTER, require };
		const char *detail = NULL;
		bool mic = true;
		enum refusal refusal = response_check(response, &rules, &mic, &detail);

		PROMISE(detail && (refusal == REFUSAL_NONE) == !*detail);
		PROMISE((refusal == REFUSAL_NONE) == (right && (claimed || !require)));
		PROMISE(mic == (refusal == REFUSAL_NONE && claimed));
	}
	if (response.len >= 44)
		ntlm_fuzz_pairs((struct view){ response.p + 44, response.len - 44 });
}

/* ---- AUTHENTICATE ---- */

/* The six fields as the header has them: length, maximum length, offset. */
static void ntlm_fuzz_fields(struct view m, const struct ntlm_authenticate *a)
{
	const struct view field[] = {
		a->lm_response, a->nt_response, a->domain, a->user, a->workstation, a->session_key
	};
	size_t first = m.len, mic;

	for (size_t i = 0; i < sizeof field / sizeof *field; i++) {
		size_t len = ntlm_fuzz_number(m.p + 12 + 8 * i, 2), offset = ntlm_fuzz_number(m.p + 16 + 8 * i, 4);

		PROMISE(field[i].len == len);
		if (len == 0)
			continue;
		PROMISE(offset >= 64 && offset + len <= m.len && field[i].p == m.p + offset);
		first = offset < first ? offset : first;
	}
	mic = first >= 88 ? 72 : first >= 80 ? 64 : 0;
	PROMISE(a->mic_offset == mic && a->flags == ntlm_fuzz_number(m.p + 60, 4));
}

static bool ntlm_fuzz_same(struct view a, struct view b)
{
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

static void ntlm_fuzz_authenticate(struct view message)
{
	static uint8_t out[70000];
	struct ntlm_authenticate a, again;
	size_t len, unused;

	if (ntlm_authenticate_read(message, &a) < 0)
		return;
	PROMISE(ntlm_fuzz_is(message, 3, 64));
	ntlm_fuzz_fields(message, &a);
	ntlm_fuzz_response(a.nt_response);
	if (ntlm_authenticate_write(&a, out, sizeof out, &len) < 0) /* fields may overlap: more than what was read */
		return;
	PROMISE(ntlm_authenticate_read((struct view){ out, len }, &again) == 0 && again.mic_offset == 72);
	PROMISE(again.flags == a.flags && memcmp(out + 72, (const uint8_t[16]){ 0 }, 16) == 0);
	PROMISE(ntlm_fuzz_same(again.lm_response, a.lm_response) && ntlm_fuzz_same(again.nt_response, a.nt_response));
	PROMISE(ntlm_fuzz_same(again.domain, a.domain) && ntlm_fuzz_same(again.user, a.user));
	PROMISE(ntlm_fuzz_same(again.workstation, a.workstation) && ntlm_fuzz_same(again.session_key, a.session_key));
	for (size_t room = 0; room < 200 && room < len; room += 13)
		PROMISE(ntlm_authenticate_write(&a, out, room, &unused) < 0);
}

/* ---- CHALLENGE ---- */

/* Windows' pairs in Windows' order, and no other: clients compute MICs over a CHALLENGE with pairs 6, 9 and 10 changed.
 */
static void ntlm_fuzz_written(struct view m, uint32_t flags, const uint8_t *stamp)
{
	static const struct {
		uint16_t id;
		const char *value; /* NULL: looked at elsewhere */
	} row[] = { { 2, "DOM" }, { 1, NTLM_FUZZ_COMPUTER }, { 4, NULL }, { 3, "rdp1.test" }, { 7, NULL } };
	struct ntlm_challenge c;
	struct view value;
	char text[16] = "";
	uint16_t id;

	PROMISE(ntlm_fuzz_is(m, 2, 56) && ntlm_challenge_read(m, &c) == 0 && c.flags == flags);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		PROMISE(ntlm_av_next(&c.target_info, &id, &value) == 1 && id == row[i].id);
		ntlm_fuzz_ascii(value.p, value.len, text, sizeof text);
		PROMISE(!row[i].value || strcmp(text, row[i].value) == 0);
	}
	PROMISE(value.len == 8 && memcmp(value.p, stamp, 8) == 0);
	PROMISE(c.target_info.len == 4 && ntlm_av_next(&c.target_info, &id, &value) == 0);
	ntlm_fuzz_ascii(m.p + 56, ntlm_fuzz_number(m.p + 12, 2), text, sizeof text);
	PROMISE(strcmp(text, !(flags & 4) ? "" : flags & 0x10000 ? "DOM" : NTLM_FUZZ_COMPUTER) == 0);
	PROMISE((m.p[55] == 15) == !!(flags & 0x02000000)); /* Version */
}

static void ntlm_fuzz_challenge(struct view message)
{
	static struct ntlm_names names;
	uint8_t out[NTLM_CHALLENGE_MAX];
	struct ntlm_challenge c;
	size_t len, room;
	uint32_t flags;

	if (ntlm_challenge_read(message, &c) == 0) {
		PROMISE(ntlm_fuzz_is(message, 2, 48) && c.server_challenge == message.p + 24);
		PROMISE(fuzz_inside(c.target_info, message.p, message.len));
		ntlm_fuzz_pairs(c.target_info);
	}
	if (message.len < 32)
		return;
	names = (struct ntlm_names){ "DOM", NTLM_FUZZ_COMPUTER, "", "rdp1.test" };
	flags = ntlm_fuzz_number(message.p, 4);
	memcpy(names.dns_domain, message.p + 24, message.len < 280 ? message.len - 24 : 256);
	room = message.p[4] & 1 ? sizeof out : message.p[5];
	if (ntlm_challenge_write(flags, &names, message.p + 8, message.p + 16, out, room, &len) < 0)
		return;
	PROMISE(len <= room && memcmp(out + 24, message.p + 8, 8) == 0);
	ntlm_fuzz_written((struct view){ out, len }, flags, message.p + 16);
}

/* ---- NEGOTIATE ---- */

static void ntlm_fuzz_negotiate(struct view message)
{
	bool is = ntlm_fuzz_is(message, 1, 16) && message.len <= NTLM_NEGOTIATE_MAX;
	char text[100], small[20];
	uint32_t flags;

	PROMISE((ntlm_negotiate_read(message, &flags) == 0) == is);
	if (!is)
		return;
	PROMISE(flags == ntlm_fuzz_number(message.p + 12, 4));
	ntlm_missing_flags(flags, text, sizeof text);
	PROMISE((flags & NTLM_REQUIRED) == NTLM_REQUIRED ? !*text : *text != '\0');
	ntlm_missing_flags(flags, small, sizeof small);
	PROMISE(strncmp(text, small, strlen(small)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view token = { data, size };

	ntlm_fuzz_negotiate(token);
	ntlm_fuzz_challenge(token);
	ntlm_fuzz_authenticate(token);
	ntlm_fuzz_response(token);
	ntlm_fuzz_pairs(token);
	return 0;
}
