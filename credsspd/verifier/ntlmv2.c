/* SPDX-License-Identifier: MIT */
/*
 * MD4 is in OpenSSL's legacy provider; it is loaded into a library context of its own, so that nothing else in the
 * process can use what it brings.
 */
#include "credsspd/verifier/ntlmv2.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/provider.h>
#include <string.h>
#include <wctype.h>

#include "credsspd/wire/utf16.h"
#include "include/credssp/limits.h"
#include "include/credssp/secret.h"

#define PROOF_LEN 16U
#define CLIENT_CHALLENGE_MIN 28U

static OSSL_LIB_CTX *legacy;
static EVP_MD *md4;

int ntlmv2_init(void)
{
	uint8_t digest[16];

	if (md4)
		return 0;
	legacy = OSSL_LIB_CTX_new();
	if (!legacy || !OSSL_PROVIDER_load(legacy, "legacy"))
		return -ENOTSUP;
	md4 = EVP_MD_fetch(legacy, "MD4", NULL);
	if (!md4 || !HMAC(EVP_md5(), "k", 1, (const uint8_t *)"d", 1, digest, NULL))
		return -ENOTSUP;
	return 0;
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

/* Upper case as Windows has it for what is likely in a name: per UTF-16 unit, in the C.UTF-8 sense, length unchanged. */
static void upcase_utf16(uint8_t *p, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2) {
		wint_t c = (wint_t)(p[i] | p[i + 1] << 8), up;

		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		up = towupper(c);
		if (up <= 0xffff) {
			p[i] = (uint8_t)up;
			p[i + 1] = (uint8_t)(up >> 8);
		}
	}
}

static int hmac_md5(const uint8_t key[16], const void *p, size_t len, uint8_t out[16])
{
	return HMAC(EVP_md5(), key, 16, p, len, out, NULL) ? 0 : -EIO;
}

/* NTOWFv2: HMAC-MD5 under the NT hash of upper-cased user and domain as given. */
static int response_key(const struct ntlmv2_claim *c, const uint8_t hash[NT_HASH_LEN], uint8_t out[16])
{
	uint8_t name[4 * (ACCOUNT_NAME_MAX + 1)];
	size_t user_len, domain_len;
	int r;

	r = utf8_to_utf16le((struct view){ (const uint8_t *)c->user, strlen(c->user) }, name, sizeof name, &user_len);
	if (r < 0)
		return r;
	upcase_utf16(name, user_len);
	r = utf8_to_utf16le((struct view){ (const uint8_t *)c->domain, strlen(c->domain) }, name + user_len,
			    sizeof name - user_len, &domain_len);
	return r < 0 ? r : hmac_md5(hash, name, user_len + domain_len, out);
}

static int proof(const struct ntlmv2_claim *c, const uint8_t key[16], uint8_t out[PROOF_LEN])
{
	static uint8_t message[8 + NTLM_RESPONSE_MAX];
	size_t len = c->response.len - PROOF_LEN;

	memcpy(message, c->server_challenge, 8);
	memcpy(message + 8, c->response.p + PROOF_LEN, len);
	return hmac_md5(key, message, 8 + len, out);
}

int ntlmv2_verify(const struct ntlmv2_claim *claim, const uint8_t hash[NT_HASH_LEN], uint8_t ret_session_key[16])
{
	uint8_t key[16], expected[PROOF_LEN], session_key[16];
	int r, same = 0;

	/* 24 octets are NTLMv1, of which nothing is accepted */
	if (claim->response.len < PROOF_LEN + CLIENT_CHALLENGE_MIN || claim->response.len > NTLM_RESPONSE_MAX)
		return -EINVAL;
	r = response_key(claim, hash, key);
	if (r == 0)
		r = proof(claim, key, expected);
	if (r == 0)
		r = hmac_md5(key, expected, sizeof expected, session_key);
	if (r == 0)
		same = secret_equal(expected, claim->response.p, PROOF_LEN);
	if (same)
		memcpy(ret_session_key, session_key, sizeof session_key);
	secret_wipe(key, sizeof key);
	secret_wipe(expected, sizeof expected);
	secret_wipe(session_key, sizeof session_key);
	return r < 0 ? r : same;
}
