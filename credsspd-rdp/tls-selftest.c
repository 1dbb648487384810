/* SPDX-License-Identifier: MIT */
#include "credsspd-rdp/tls-selftest.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdio.h>

#include "common/base/explain.h"
#include "common/config/options.h"
#include "common/config/tls-policy.h"

#define TURNS_MAX 16
#define BIO_ROOM 65536U

struct selftest {
	SSL_CTX *client_ctx;
	SSL *client, *server;
};

static int prepare(struct selftest *r, SSL_CTX *ctx, int version)
{
	BIO *client_end, *server_end;

	r->client_ctx = SSL_CTX_new(TLS_client_method());
	if (!r->client_ctx || SSL_CTX_set_min_proto_version(r->client_ctx, version) != 1 ||
	    SSL_CTX_set_max_proto_version(r->client_ctx, version) != 1)
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

/* In turns, until both are through. */
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
	char octets[64] = "rehearsal";

	if (SSL_write(r->client, octets, sizeof octets) != (int)sizeof octets ||
	    SSL_read(r->server, octets, sizeof octets) != (int)sizeof octets ||
	    SSL_write(r->server, octets, sizeof octets) != (int)sizeof octets ||
	    SSL_read(r->client, octets, sizeof octets) != (int)sizeof octets)
		return -EIO;
	(void)SSL_shutdown(r->server);
	(void)SSL_shutdown(r->client);
	return 0;
}

int tls_selftest_run(SSL_CTX *ctx, char **ret_error)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	char text[160];
	int result = -EPROTONOSUPPORT;

	for (size_t i = 0; (result == 0 || result == -EPROTONOSUPPORT) && i < sizeof versions / sizeof *versions; i++) {
		struct selftest r = { NULL, NULL, NULL };

		if (!tls_policy_allows(ctx, versions[i]))
			continue;

		result = prepare(&r, ctx, versions[i]);
		if (result == 0)
			result = shake_hands(&r);
		if (result == 0)
			result = talk(&r);
		SSL_free(r.client);
		SSL_free(r.server);
		SSL_CTX_free(r.client_ctx);
	}
	if (result < 0) {
		ERR_error_string_n(ERR_get_error(), text, sizeof text);
		result = explain(
		    ret_error, result,
		    "certificate and private_key, under the system's openssl.cnf: a TLS handshake with ourselves "
		    "fails: %s",
		    text);
	}
	ERR_clear_error();
	return result;
}
