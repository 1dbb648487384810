/* SPDX-License-Identifier: MIT */
#pragma once

#include <openssl/ssl.h>

/*
 * Does a TLS handshake in memory with each version of TLS that @ctx allows, with a client that has no policy of its
 * own. This also loads OpenSSL's algorithms, which the processes of connections inherit, and finds a key that cannot
 * sign before the first client does. Returns 0 when all versions work, 1 when only some work, or -EIO when all fail.
 * For 1 and -EIO a sentence is in *@ret_error (malloc'ed).
 */
int tls_selftest_run(SSL_CTX *ctx, char **ret_error);
