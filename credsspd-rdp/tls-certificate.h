/* SPDX-License-Identifier: MIT */
/* Certificate and private key: those that are configured, and the self-signed pair that the front end makes itself. */
#pragma once

#include <openssl/ssl.h>

/*
 * Loads a certificate (its chain follows in the same file) and its private key, both PEM, into @ctx. Never asks for a
 * passphrase. Returns 0, -EKEYREJECTED when the system's policy does not take the key, -EBADMSG when the key is another
 * certificate's, or another -errno, with a sentence in *@ret_error (malloc'ed) that names the file and what to do.
 */
int tls_certificate_load(SSL_CTX *ctx, const char *certificate, const char *key, char **ret_error);

/*
 * Makes a self-signed pair in @ctx. @candidate counts from 0: the kinds of keys that the security level of @ctx takes,
 * in the order of preference (RSA first, which every client knows). Returns 0, -ENOENT when there is no such candidate,
 * or another -errno.
 */
int tls_certificate_make(SSL_CTX *ctx, unsigned candidate);

/* Writes the pair of @ctx to the two files. Returns 0 or -errno. */
int tls_certificate_write(SSL_CTX *ctx, const char *certificate, const char *key);

/* Returns a sentence about clients that cannot use the certificate of @ctx for the kind of its key, or NULL. */
const char *tls_certificate_remark(const SSL_CTX *ctx);
