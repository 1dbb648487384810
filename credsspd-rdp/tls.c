/* SPDX-License-Identifier: MIT */
/*
 * Versions and ciphers are those of tls-policy.c (Windows before 11 has no TLS 1.3). No resumption: CredSSP binds the
 * handshake to the certificate's key, and clients do not ask for it. The self-signed certificate is RSA: rdesktop and
 * impacket read no other key.
 */
#include "credsspd-rdp/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/explain.h"
#include "common/base/limits.h"
#include "common/config/options.h"
#include "common/config/tls-policy.h"

#define TLS_READ_BUFFER 65536U
#define VALID_SEC (10L * 365 * 24 * 3600)

static int fail_ssl(char **ret_error, const char *what)
{
	char text[256] = "";

	unsigned long e = ERR_peek_last_error();
	int reason = ERR_GET_REASON(e);
	bool level =
	    ERR_GET_LIB(e) == ERR_LIB_SSL &&
	    (reason == SSL_R_EE_KEY_TOO_SMALL || reason == SSL_R_CA_KEY_TOO_SMALL || reason == SSL_R_CA_MD_TOO_WEAK);

	ERR_error_string_n(e, text, sizeof text);
	ERR_clear_error();
	return explain(ret_error, level ? -EKEYREJECTED : -EINVAL, "%s: %s%s", what, text,
		       level ? " (the system's openssl.cnf demands more: SECLEVEL in CipherString)" : "");
}

/* ---- the self-signed certificate ---- */

static int add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX c;
	X509_EXTENSION *e;
	int ok;

	X509V3_set_ctx_nodb(&c);
	X509V3_set_ctx(&c, x, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	ok = e && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

static X509 *self_sign(EVP_PKEY *key)
{
	char host[256] = "localhost", alt[280];
	uint64_t serial = 0;
	X509 *x = X509_new();
	X509_NAME *name;
	int ok;

	(void)gethostname(host, sizeof host - 1);
	if (strpbrk(host, ",\n"))
		strcpy(host, "localhost");
	(void)snprintf(alt, sizeof alt, "DNS:%s", host);
	if (!x || getentropy(&serial, sizeof serial) < 0) {
		X509_free(x);
		return NULL;
	}
	name = X509_get_subject_name(x);
	/* a common name has at most 64 octets; the subject alternative name carries a longer one */
	ok = X509_set_version(x, 2) == 1 && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1) == 1 &&
	     X509_gmtime_adj(X509_getm_notBefore(x), -3600) && X509_gmtime_adj(X509_getm_notAfter(x), VALID_SEC) &&
	     X509_set_pubkey(x, key) == 1 &&
	     X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)host, strlen(host) < 64 ? -1 : 63,
					-1, 0) == 1 &&
	     X509_set_issuer_name(x, name) == 1 && add_extension(x, NID_subject_alt_name, alt) &&
	     add_extension(x, NID_key_usage, "critical,digitalSignature,keyEncipherment") &&
	     add_extension(x, NID_ext_key_usage, "serverAuth") && X509_sign(x, key, EVP_sha256()) > 0;
	if (!ok) {
		X509_free(x);
		x = NULL;
	}
	return x;
}

/* Writes a new file beside @path and renames it, so that no half-written key is ever found. */
static int write_pem(const char *path, EVP_PKEY *key, X509 *x)
{
	AUTO_FREE char *temporary = NULL;
	int fd, ok;
	FILE *f;

	if (asprintf(&temporary, "%s.new", path) < 0)
		return -ENOMEM;
	(void)unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, key ? 0600 : 0644);
	if (fd < 0)
		return -errno;
	f = fdopen(fd, "we");
	if (!f) {
		(void)close(fd);
		return -ENOMEM;
	}
	ok = key ? PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) : PEM_write_X509(f, x);
	ok = ok && fflush(f) == 0 && fsync(fd) == 0;
	if (fclose(f) != 0 || !ok || rename(temporary, path) < 0) {
		(void)unlink(temporary);
		return -EIO;
	}
	return 0;
}

static int make_certificate(const char *certificate, const char *key_path, int bits)
{
	EVP_PKEY *key = EVP_RSA_gen((unsigned)bits);
	X509 *x = key ? self_sign(key) : NULL;
	int r = -EIO;

	if (x)
		r = write_pem(key_path, key, NULL);
	if (x && r == 0)
		r = write_pem(certificate, NULL, x);
	X509_free(x);
	EVP_PKEY_free(key);
	return r;
}

static int load(SSL_CTX *ctx, const char *certificate, const char *key, char **ret_error)
{
	struct stat st;

	if (!certificate || !key)
		return -EINVAL;
	if (stat(key, &st) == 0 && st.st_mode & S_IRWXO)
		return explain(ret_error, -EPERM, "%s: others can read the private key (mode %04o)", key,
			       st.st_mode & 07777);
	if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
		return fail_ssl(ret_error, certificate);
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		return fail_ssl(ret_error, key);
	return SSL_CTX_check_private_key(ctx) == 1
		   ? 0
		   : fail_ssl(ret_error, "certificate and private key do not belong together");
}

/* Made when there is none, and anew when the security level of @ctx does not take the one that is there. */
static int own_paths(const struct settings *s, SSL_CTX *ctx, char **ret_certificate, char **ret_key, char **ret_error)
{
	char *ignored = NULL; /* by hand: gcc's analyzer does not see through the attribute here */
	bool usable;
	int r;

	if (asprintf(ret_certificate, "%s/certificate.pem", s->state_directory) < 0 ||
	    asprintf(ret_key, "%s/private_key.pem", s->state_directory) < 0)
		return -ENOMEM;
	usable = access(*ret_certificate, F_OK) == 0 && access(*ret_key, F_OK) == 0 &&
		 load(ctx, *ret_certificate, *ret_key, &ignored) != -EKEYREJECTED;
	free(ignored);
	if (usable)
		return 0;
	r = make_certificate(*ret_certificate, *ret_key, tls_policy_rsa_bits(ctx));
	return r < 0 ? explain(ret_error, r, "%s: no self-signed certificate can be made there: %s", s->state_directory,
			       strerror(-r))
		     : 0;
}

/* ---- the context ---- */

int tls_context(const struct settings *s, SSL_CTX **ret_ctx, char **ret_error)
{
	AUTO_FREE char *own_certificate = NULL;
	AUTO_FREE char *own_key = NULL;
	SSL_CTX *ctx;
	int r;

	ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx)
		return fail_ssl(ret_error, "TLS");
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(ctx, 0);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					   SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_CIPHER_SERVER_PREFERENCE |
					   SSL_OP_IGNORE_UNEXPECTED_EOF);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_default_read_buffer_len(ctx, TLS_READ_BUFFER); /* for read-ahead, which a session turns on */
	r = tls_policy_apply(ctx, s->tls_minimum, ret_error);
	if (r == 0 && !s->certificate)
		r = own_paths(s, ctx, &own_certificate, &own_key, ret_error);
	if (r == 0)
		r = load(ctx, s->certificate ? s->certificate : own_certificate,
			 s->certificate ? s->private_key : own_key, ret_error);
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
