/* SPDX-License-Identifier: MIT */
/* Mechanism tokens of anybody: what is looked at before GSSAPI is. */
#include "credsspd/wire/gsstoken.h"
#include "credsspd/wire/spnego.h"
#include "include/credssp/limits.h"
#include "tests/fuzz/fuzz.h"

/* An AUTHENTICATE that gss-ntlmssp may see: MS-NLMP 2.2.1.3, looked at from the other side. */
static void gsstoken_authenticate(const uint8_t *p, size_t size)
{
	PROMISE(size >= NTLM_AUTHENTICATE_MIN);
	for (size_t at = 12; at < 60; at += 8) {
		uint64_t len = p[at] | (uint64_t)p[at + 1] << 8;
		uint64_t offset =
		    p[at + 4] | (uint64_t)p[at + 5] << 8 | (uint64_t)p[at + 6] << 16 | (uint64_t)p[at + 7] << 24;

		PROMISE(len == 0 || (offset >= 64 && offset + len <= size));
		PROMISE(at != 20 || (len >= 44 && len <= NTLM_RESPONSE_MAX));
		PROMISE(at != 52 || len == 16);
	}
}

static void gsstoken_guarded(struct view token)
{
	const uint8_t *p = token.len >= 8 ? memmem(token.p, token.len, "NTLMSSP", 8) : NULL;
	size_t left = p ? token.len - (size_t)(p - token.p) : 0;

	if (!p)
		return;
	/* a message that is let through in a token is the only one there; in a raw one the first counts */
	PROMISE(gss_token_kind(token) == GSS_TOKEN_NTLMSSP ? p == token.p : !memmem(p + 1, left - 1, "NTLMSSP", 8));
	PROMISE(left >= 12);
	if (memcmp(p + 8, "\x03\0\0\0", 4) == 0)
		gsstoken_authenticate(p, left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view token = { data, size };
	uint8_t buffer[NTLM_NEGOTIATE_LEN];
	struct spnego_init init;
	struct view padded;

	if (spnego_init_read(token, &init) == 0) {
		PROMISE(fuzz_inside(init.mech_token_octets, data, size));
		PROMISE(!init.krb5_first || init.krb5);
		PROMISE(init.mech_token_octets.p || init.mech_token == GSS_TOKEN_UNKNOWN);
	}
	if (ntlm_token_guard(token) == 0)
		gsstoken_guarded(token);
	padded = ntlm_negotiate_pad(token, buffer);
	PROMISE(padded.p == data ? padded.len == size : padded.p == buffer && padded.len == sizeof buffer);
	if (krb5_wrap_guard(token) == 0)
		PROMISE(size >= 60 && (data[2] & 3) == 2);
	if (ntlm_wrap_guard(token) == 0)
		PROMISE(size > 16);
	return 0;
}
