/* SPDX-License-Identifier: MIT */
/* SPNEGO's messages, read; and written with what was read. */
#include "common/wire/spnego.h"
#include "tests/fuzz/fuzz.h"

#define SPNEGO_ROOM 70000U

static bool spnego_fuzz_same(struct view a, struct view b)
{
	return (a.p == NULL) == (b.p == NULL) && a.len == b.len && (!a.len || memcmp(a.p, b.p, a.len) == 0);
}

static bool spnego_fuzz_ends(struct view v, struct view token)
{
	return fuzz_inside(v, token.p, token.len) && v.p + v.len == token.p + token.len;
}

/* A message is the whole of its token. */
static void spnego_fuzz_longer(struct view token)
{
	static uint8_t longer[SPNEGO_ROOM + 1];
	struct spnego_init i;
	struct spnego_resp r;

	if (token.len > SPNEGO_ROOM)
		return;
	memcpy(longer, token.p, token.len);
	longer[token.len] = 0;
	PROMISE(spnego_init_read((struct view){ longer, token.len + 1 }, &i) < 0);
	PROMISE(spnego_resp_read((struct view){ longer, token.len + 1 }, &r) < 0);
}

/* ---- NegTokenInit ---- */

/* The mechanisms of the list that can be written; the list is one SEQUENCE of nothing else. */
static size_t spnego_fuzz_list(struct view mech_types, enum gss_mech *ret_mechs, size_t max)
{
	struct der list = spnego_mech_list(mech_types);
	struct view oid = VIEW_NULL;
	size_t n = 0;

	PROMISE(mech_types.p && mech_types.len >= 4 && mech_types.p[0] == 0x30);
	while (spnego_mech_next(&list, &oid)) {
		PROMISE(fuzz_inside(oid, mech_types.p, mech_types.len));
		if (n < max && gss_mech_of(oid) != GSS_MECH_UNKNOWN)
			ret_mechs[n++] = gss_mech_of(oid);
	}
	PROMISE(der_ok(&list) && spnego_fuzz_ends(oid, mech_types));
	return n;
}

static void spnego_fuzz_init_written(const enum gss_mech *mechs, size_t n, struct view mech_token)
{
	static uint8_t out[SPNEGO_ROOM];
	enum gss_mech again[8];
	struct spnego_init i;
	size_t len, room;

	if (n == 0 || spnego_init_write(mechs, n, mech_token, out, sizeof out, &len) < 0)
		return;
	PROMISE(spnego_init_read((struct view){ out, len }, &i) == 0 && spnego_fuzz_same(i.mech_token, mech_token));
	PROMISE(spnego_fuzz_list(i.mech_types, again, 8) == n && memcmp(again, mechs, n * sizeof *mechs) == 0);
	for (room = 0; room < len && room < 64; room += 7)
		PROMISE(spnego_init_write(mechs, n, mech_token, out, room, &len) < 0);
}

/* [3] {OCTET STRING} behind what was read is the mechListMIC of RFC 4178, whatever NegTokenInit2 has there. */
static void spnego_fuzz_init_mic(const struct spnego_init *i, struct view token)
{
	struct view last = i->mech_token.p ? i->mech_token : i->mech_types;
	const uint8_t *next = last.p + last.len;
	size_t left = (size_t)(token.p + token.len - next);

	PROMISE(!i->mech_list_mic.p || spnego_fuzz_ends(i->mech_list_mic, token));
	if (left >= 4 && next[0] == 0xa3 && next[1] < 0x80 && next[2] == 0x04 && next[3] < 0x80)
		PROMISE(i->mech_list_mic.p == next + 4);
}

static void spnego_fuzz_init(struct view token)
{
	enum gss_mech mechs[8];
	struct spnego_init i;
	size_t n;

	if (spnego_init_read(token, &i) < 0)
		return;
	PROMISE(gss_token_kind(token) == GSS_TOKEN_SPNEGO_INIT);
	PROMISE(fuzz_inside(i.mech_types, token.p, token.len) && fuzz_inside(i.mech_token, token.p, token.len));
	n = spnego_fuzz_list(i.mech_types, mechs, 8);
	spnego_fuzz_init_mic(&i, token);
	spnego_fuzz_init_written(mechs, n, i.mech_token);
	spnego_fuzz_longer(token);
}

/* ---- NegTokenResp ---- */

static void spnego_fuzz_resp_written(const struct spnego_resp *r, size_t size)
{
	static uint8_t out[SPNEGO_ROOM];
	struct spnego_resp again;
	size_t len;

	if (size > sizeof out)
		return;
	/* it is as short as it can be */
	PROMISE(spnego_resp_write(r, out, sizeof out, &len) == 0 && len <= size);
	PROMISE(spnego_resp_read((struct view){ out, len }, &again) == 0);
	PROMISE(again.state == r->state && spnego_fuzz_same(again.supported_mech, r->supported_mech));
	PROMISE(spnego_fuzz_same(again.response_token, r->response_token));
	PROMISE(spnego_fuzz_same(again.mech_list_mic, r->mech_list_mic));
	PROMISE(spnego_resp_write(r, out, len - 1, &len) < 0);
}

static void spnego_fuzz_resp(struct view token)
{
	struct spnego_resp r;
	struct view last;

	if (spnego_resp_read(token, &r) < 0)
		return;
	PROMISE(gss_token_kind(token) == GSS_TOKEN_SPNEGO_RESP);
	PROMISE(r.state <= SPNEGO_REQUEST_MIC || r.state == SPNEGO_NO_STATE);
	PROMISE(fuzz_inside(r.supported_mech, token.p, token.len));
	PROMISE(fuzz_inside(r.response_token, token.p, token.len));
	last = r.mech_list_mic.p ? r.mech_list_mic : r.response_token.p ? r.response_token : r.supported_mech;
	PROMISE(!last.p || spnego_fuzz_ends(last, token));
	spnego_fuzz_resp_written(&r, token.len);
	spnego_fuzz_longer(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view token = { data, size };

	spnego_fuzz_init(token);
	spnego_fuzz_resp(token);
	return 0;
}
