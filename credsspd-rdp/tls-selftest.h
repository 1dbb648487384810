/* SPDX-License-Identifier: MIT */
#pragma once

#include <openssl/ssl.h>

/*
 * One handshake in memory with each version of TLS that @ctx offers, some octets to and fro, the end. OpenSSL looks
 * algorithms up when they are first used: what it then keeps, the processes of connections inherit. And a key that
 * cannot sign is noticed before the first client. Returns 0 or -EIO with a sentence in *@ret_error (malloc'ed).
 */
int tls_selftest_run(SSL_CTX *ctx, char **ret_error);
