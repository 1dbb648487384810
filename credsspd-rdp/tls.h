/* SPDX-License-Identifier: MIT */
/* The TLS side of the listener: one SSL_CTX, made before the first fork. */
#pragma once

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config/rdp-settings.h"

/*
 * Makes the context from the configured certificate, or from a self-signed RSA-2048 one that is kept in state_directory
 * and made when it is missing. Returns 0 or -errno with a sentence in *@ret_error (malloc'ed).
 */
int tls_context(const struct settings *s, SSL_CTX **ret_ctx, char **ret_error);

/* SubjectPublicKey of @ssl's own certificate without the unused-bits octet. Returns 0 or -errno. */
int tls_public_key(const SSL *ssl, uint8_t *out, size_t size, size_t *ret_len);
