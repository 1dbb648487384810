/* SPDX-License-Identifier: MIT */
/* Loads the configured certificate and private key, or makes a self-signed pair. */
#pragma once

#include <openssl/ssl.h>

/*
 * Loads a certificate (its chain follows in the same file) and its private key, both PEM, into @ctx. Never asks for a
 * passphrase. Returns 0, -EKEYREJECTED when the system's policy refuses the key, -EBADMSG when the key does not belong
 * to the certificate, or another -errno, with a sentence in *@ret_error (malloc'ed) that names the file and the remedy.
 */
int tls_certificate_load(SSL_CTX *ctx, const char *certificate, const char *key, char **ret_error);

/*
 * Makes a self-signed pair in @ctx. @candidate counts from 0 the kinds of keys that the security level of @ctx allows,
 * in order of preference (RSA first, which every client supports). Returns 0, -ENOENT when there is no such candidate,
 * or another -errno.
 */
int tls_certificate_make(SSL_CTX *ctx, unsigned candidate);

/* Writes the pair of @ctx to the two files. Returns 0 or -errno. */
int tls_certificate_write(SSL_CTX *ctx, const char *certificate, const char *key);

/* Returns a sentence about clients that cannot use the certificate of @ctx for the kind of its key, or NULL. */
const char *tls_certificate_remark(const SSL_CTX *ctx);
