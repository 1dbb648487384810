/* SPDX-License-Identifier: MIT */
/*
 * Which TLS clients get. The system's policy (ssl_conf in openssl.cnf) is in a context from the start; what is set here
 * only takes away from it.
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
 * Leaves in @ctx TLS 1.2 with ECDHE and AEAD or, behind these, CBC with HMAC-SHA2, and TLS 1.3, as far as @minimum and
 * what @ctx has allow it. Returns 0 or -errno with a sentence in *@ret_error, when nothing is left.
 */
int tls_policy_apply(SSL_CTX *ctx, enum tls_minimum minimum, char **ret_error);

/* Whether @ctx allows a version (TLS1_2_VERSION ...). */
bool tls_policy_allows(SSL_CTX *ctx, int version);

/* The length in bits of an RSA key that the security level of @ctx takes. */
int tls_policy_rsa_bits(const SSL_CTX *ctx);
