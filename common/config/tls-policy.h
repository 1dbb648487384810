/* SPDX-License-Identifier: MIT */
/*
 * The versions and ciphers of TLS that clients may use. A new context has the system's policy (ssl_conf in
 * openssl.cnf); these functions only restrict it further.
 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>

enum tls_minimum {
	TLS_MINIMUM_1_2 = 0,
	TLS_MINIMUM_1_2_AEAD, /* without CBC */
	TLS_MINIMUM_1_3,
};

/*
 * Restricts @ctx to TLS 1.3 and to TLS 1.2 with ECDHE and AEAD or, as the last choice, CBC with HMAC-SHA2; @minimum may
 * exclude more. Returns 0, or -errno with a sentence in *@ret_error when @ctx then allows nothing.
 */
int tls_policy_apply(SSL_CTX *ctx, enum tls_minimum minimum, char **ret_error);

/* Whether @ctx allows a version (TLS1_2_VERSION ...). */
bool tls_policy_allows(SSL_CTX *ctx, int version);

/* Returns the least length in bits of an RSA key that the security level of @ctx accepts. */
int tls_policy_rsa_bits(const SSL_CTX *ctx);
