/* SPDX-License-Identifier: MIT */
/*
 * MS-NLMP 3.3.2. MD4 is in OpenSSL's legacy provider, which is loaded into a
 * library context of its own: nothing else in the process can use what it
 * brings.
 */
#include "credsspd/verifier/ntlmv2.h"

#include <errno.h>
#include <locale.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <string.h>
#include <wctype.h>

#include "credsspd/wire/utf16.h"
#include "include/credssp/limits.h"
#include "include/credssp/secret.h"

#define MD5_LEN 16U
#define PROOF_LEN MD5_LEN
#define CLIENT_CHALLENGE_MIN 28U /* MS-NLMP 2.2.2.7 without AV pairs */

static OSSL_LIB_CTX *legacy;
static EVP_MD *md4;
static locale_t unicode;

static bool has_md5(void)
{
	uint8_t out[MD5_LEN];

	return HMAC(EVP_md5(), "k", 1, (const uint8_t *)"d", 1, out, NULL) != NULL;
}

int ntlmv2_init(void)
{
	if (md4)
		return 0;
	if (!legacy)
		legacy = OSSL_LIB_CTX_new();
	if (!legacy || !OSSL_PROVIDER_load(legacy, "legacy") || !has_md5())
		return -ENOTSUP;
	/* a host without it has upper case for ASCII only */
	if (!unicode)
		unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
	md4 = EVP_MD_fetch(legacy, "MD4", NULL);
	return md4 ? 0 : -ENOTSUP;
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
	return md4 && EVP_Digest(secret_expose(&utf16), len, ret_hash, NULL, md4, NULL) == 1 ? 0 : -EIO;
}

/* ---- upper case ---- */

/* Windows maps one UTF-16 unit to one (MS-UCODEREF 3.1.5.3). It leaves these alone, which Unicode maps. */
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
	UPPER_UNICODE, /* clients that use their C library: gss-ntlmssp */
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

static int hmac_md5(const uint8_t key[MD5_LEN], const void *p, size_t len, uint8_t out[MD5_LEN])
{
	return HMAC(EVP_md5(), key, MD5_LEN, p, len, out, NULL) ? 0 : -EIO;
}

/* NTOWFv2: HMAC-MD5 under the NT hash of the user in upper case and the domain, both as the client typed them. */
static int response_key(const struct ntlmv2_claim *c, enum upper_case how, const uint8_t hash[NT_HASH_LEN],
			uint8_t out[MD5_LEN])
{
	uint8_t name[4 * ACCOUNT_NAME_MAX];
	size_t user_len, domain_len;
	int r = utf8_to_utf16le(view_of(c->user), name, sizeof name, &user_len);

	if (r < 0)
		return r;
	upcase_utf16le(name, user_len, how);
	r = utf8_to_utf16le(view_of(c->domain), name + user_len, sizeof name - user_len, &domain_len);
	return r < 0 ? r : hmac_md5(hash, name, user_len + domain_len, out);
}

/* NTProofStr: over the server's challenge and all of the response behind its own place. */
static int proof(const struct ntlmv2_claim *c, const uint8_t key[MD5_LEN], uint8_t out[PROOF_LEN])
{
	static uint8_t message[8 + NTLM_RESPONSE_MAX];
	size_t len = c->response.len - PROOF_LEN;

	memcpy(message, c->server_challenge, 8);
	memcpy(message + 8, c->response.p + PROOF_LEN, len);
	return hmac_md5(key, message, 8 + len, out);
}

/* 24 octets are LM, NTLMv1 or the NTLM2 session response, of which nothing is accepted. RespType and HiRespType are 1.
 */
static bool is_ntlmv2(struct view response)
{
	return response.len >= PROOF_LEN + CLIENT_CHALLENGE_MIN && response.len <= NTLM_RESPONSE_MAX &&
	       response.p[PROOF_LEN] == 1 && response.p[PROOF_LEN + 1] == 1;
}

static int try(const struct ntlmv2_claim *c, enum upper_case how, const uint8_t hash[NT_HASH_LEN],
	       uint8_t session_key[MD5_LEN])
{
	uint8_t key[MD5_LEN], expected[PROOF_LEN];
	int r = response_key(c, how, hash, key);

	if (r == 0)
		r = proof(c, key, expected);
	if (r == 0)
		r = hmac_md5(key, expected, sizeof expected, session_key);
	if (r == 0)
		r = secret_equal(expected, c->response.p, PROOF_LEN);
	secret_wipe(key, sizeof key);
	secret_wipe(expected, sizeof expected);
	return r;
}

int ntlmv2_verify(const struct ntlmv2_claim *claim, const uint8_t hash[NT_HASH_LEN],
		  uint8_t ret_session_key[NTLMV2_SESSION_KEY_LEN])
{
	uint8_t session_key[MD5_LEN];
	int result = 0;

	if (!is_ntlmv2(claim->response))
		return -EINVAL;
	/* every way is gone, whichever is right */
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
