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

#include <errno.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "common/base/cleanup.h"
#include "credsspd-rdp/tls-certificate.h"
#include "credsspd-rdp/tls-selftest.h"
#include "credsspd-rdp/tls.h"

static char dir[] = "/tmp/test_tls_selftest.XXXXXX";

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
	assert_non_null(strstr(error, "self-test: no "));
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

	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION), 1);
	passes(ctx);
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION), 1);
	assert_int_equal(SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION), 1);
	passes(ctx);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_TLSv1_3);
	refused(ctx);
	SSL_CTX_free(ctx);
}

/* A version that the certificate cannot do under the system's policy is told, and the other one serves. */
static void test_partly(void **state)
{
	AUTO_FREE char *error = NULL;
	SSL_CTX *ctx = context();

	assert_int_equal(SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES256-GCM-SHA384"), 1);
	assert_int_equal(tls_selftest_run(ctx, &error), 1);
	assert_non_null(strstr(error, "no TLS 1.2 handshake"));
	assert_int_equal(ERR_peek_error(), 0);
	SSL_CTX_free(ctx);
}

/* An RSA key under a policy that leaves ECDSA alone. */
static void test_signatures(void **state)
{
	SSL_CTX *ctx = context();

	assert_int_equal(SSL_CTX_set1_sigalgs_list(ctx, "ECDSA+SHA256"), 1);
	refused(ctx);
	SSL_CTX_free(ctx);
	/* a policy about curves is no obstacle, whatever the client's own is */
	ctx = context();
	assert_int_equal(SSL_CTX_set1_groups_list(ctx, "P-521"), 1);
	passes(ctx);
	SSL_CTX_free(ctx);
}

/* Each security level gets a pair that serves in every version. */
static void test_own_keys(void **state)
{
	for (int level = 0; level <= 5; level++) {
		SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

		SSL_CTX_set_security_level(ctx, level);
		assert_int_equal(tls_certificate_make(ctx, 0), 0);
		passes(ctx);
		assert_int_equal(EVP_PKEY_get_base_id(SSL_CTX_get0_privatekey(ctx)),
				 level <= 3 ? EVP_PKEY_RSA : EVP_PKEY_EC);
		assert_int_equal(tls_certificate_make(ctx, 3), -ENOENT);
		SSL_CTX_free(ctx);
	}
}

static void test_no_certificate(void **state)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	refused(ctx);
	SSL_CTX_free(ctx);
}

static int setup(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char path[96];

	(void)snprintf(path, sizeof path, "%s/certificate.pem", dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof path, "%s/private_key.pem", dir);
	(void)unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_shipped),     cmocka_unit_test(test_version_missing),
		cmocka_unit_test(test_no_certificate), cmocka_unit_test(test_partly),
		cmocka_unit_test(test_signatures),     cmocka_unit_test(test_own_keys),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
