/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "common/base/cleanup.h"
#include "credsspd-rdp/tls-selftest.h"
#include "credsspd-rdp/tls.h"

static char dir[] = "/tmp/test_rehearsal.XXXXXX";

static SSL_CTX *context(void)
{
	const struct settings s = { .state_directory = dir };
	AUTO_FREE char *error = NULL;
	SSL_CTX *ctx = NULL;

	if (tls_context(&s, &ctx, &error) != 0)
		fail_msg("%s", error ? error : "nothing said");
	return ctx;
}

static void refused(SSL_CTX *ctx)
{
	AUTO_FREE char *error = NULL;

	assert_true(tls_selftest_run(ctx, &error) < 0);
	assert_non_null(error);
	assert_non_null(strstr(error, "a TLS handshake with ourselves fails"));
	assert_int_equal(ERR_peek_error(), 0);
}

static void passes(SSL_CTX *ctx)
{
	AUTO_FREE char *error = NULL;

	if (tls_selftest_run(ctx, &error) != 0)
		fail_msg("%s", error ? error : "nothing said");
}

static void test_as_shipped(void **state)
{
	AUTO_FREE char *error = NULL;
	SSL_CTX *ctx = context();

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(tls_selftest_run(ctx, &error), 0);
	assert_null(error);
	assert_int_equal(ERR_peek_error(), 0);
	SSL_CTX_free(ctx);
}

/* A host's policy may have taken either version away; what it has left is tried, and something has to be left. */
static void test_version_missing(void **state)
{
	SSL_CTX *ctx = context();

	(void)state;
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION), 1);
	passes(ctx);
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION), 1);
	assert_int_equal(SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION), 1);
	passes(ctx);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_TLSv1_3);
	refused(ctx);
	SSL_CTX_free(ctx);
}

static void test_no_certificate(void **state)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	(void)state;
	refused(ctx);
	SSL_CTX_free(ctx);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char path[96];

	(void)state;
	(void)snprintf(path, sizeof path, "%s/certificate.pem", dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof path, "%s/private_key.pem", dir);
	(void)unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_shipped),
		cmocka_unit_test(test_version_missing),
		cmocka_unit_test(test_no_certificate),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
