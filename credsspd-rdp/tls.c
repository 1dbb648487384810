/* SPDX-License-Identifier: MIT */
/*
 * Versions and ciphers are those of tls-policy.c (Windows before 11 has no TLS 1.3). No resumption: CredSSP binds the
 * handshake to the key of the certificate, and clients do not ask for resumption.
 */
#include "credsspd-rdp/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/explain.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/config/tls-policy.h"
#include "credsspd-rdp/tls-certificate.h"
#include "credsspd-rdp/tls-selftest.h"

#define TLS_READ_BUFFER 65536U

int tls_context_without_certificate(const struct settings *s, SSL_CTX **ret_ctx, char **ret_error)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int r;

	if (!ctx) {
		const char *reason = ERR_reason_error_string(ERR_peek_error());

		ERR_clear_error();
		return explain(ret_error, -EINVAL, "OpenSSL cannot do TLS under the system's openssl.cnf: %s",
			       reason ? reason : "unknown error");
	}
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(ctx, 0);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					   SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_CIPHER_SERVER_PREFERENCE |
					   SSL_OP_IGNORE_UNEXPECTED_EOF);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_default_read_buffer_len(ctx, TLS_READ_BUFFER); /* for read-ahead, which stream_copy() turns on */
	r = tls_policy_apply(ctx, s->tls_minimum, ret_error);
	if (r < 0)
		SSL_CTX_free(ctx);
	else
		*ret_ctx = ctx;
	return r;
}

/* ---- the self-signed certificate ---- */

/* How well a self-signed pair works: SERVES_FULLY in every TLS version that the system's policy allows. */
enum serves { SERVES_NOT, SERVES_PARTLY, SERVES_FULLY };

static enum serves try_out(SSL_CTX *ctx)
{
	AUTO_FREE char *ignored = NULL;
	int r = tls_selftest_run(ctx, &ignored);

	return r < 0 ? SERVES_NOT : r > 0 ? SERVES_PARTLY : SERVES_FULLY;
}

/*
 * Loads the self-signed pair of an earlier start. Returns 0 with @ret_serves and a context; 0 with SERVES_NOT and no
 * context when there is no pair, the policy refuses it, or certificate and key do not match; or -errno with a sentence.
 */
static int take_old(const struct settings *s, const char *certificate, const char *key, SSL_CTX **ret_ctx,
		    enum serves *ret_serves, char **ret_error)
{
	SSL_CTX *ctx = NULL;
	int r;

	*ret_serves = SERVES_NOT;
	if (access(certificate, F_OK) < 0 || access(key, F_OK) < 0)
		return 0;
	r = tls_context_without_certificate(s, &ctx, ret_error);
	if (r == 0)
		r = tls_certificate_load(ctx, certificate, key, ret_error);
	if (r == 0)
		*ret_serves = try_out(ctx);
	if (r == -EBADMSG)
		log_line(LOG_WARNING, "%s; the start that made them was interrupted: a new pair is made", *ret_error);
	if (r == -EKEYREJECTED || r == -EBADMSG) {
		free(*ret_error);
		*ret_error = NULL;
		r = 0;
	}
	if (*ret_serves == SERVES_NOT)
		SSL_CTX_free(ctx);
	else
		*ret_ctx = ctx;
	return r;
}

/*
 * Makes the best pair that works better than @than. Kinds of keys that OpenSSL cannot make here (a provider, a FIPS
 * module) are skipped. Returns 1 and its context, 0 when no pair works better, or -errno.
 */
static int make_better(const struct settings *s, enum serves than, SSL_CTX **ret_ctx, char **ret_error)
{
	SSL_CTX *best = NULL;
	int r = 0;

	for (unsigned i = 0; (r == 0 || r == -EIO) && than < SERVES_FULLY; i++) {
		SSL_CTX *ctx = NULL;
		enum serves serves;

		r = tls_context_without_certificate(s, &ctx, ret_error);
		if (r == 0)
			r = tls_certificate_make(ctx, i);
		serves = r == 0 ? try_out(ctx) : SERVES_NOT;
		if (serves > than) {
			SSL_CTX_free(best);
			best = ctx;
			than = serves;
		} else {
			SSL_CTX_free(ctx);
		}
	}
	if (r < 0 && r != -ENOENT && r != -EIO) {
		SSL_CTX_free(best);
		return r;
	}
	*ret_ctx = best;
	return best != NULL;
}

static int own_certificate(const struct settings *s, SSL_CTX **ret_ctx, char **ret_error)
{
	AUTO_FREE char *certificate = NULL;
	AUTO_FREE char *key = NULL;
	SSL_CTX *ctx = NULL, *better = NULL;
	enum serves serves;
	int r;

	if (asprintf(&certificate, "%s/certificate.pem", s->state_directory) < 0) {
		certificate = NULL;
		return -ENOMEM;
	}
	if (asprintf(&key, "%s/private_key.pem", s->state_directory) < 0) {
		key = NULL;
		return -ENOMEM;
	}
	r = take_old(s, certificate, key, &ctx, &serves, ret_error);
	if (r < 0)
		return r;
	r = make_better(s, serves, &better, ret_error);
	if (r == 1) {
		SSL_CTX_free(ctx);
		ctx = better;
		r = tls_certificate_write(ctx, certificate, key);
		if (r < 0)
			r = explain(ret_error, r, "%s: no self-signed certificate can be made there: %s",
				    s->state_directory, strerror(-r));
	} else if (r == 0 && !ctx) {
		r = explain(ret_error, -EINVAL,
			    "the system's openssl.cnf leaves no TLS handshake that a self-signed RSA or EC certificate "
			    "can do");
	}
	if (r < 0)
		SSL_CTX_free(ctx);
	else
		*ret_ctx = ctx;
	return r;
}

/* ---- the context ---- */

int tls_context(const struct settings *s, SSL_CTX **ret_ctx, char **ret_error)
{
	SSL_CTX *ctx = NULL;
	int r;

	if (!s->certificate)
		return own_certificate(s, ret_ctx, ret_error);
	r = tls_context_without_certificate(s, &ctx, ret_error);
	if (r == 0)
		r = tls_certificate_load(ctx, s->certificate, s->private_key, ret_error);
	if (r < 0)
		SSL_CTX_free(ctx);
	else
		*ret_ctx = ctx;
	return r;
}

int tls_public_key(const SSL *ssl, uint8_t *out, size_t size, size_t *ret_len)
{
	X509 *x = SSL_get_certificate(ssl);
	const ASN1_BIT_STRING *bits = x ? X509_get0_pubkey_bitstr(x) : NULL;
	int len = bits ? ASN1_STRING_length(bits) : 0;

	if (len <= 0 || (size_t)len > size)
		return -EINVAL;
	memcpy(out, ASN1_STRING_get0_data(bits), (size_t)len);
	*ret_len = (size_t)len;
	return 0;
}
