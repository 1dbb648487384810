/* SPDX-License-Identifier: MIT */
/* MS-NLMP 3.3.2. */
#include "credsspd/ntlm-verifier/ntlmv2.h"

#include <errno.h>
#include <locale.h>
#include <stdbool.h>
#include <string.h>
#include <wctype.h>

#include "common/base/limits.h"
#include "common/base/secret.h"
#include "common/wire/ntlm.h"
#include "common/wire/utf16.h"

static locale_t unicode;

int ntlmv2_init(const char **ret_error)
{
	/* without this locale only ASCII letters are converted */
	if (!unicode)
		unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
	return ntlm_crypto_init(ret_error);
}

int ntlmv2_hash_password(struct view password, uint8_t ret_hash[NT_HASH_LEN])
{
	AUTO_SECRET struct secret utf16 = SECRET_NULL;
	size_t len;
	int r = secret_init(&utf16, 2 * PASSWORD_MAX);

	if (r == 0)
		r = utf8_to_utf16le(password, secret_expose(&utf16), 2 * PASSWORD_MAX, &len);
	if (r < 0)
		return r;
	return ntlm_md4((struct view){ secret_expose(&utf16), len }, ret_hash);
}

/* ---- upper case ---- */

/* Windows maps single UTF-16 units (MS-UCODEREF 3.1.5.3). It does not change these, which Unicode maps. */
static const struct {
	uint16_t first, last;
} kept[] = {
	{ 0x00b5, 0x00b5 },                                                             /* micro sign */
	{ 0x0131, 0x0131 },                                                             /* dotless i */
	{ 0x017f, 0x017f },                                                             /* long s */
	{ 0x01c5, 0x01c5 }, { 0x01c8, 0x01c8 }, { 0x01cb, 0x01cb }, { 0x01f2, 0x01f2 }, /* title case digraphs */
	{ 0x10d0, 0x10ff },                                                             /* Georgian */
	{ 0x1c80, 0x1c88 }, { 0x1fbe, 0x1fbe }, { 0xab53, 0xab53 }, { 0xab70, 0xabbf },
};

enum upper_case {
	UPPER_WINDOWS,
	UPPER_UNICODE, /* clients that use their C library */
	UPPER_MAX_
};

static bool is_kept(unsigned c)
{
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (c >= kept[i].first && c <= kept[i].last)
			return true;
	return false;
}

static unsigned upper(unsigned c, enum upper_case how)
{
	wint_t up;

	if (c < 0x80)
		return c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c;
	if (!unicode || (c >= 0xd800 && c <= 0xdfff) || (how == UPPER_WINDOWS && is_kept(c)))
		return c;
	up = towupper_l(c, unicode);
	return up <= 0xffff ? up : c;
}

static void upcase_utf16le(uint8_t *p, size_t len, enum upper_case how)
{
	for (size_t i = 0; i + 1 < len; i += 2) {
		unsigned up = upper((unsigned)p[i] | (unsigned)p[i + 1] << 8, how);

		p[i] = (uint8_t)up;
		p[i + 1] = (uint8_t)(up >> 8);
	}
}

/* ---- the check ---- */

static struct view view_of(const char *s)
{
	return (struct view){ (const uint8_t *)s, strlen(s) };
}

/* NTOWFv2: HMAC-MD5 under the NT hash of the user in upper case and the domain, both as the client typed them. */
static int response_key(const struct ntlmv2_claim *c, enum upper_case how, const uint8_t hash[NT_HASH_LEN],
			uint8_t out[NTLM_HASH_LEN])
{
	uint8_t name[4 * ACCOUNT_NAME_MAX];
	size_t user_len, domain_len;
	int r = utf8_to_utf16le(view_of(c->user), name, sizeof name, &user_len);

	if (r < 0)
		return r;
	upcase_utf16le(name, user_len, how);
	r = utf8_to_utf16le(view_of(c->domain), name + user_len, sizeof name - user_len, &domain_len);
	return r < 0 ? r : ntlm_hmac_md5(hash, &(struct view){ name, user_len + domain_len }, 1, out);
}

/* NTProofStr: over the server's challenge and everything in the response after NTProofStr itself. */
static int proof(const struct ntlmv2_claim *c, const uint8_t key[NTLM_HASH_LEN], uint8_t out[NTLM_PROOF_LEN])
{
	const struct view parts[] = { { c->server_challenge, NTLM_SERVER_CHALLENGE_LEN },
				      { c->response.p + NTLM_PROOF_LEN, c->response.len - NTLM_PROOF_LEN } };

	return ntlm_hmac_md5(key, parts, sizeof parts / sizeof *parts, out);
}

static int try(const struct ntlmv2_claim *c, enum upper_case how, const uint8_t hash[NT_HASH_LEN],
	       uint8_t session_key[NTLM_HASH_LEN])
{
	uint8_t key[NTLM_HASH_LEN], expected[NTLM_PROOF_LEN];
	int r = response_key(c, how, hash, key);

	if (r == 0)
		r = proof(c, key, expected);
	if (r == 0)
		r = ntlm_hmac_md5(key, &(struct view){ expected, sizeof expected }, 1, session_key);
	if (r == 0)
		r = secret_equal(expected, c->response.p, NTLM_PROOF_LEN);
	secret_wipe(key, sizeof key);
	secret_wipe(expected, sizeof expected);
	return r;
}

int ntlmv2_verify(const struct ntlmv2_claim *claim, const uint8_t hash[NT_HASH_LEN],
		  uint8_t ret_session_key[NTLMV2_SESSION_KEY_LEN])
{
	uint8_t session_key[NTLM_HASH_LEN];
	int result = 0;

	if (!ntlm_is_v2_response(claim->response))
		return -EINVAL;
	/* always tries every way, so that the time is constant */
	for (enum upper_case how = 0; how < UPPER_MAX_; how++) {
		int r = try(claim, how, hash, session_key);

		if (r == 1)
			memcpy(ret_session_key, session_key, sizeof session_key);
		if (result == 0 || r == 1)
			result = r;
	}
	secret_wipe(session_key, sizeof session_key);
	return result;
}
