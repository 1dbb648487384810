/* SPDX-License-Identifier: MIT */
/* The self-signed certificate has an RSA key if the system's policy allows it: rdesktop and impacket accept no
 * other. */
#include "credsspd-rdp/tls-certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
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
#include "common/base/regular-file.h"
#include "common/config/tls-policy.h"

#define VALID_SEC (10L * 365 * 24 * 3600)

/* ---- loading ---- */

/*
 * Explains why @path cannot be opened. After a failure, glibc's realpath() leaves in its buffer the path at which it
 * stopped, with symbolic links resolved. After EACCES this user cannot enter the parent directory of that path.
 */
static int fail_open(char **ret_error, const char *path, int error)
{
	static char at[PATH_MAX], directory[PATH_MAX]; /* too large for the stack */

	at[0] = '\0';
	if (error != EACCES || realpath(path, at) || errno != EACCES || !at[0])
		return explain(ret_error, -error, "%s: %s", path, strerror(error));
	strcpy(directory, at);
	return explain(ret_error, -error,
		       "%s: directory %s cannot be entered by the user of credsspd-rdp (chmod or setfacl on the "
		       "directory, or copy the file)",
		       path, dirname(directory));
}

static int check_open(const char *path, char **ret_error)
{
	int r = regular_file_check(path);

	if (r == -EINVAL)
		return explain(ret_error, r, "%s: it is no regular file", path);
	return r < 0 ? fail_open(ret_error, path, -r) : 0;
}

static bool is_rejected(unsigned long e)
{
	int reason = ERR_GET_REASON(e);

	return ERR_GET_LIB(e) == ERR_LIB_SSL &&
	       (reason == SSL_R_EE_KEY_TOO_SMALL || reason == SSL_R_CA_KEY_TOO_SMALL || reason == SSL_R_CA_MD_TOO_WEAK);
}

/* The first error of the queue is the cause; "PEM lib" and the like follow from it. */
static int fail_load(char **ret_error, const char *path, const char *what)
{
	unsigned long first = ERR_peek_error(), last = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(first);
	bool rejected = is_rejected(first) || is_rejected(last);

	ERR_clear_error();
	if (rejected)
		return explain(ret_error, -EKEYREJECTED,
			       "%s: the key is too small for the system's openssl.cnf (SECLEVEL in CipherString): %s",
			       path, reason ? reason : "refused");
	return explain(ret_error, -EINVAL, "%s: no %s in PEM form that OpenSSL can read: %s", path, what,
		       reason ? reason : "unknown error");
}

/* Replaces OpenSSL's passphrase callback, which asks on the terminal. */
static int on_passphrase_needed(char *buffer, int size, int writing, void *userdata)
{
	bool *needed = userdata;

	if (needed)
		*needed = true;
	return -1;
}

static int load_key(SSL_CTX *ctx, const char *certificate, const char *key, char **ret_error)
{
	bool needs_passphrase = false;
	unsigned long e;
	int ok;

	SSL_CTX_set_default_passwd_cb_userdata(ctx, &needs_passphrase);
	ok = SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
	if (ok == 1)
		return 0;
	e = ERR_peek_last_error();
	if (needs_passphrase) {
		ERR_clear_error();
		return explain(ret_error, -EINVAL,
			       "%s: the private key has a passphrase, and a service cannot ask for it: write the key "
			       "without one (openssl pkey -in %s -out NEWFILE) and let only credsspd-rdp read it",
			       key, key);
	}
	if (ERR_GET_LIB(e) == ERR_LIB_X509 &&
	    (ERR_GET_REASON(e) == X509_R_KEY_VALUES_MISMATCH || ERR_GET_REASON(e) == X509_R_KEY_TYPE_MISMATCH)) {
		ERR_clear_error();
		return explain(ret_error, -EBADMSG, "%s: the private key does not belong to certificate %s", key,
			       certificate);
	}
	return fail_load(ret_error, key, "private key");
}

int tls_certificate_load(SSL_CTX *ctx, const char *certificate, const char *key, char **ret_error)
{
	struct stat st;
	int r;

	if (!certificate || !key)
		return -EINVAL;
	if (stat(key, &st) == 0 && tls_policy_key_is_open(st.st_mode))
		return explain(ret_error, -EPERM, "%s: others have access to the private key (mode %04o): chmod o= %s",
			       key, st.st_mode & 07777, key);
	r = check_open(certificate, ret_error);
	if (r == 0)
		r = check_open(key, ret_error);
	if (r < 0)
		return r;
	ERR_clear_error();
	SSL_CTX_set_default_passwd_cb(ctx, on_passphrase_needed);
	if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
		return fail_load(ret_error, certificate, "certificate");
	r = load_key(ctx, certificate, key, ret_error);
	if (r == 0 && SSL_CTX_check_private_key(ctx) != 1) {
		ERR_clear_error();
		r = explain(ret_error, -EBADMSG, "%s: the private key does not belong to certificate %s", key,
			    certificate);
	}
	return r;
}

/* ---- making ---- */

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

/* Returns a hash function as strong as the key. */
static const EVP_MD *digest_for(const EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_security_bits(key);

	return bits > 192 ? EVP_sha512() : bits > 128 ? EVP_sha384() : EVP_sha256();
}

static X509 *self_sign(EVP_PKEY *key)
{
	const char *usage = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? "critical,digitalSignature,keyEncipherment"
								      : "critical,digitalSignature";
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
	/* a common name has at most 64 bytes; a longer name is only in the subject alternative name */
	ok = X509_set_version(x, 2) == 1 && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1) == 1 &&
	     X509_gmtime_adj(X509_getm_notBefore(x), -3600) && X509_gmtime_adj(X509_getm_notAfter(x), VALID_SEC) &&
	     X509_set_pubkey(x, key) == 1 &&
	     X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)host, strlen(host) < 64 ? -1 : 63,
					-1, 0) == 1 &&
	     X509_set_issuer_name(x, name) == 1 && add_extension(x, NID_subject_alt_name, alt) &&
	     add_extension(x, NID_key_usage, usage) && add_extension(x, NID_ext_key_usage, "serverAuth") &&
	     X509_sign(x, key, digest_for(key)) > 0;
	if (!ok) {
		X509_free(x);
		x = NULL;
	}
	return x;
}

int tls_certificate_make(SSL_CTX *ctx, unsigned candidate)
{
	struct tls_policy_key kind;
	EVP_PKEY *key;
	X509 *x;
	int ok;

	if (!tls_policy_key(ctx, candidate, &kind))
		return -ENOENT;
	key = kind.curve ? EVP_EC_gen(kind.curve) : EVP_RSA_gen(kind.rsa_bits);
	x = key ? self_sign(key) : NULL;
	ok = x && SSL_CTX_use_certificate(ctx, x) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1;
	X509_free(x);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return ok ? 0 : -EIO;
}

/* Writes a new file beside @path and renames it, so that a half-written key is never found. */
static int write_pem(const char *path, EVP_PKEY *key, X509 *x)
{
	AUTO_FREE char *temporary = NULL;
	int fd, ok;
	FILE *f;

	if (asprintf(&temporary, "%s.new", path) < 0) {
		temporary = NULL;
		return -ENOMEM;
	}
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

int tls_certificate_write(SSL_CTX *ctx, const char *certificate, const char *key)
{
	int r = write_pem(key, SSL_CTX_get0_privatekey(ctx), NULL);

	return r < 0 ? r : write_pem(certificate, NULL, SSL_CTX_get0_certificate(ctx));
}

/* ---- kinds of keys ---- */

const char *tls_certificate_remark(const SSL_CTX *ctx)
{
	EVP_PKEY *key = SSL_CTX_get0_privatekey(ctx);

	switch (key ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE) {
	case EVP_PKEY_ED25519:
	case EVP_PKEY_ED448:
		return "the certificate has an Ed25519 or Ed448 key, which Windows' clients do not take: use an RSA "
		       "key (or EC, P-256 or P-384)";
	case EVP_PKEY_RSA_PSS:
		return "the certificate has an RSASSA-PSS key, which Windows' clients, rdesktop and impacket do not "
		       "take: use a plain RSA key (rsaEncryption)";
	default:
		return NULL;
	}
}
