/* SPDX-License-Identifier: MIT */
/*
 * The TLS versions, ciphers and keys that clients get. OpenSSL applies the system's policy (ssl_conf in openssl.cnf) to
 * every context; the functions here only make it stricter.
 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/types.h>

enum tls_minimum {
	TLS_MINIMUM_1_2 = 0,
	TLS_MINIMUM_1_2_AEAD, /* without CBC */
	TLS_MINIMUM_1_3,
};

/*
 * Restricts @ctx to TLS 1.3 and to TLS 1.2 with ECDHE and AEAD or, after these, CBC with HMAC-SHA2, as far as @minimum
 * and the system's policy allow them. Returns 0, or -errno with a sentence in *@ret_error when nothing is left.
 */
int tls_policy_apply(SSL_CTX *ctx, enum tls_minimum minimum, char **ret_error);

/* Returns whether @ctx allows @version: TLS1_2_VERSION or TLS1_3_VERSION. */
bool tls_policy_allows(SSL_CTX *ctx, int version);

struct tls_policy_key {
	unsigned rsa_bits;
	const char *curve; /* NULL: RSA */
};

/*
 * Finds the kinds of keys for a self-signed certificate that the security level of @ctx takes, in the order of
 * preference; @candidate counts from 0. Returns false when there is no such candidate.
 */
bool tls_policy_key(const SSL_CTX *ctx, unsigned candidate, struct tls_policy_key *ret_key);

/*
 * Returns whether the mode of a private key's file gives users other than its owner and its group any access.
 * credsspd-rdp refuses such a key.
 */
bool tls_policy_key_is_open(mode_t mode);
