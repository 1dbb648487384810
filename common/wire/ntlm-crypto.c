/* SPDX-License-Identifier: MIT */
#include "common/wire/ntlm-crypto.h"

#include <errno.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>

static OSSL_LIB_CTX *legacy;
static EVP_MD *md4, *md5;
static EVP_CIPHER *rc4_cipher;
static EVP_MAC *hmac;

int ntlm_crypto_init(const char **ret_error)
{
	static const uint8_t probe[NTLM_HASH_LEN];
	const struct view one = { probe, sizeof probe };
	uint8_t out[NTLM_HASH_LEN];

	*ret_error = "OpenSSL's legacy provider, which has MD4 and RC4, cannot be loaded";
	if (!legacy)
		legacy = OSSL_LIB_CTX_new();
	if (!legacy || (!md4 && !OSSL_PROVIDER_load(legacy, "legacy")))
		return -ENOTSUP;
	if (!md4)
		md4 = EVP_MD_fetch(legacy, "MD4", NULL);
	if (!rc4_cipher)
		rc4_cipher = EVP_CIPHER_fetch(legacy, "RC4", NULL);
	if (!md4 || !rc4_cipher)
		return -ENOTSUP;
	*ret_error = "OpenSSL has no MD5 (FIPS mode?)";
	if (!md5)
		md5 = EVP_MD_fetch(NULL, "MD5", NULL);
	if (!hmac)
		hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	return md5 && hmac && ntlm_hmac_md5(probe, &one, 1, out) == 0 ? 0 : -ENOTSUP;
}

static int digest(const EVP_MD *md, const struct view *parts, size_t n, uint8_t ret_hash[NTLM_HASH_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = md && ctx && EVP_DigestInit_ex(ctx, md, NULL) == 1;

	for (size_t i = 0; ok && i < n; i++)
		ok = EVP_DigestUpdate(ctx, parts[i].p, parts[i].len) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, ret_hash, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -EIO;
}

int ntlm_md4(struct view in, uint8_t ret_hash[NTLM_HASH_LEN])
{
	return digest(md4, &in, 1, ret_hash);
}

int ntlm_md5(const struct view *parts, size_t n, uint8_t ret_hash[NTLM_HASH_LEN])
{
	return digest(md5, parts, n, ret_hash);
}

int ntlm_hmac_md5(const uint8_t key[NTLM_HASH_LEN], const struct view *parts, size_t n, uint8_t ret_hash[NTLM_HASH_LEN])
{
	char name[] = "MD5";
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
				      OSSL_PARAM_construct_end() };
	EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
	size_t len = 0;
	int ok = ctx && EVP_MAC_init(ctx, key, NTLM_HASH_LEN, params) == 1;

	for (size_t i = 0; ok && i < n; i++)
		ok = EVP_MAC_update(ctx, parts[i].p, parts[i].len) == 1;
	ok = ok && EVP_MAC_final(ctx, ret_hash, &len, NTLM_HASH_LEN) == 1;
	EVP_MAC_CTX_free(ctx);
	return ok && len == NTLM_HASH_LEN ? 0 : -EIO;
}

/* ---- RC4: the type is OpenSSL's ---- */

static EVP_CIPHER_CTX *context(struct ntlm_rc4 *rc4)
{
	return (EVP_CIPHER_CTX *)(void *)rc4;
}

struct ntlm_rc4 *ntlm_rc4_new(void)
{
	return (struct ntlm_rc4 *)(void *)EVP_CIPHER_CTX_new();
}

void ntlm_rc4_free(struct ntlm_rc4 *rc4)
{
	EVP_CIPHER_CTX_free(context(rc4));
}

int ntlm_rc4_start(struct ntlm_rc4 *rc4, const uint8_t key[NTLM_HASH_LEN])
{
	return rc4_cipher && EVP_EncryptInit_ex2(context(rc4), rc4_cipher, key, NULL, NULL) == 1 ? 0 : -EIO;
}

int ntlm_rc4_crypt(struct ntlm_rc4 *rc4, const uint8_t *in, size_t len, uint8_t *out)
{
	int n = 0;

	if (len > INT_MAX)
		return -EIO;
	return EVP_EncryptUpdate(context(rc4), out, &n, in, (int)len) == 1 && (size_t)n == len ? 0 : -EIO;
}
