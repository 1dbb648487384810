/* SPDX-License-Identifier: MIT */
#include "credsspd-rdp/tls-selftest.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/base/explain.h"
#include "common/config/tls-policy.h"

#define TURNS_MAX 16
#define ALL_SUITES \
	"TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256:" \
	"TLS_AES_128_CCM_8_SHA256"
#define ALL_GROUPS "X25519:P-256:P-384:P-521:X448"
#define ALL_SIGNATURES \
	"ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:rsa_pss_pss_sha256:rsa_pss_pss_sha384:" \
	"rsa_pss_pss_sha512:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:RSA+SHA256:RSA+SHA384:RSA+" \
	"SHA512"
#define BIO_ROOM 65536U

struct selftest {
	SSL_CTX *client_ctx;
	SSL *client, *server;
};

/* Removes the restrictions of the system's openssl.cnf from the client, because the self-test is about the server. */
static bool drop_policy(SSL_CTX *client, int version)
{
	SSL_CTX_set_verify(client, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_security_level(client, 0);
	(void)SSL_CTX_clear_options(client, SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3);
	/* the minimum is removed first, because it may be above the new maximum */
	return SSL_CTX_set_min_proto_version(client, 0) == 1 && SSL_CTX_set_max_proto_version(client, version) == 1 &&
	       SSL_CTX_set_min_proto_version(client, version) == 1 &&
	       SSL_CTX_set_cipher_list(client, "ALL:@SECLEVEL=0") == 1 &&
	       SSL_CTX_set_ciphersuites(client, ALL_SUITES) == 1 && SSL_CTX_set1_groups_list(client, ALL_GROUPS) == 1 &&
	       SSL_CTX_set1_sigalgs_list(client, ALL_SIGNATURES) == 1;
}

static int prepare(struct selftest *r, SSL_CTX *ctx, int version)
{
	BIO *client_end, *server_end;

	r->client_ctx = SSL_CTX_new(TLS_client_method());
	if (!r->client_ctx || !drop_policy(r->client_ctx, version))
		return -EIO;
	r->client = SSL_new(r->client_ctx);
	r->server = SSL_new(ctx);
	if (!r->client || !r->server || BIO_new_bio_pair(&client_end, BIO_ROOM, &server_end, BIO_ROOM) != 1)
		return -EIO;
	SSL_set_bio(r->client, client_end, client_end);
	SSL_set_bio(r->server, server_end, server_end);
	SSL_set_connect_state(r->client);
	SSL_set_accept_state(r->server);
	return 0;
}

/* Runs both sides in turn until both have finished. */
static int shake_hands(struct selftest *r)
{
	int client = 0, server = 0;

	for (int i = 0; i < TURNS_MAX && (client != 1 || server != 1); i++) {
		client = SSL_do_handshake(r->client);
		server = SSL_do_handshake(r->server);
	}
	return client == 1 && server == 1 ? 0 : -EIO;
}

static int talk(struct selftest *r)
{
	char bytes[64] = "self-test";

	if (SSL_write(r->client, bytes, sizeof bytes) != (int)sizeof bytes ||
	    SSL_read(r->server, bytes, sizeof bytes) != (int)sizeof bytes ||
	    SSL_write(r->server, bytes, sizeof bytes) != (int)sizeof bytes ||
	    SSL_read(r->client, bytes, sizeof bytes) != (int)sizeof bytes)
		return -EIO;
	(void)SSL_shutdown(r->server);
	(void)SSL_shutdown(r->client);
	return 0;
}

static int try_version(SSL_CTX *ctx, int version)
{
	struct selftest s = { NULL, NULL, NULL };
	int r;

	ERR_clear_error();
	r = prepare(&s, ctx, version);
	if (r == 0)
		r = shake_hands(&s);
	if (r == 0)
		r = talk(&s);
	SSL_free(s.client);
	SSL_free(s.server);
	SSL_CTX_free(s.client_ctx);
	return r;
}

int tls_selftest_run(SSL_CTX *ctx, char **ret_error)
{
	static const struct {
		int version;
		const char *name;
	} row[] = { { TLS1_2_VERSION, "TLS 1.2" }, { TLS1_3_VERSION, "TLS 1.3" } };
	const char *failed = NULL, *reason = NULL;
	bool works = false;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		if (!tls_policy_allows(ctx, row[i].version))
			continue;
		if (try_version(ctx, row[i].version) == 0) {
			works = true;
		} else {
			failed = row[i].name;
			reason = ERR_reason_error_string(ERR_peek_error()); /* the first error is the cause */
		}
	}
	ERR_clear_error();
	if (works && !failed)
		return 0;
	(void)explain(ret_error, -EIO,
		      "self-test: no %s handshake succeeds with this certificate under the system's openssl.cnf%s%s%s",
		      failed ? failed : "TLS", reason ? ": " : "", reason ? reason : "",
		      works ? "; clients of that version are refused" : "");
	return works ? 1 : -EIO;
}
