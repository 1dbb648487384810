/* SPDX-License-Identifier: MIT */
/* The TLS side of the listener: one SSL_CTX, made before the first fork. */
#pragma once

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config/rdp-settings.h"

/*
 * Makes the context, with the configured certificate or with a self-signed one that is kept in state_directory. The
 * self-signed one is made when it is missing or when the system's policy (openssl.cnf) refuses the old one.
 * Returns 0 or -errno with a sentence in *@ret_error (malloc'ed).
 */
int tls_context(const struct settings *s, SSL_CTX **ret_ctx, char **ret_error);

/* Makes a context with the system's policy and tls_minimum, but no certificate. Returns as tls_context(). */
int tls_context_without_certificate(const struct settings *s, SSL_CTX **ret_ctx, char **ret_error);

/*
 * Copies the SubjectPublicKey, to which CredSSP binds, of the certificate that @ssl has presented, without the byte of
 * unused bits. Returns 0, or -EINVAL when it does not fit in @size bytes.
 */
int tls_public_key(const SSL *ssl, uint8_t *out, size_t size, size_t *ret_len);
