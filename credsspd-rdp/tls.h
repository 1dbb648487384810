/* SPDX-License-Identifier: MIT */
/* The TLS side of the listener: one SSL_CTX, made before the first fork. */
#pragma once

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config/rdp-settings.h"

/*
 * Makes the context, with the configured certificate or with a self-signed one that is kept in state_directory. The
 * latter is made when it is missing, and again when the system's policy (openssl.cnf) does not take the old one.
 * Returns 0 or -errno with a sentence in *@ret_error (malloc'ed).
 */
int tls_context(const struct settings *s, SSL_CTX **ret_ctx, char **ret_error);

/* Makes the context as far as it depends on the system's policy and on tls_minimum. Results as of tls_context(). */
int tls_context_without_certificate(const struct settings *s, SSL_CTX **ret_ctx, char **ret_error);

/*
 * Copies the SubjectPublicKey of the certificate that @ssl has presented, without the byte of unused bits: what CredSSP
 * binds to. Returns 0, or -EINVAL when it does not fit in @size bytes.
 */
int tls_public_key(const SSL *ssl, uint8_t *out, size_t size, size_t *ret_len);
