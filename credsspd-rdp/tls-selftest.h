/* SPDX-License-Identifier: MIT */
#pragma once

#include <openssl/ssl.h>

/*
 * Does a TLS handshake in memory with each version of TLS that @ctx allows, as a client without any policy of its own
 * would. OpenSSL looks algorithms up when they are first used: the processes of connections inherit what it has found,
 * and a key that cannot sign is noticed before the first client. Returns 0; 1 when only some versions work; -EIO when
 * none does. For 1 and -EIO a sentence is in *@ret_error (malloc'ed).
 */
int tls_selftest_run(SSL_CTX *ctx, char **ret_error);
