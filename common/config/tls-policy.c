/* SPDX-License-Identifier: MIT */
/*
 * CBC with HMAC-SHA2 stays for Windows 8.1 and Server 2012 R2, which have no GCM with ECDHE and RSA certificates. RSA
 * key exchange has no forward secrecy, and its padding oracles come back every few years; no client with NLA needs it.
 */
#include "common/config/tls-policy.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/cleanup.h"
#include "common/base/explain.h"

#define LIST_MAX 1024U /* ten names pass, of at most 32 bytes */

enum use { USE_NOT, USE_AEAD, USE_CBC };

/* Classifies a cipher of TLS 1.2 or below. */
static enum use use_of(const SSL_CIPHER *c)
{
	int kx = SSL_CIPHER_get_kx_nid(c), auth = SSL_CIPHER_get_auth_nid(c), digest = SSL_CIPHER_get_digest_nid(c);

	if (kx != NID_kx_ecdhe || (auth != NID_auth_rsa && auth != NID_auth_ecdsa))
		return USE_NOT;
	switch (SSL_CIPHER_get_cipher_nid(c)) {
	case NID_aes_128_gcm:
	case NID_aes_256_gcm:
	case NID_chacha20_poly1305:
		return USE_AEAD;
	case NID_aes_128_cbc:
	case NID_aes_256_cbc:
		return digest == NID_sha256 || digest == NID_sha384 ? USE_CBC : USE_NOT;
	default:
		return USE_NOT;
	}
}

/* Appends the names of the ciphers of @ctx for one use to @list, in the order of @ctx. */
static void add_names(const SSL_CTX *ctx, enum use use, char list[LIST_MAX])
{
	const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(ctx);
	size_t len = strlen(list);

	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(ciphers, i);
		const char *name = SSL_CIPHER_get_name(c);

		if (strcmp(SSL_CIPHER_get_version(c), "TLSv1.3") == 0 || use_of(c) != use ||
		    len + strlen(name) + 2 > LIST_MAX)
			continue;
		if (len > 0)
			list[len++] = ':';
		strcpy(list + len, name);
		len += strlen(name);
	}
}

static int raise_minimum(SSL_CTX *ctx, int version)
{
	/* 0 stands for the lowest version that OpenSSL has */
	if (SSL_CTX_get_min_proto_version(ctx) >= version)
		return 0;
	return SSL_CTX_set_min_proto_version(ctx, version) == 1 ? 0 : -EINVAL;
}

int tls_policy_apply(SSL_CTX *ctx, enum tls_minimum minimum, char **ret_error)
{
	char list[LIST_MAX] = "";
	bool nothing;

	add_names(ctx, USE_AEAD, list);
	if (minimum == TLS_MINIMUM_1_2)
		add_names(ctx, USE_CBC, list);
	nothing = !list[0] || minimum == TLS_MINIMUM_1_3;
	if (raise_minimum(ctx, nothing ? TLS1_3_VERSION : TLS1_2_VERSION) < 0 ||
	    (!nothing && SSL_CTX_set_cipher_list(ctx, list) != 1))
		return explain(ret_error, -EINVAL, "OpenSSL does not take the TLS versions or ciphers");
	if (!tls_policy_allows(ctx, TLS1_2_VERSION) && !tls_policy_allows(ctx, TLS1_3_VERSION))
		return explain(ret_error, -EINVAL,
			       "the system's openssl.cnf (MinProtocol, MaxProtocol, Protocol, CipherString) and "
			       "tls_minimum leave no version of TLS");
	return 0;
}

bool tls_policy_allows(SSL_CTX *ctx, int version)
{
	long min = SSL_CTX_get_min_proto_version(ctx), max = SSL_CTX_get_max_proto_version(ctx);
	uint64_t off = version == TLS1_2_VERSION ? SSL_OP_NO_TLSv1_2 : SSL_OP_NO_TLSv1_3;

	return version >= min && (max == 0 || version <= max) && !(SSL_CTX_get_options(ctx) & off);
}

/*
 * The sizes are from SSL_CTX_set_security_level(3). RSA, which every client supports, comes first, except for sizes
 * that take minutes to generate. EC is for policies that leave no signature or cipher with RSA.
 */
bool tls_policy_key(const SSL_CTX *ctx, unsigned candidate, struct tls_policy_key *ret_key)
{
	static const struct tls_policy_key rsa_2048 = { 2048, NULL }, rsa_3072 = { 3072, NULL }, p256 = { 0, "P-256" },
					   p384 = { 0, "P-384" }, p521 = { 0, "P-521" };
	static const struct tls_policy_key *const row[][3] = {
		{ &rsa_2048, &p256, &p384 }, { &rsa_3072, &p256, &p384 }, { &p384, NULL, NULL }, { &p521, NULL, NULL }
	};
	int level = SSL_CTX_get_security_level(ctx);
	int i = level < 3 ? 0 : level > 5 ? 3 : level - 2;
	const struct tls_policy_key *key = candidate < 3 ? row[i][candidate] : NULL;

	if (key)
		*ret_key = *key;
	return key != NULL;
}

bool tls_policy_key_is_open(mode_t mode)
{
	return (mode & S_IRWXO) != 0;
}
