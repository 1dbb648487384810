/* SPDX-License-Identifier: MIT */
/* The certificate that clients see: configured, or the self-signed one that credsspd-rdp makes. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/regular-file.h"
#include "common/config/tls-policy.h"
#include "credsspctl/check/check.h"
#include "credsspctl/host/proc-probe.h"

#define EXPIRES_SOON_SEC (14 * 24 * 3600)
#define RSA_BITS_MIN 2048

static void x509_freep(X509 **x)
{
	X509_free(*x);
}

static void pkey_freep(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

#define AUTO_X509 CLEANUP(x509_freep)
#define AUTO_PKEY CLEANUP(pkey_freep)

/* Returns the @configured path, or that of the self-signed certificate's file @own; malloc'ed. */
static char *path_of(const struct check_context *ctx, const char *configured, const char *own)
{
	char *path = NULL;

	if (asprintf(&path, configured ? "%s" : "%s/%s", configured ? configured : ctx->settings.state_directory, own) <
	    0)
		return NULL;
	return path;
}

static char *certificate_path(const struct check_context *ctx)
{
	return path_of(ctx, ctx->settings.certificate, "certificate.pem");
}

static char *key_path(const struct check_context *ctx)
{
	return path_of(ctx, ctx->settings.private_key, "private_key.pem");
}

static pid_t front_end(void)
{
	return proc_probe_process_of(FRONT_END_USER, "credsspd-rdp");
}

/* Tries to read the file as the front end would, with the groups of its unit. */
static int readable(const char *path)
{
	return proc_probe_access(FRONT_END_USER, front_end(), path, R_OK);
}

/* Sets the remedy for a file below a closed directory; returns false when the directories are not the cause. */
static bool is_behind_closed_directory(struct finding *found, const char *path)
{
	AUTO_FREE char *closed = proc_probe_closed_directory(FRONT_END_USER, front_end(), path);

	if (!closed)
		return false;
	(void)check_wrong(found, "user %s cannot enter the directory %s", FRONT_END_USER, closed);
	(void)check_remedy(
	    found,
	    "chmod a+x %s, or copies of certificate and key below /etc, which a hook of the certificate's "
	    "renewal makes (install -o %s -m 0400)",
	    closed, FRONT_END_USER);
	return true;
}

/* Returns NULL when the certificate cannot be read; certificate_file() reports that. */
static X509 *load(const struct check_context *ctx, struct finding *found)
{
	AUTO_FREE char *path = ctx->has_settings ? certificate_path(ctx) : NULL;
	AUTO_FCLOSE FILE *in = path ? regular_file_stream(path) : NULL;
	X509 *x = in ? PEM_read_X509(in, NULL, NULL, NULL) : NULL;

	ERR_clear_error();
	if (x)
		(void)check_looked(found, "certificate %s", path);
	return x;
}

static enum check_result certificate_file(struct check_context *ctx, struct finding *found)
{
	AUTO_FREE char *path = ctx->has_settings ? certificate_path(ctx) : NULL;
	AUTO_X509 X509 *x = path ? load(ctx, found) : NULL;
	int r;

	if (!path || !getpwnam(FRONT_END_USER))
		return CHECK_NONE;
	(void)check_looked(found, "certificate %s", path);
	r = readable(path);
	if (r == 0 && x)
		return CHECK_OK;
	if (r == -EACCES && is_behind_closed_directory(found, path))
		return CHECK_BAD;
	if (r < 0)
		(void)check_wrong(found, "user %s cannot read it: %s", FRONT_END_USER, strerror(-r));
	else
		(void)check_wrong(found, "there is no certificate in PEM form in it");
	return ctx->settings.certificate
		   ? check_remedy(found, "certificate in [credsspd-rdp] of %s", CONFIG_PATH_DEFAULT)
		   : check_remedy(found, "systemctl restart credsspd-rdp makes a new one");
}

/* Notes that the key has a passphrase, which cannot be typed when the front end starts, and returns no passphrase. */
static int no_passphrase(char *buffer, int size, int writing, void *userdata)
{
	*(bool *)userdata = true;
	return -1;
}

static enum check_result certificate_key(struct check_context *ctx, struct finding *found)
{
	AUTO_X509 X509 *x = load(ctx, found);
	AUTO_FREE char *path = x ? key_path(ctx) : NULL;
	AUTO_FCLOSE FILE *in = path ? regular_file_stream(path) : NULL;
	bool has_passphrase = false;
	AUTO_PKEY EVP_PKEY *key = in ? PEM_read_PrivateKey(in, NULL, no_passphrase, &has_passphrase) : NULL;
	int r;

	if (!path || !getpwnam(FRONT_END_USER))
		return CHECK_NONE;
	(void)check_looked(found, "private key %s", path);
	r = readable(path);
	if (r == -EACCES && is_behind_closed_directory(found, path))
		return CHECK_BAD;
	if (r < 0)
		(void)check_wrong(found, "user %s cannot read it: %s", FRONT_END_USER, strerror(-r));
	else if (has_passphrase)
		(void)check_wrong(found, "it has a passphrase, which credsspd-rdp does not ask for");
	else if (!key)
		(void)check_wrong(found, "there is no private key in PEM form in it");
	else if (X509_check_private_key(x, key) != 1)
		(void)check_wrong(found, "it does not belong to the certificate");
	else
		return CHECK_OK;
	ERR_clear_error();
	if (r == 0 && has_passphrase)
		return check_remedy(found,
				    "(umask 077; openssl pkey -in %s -out %s.new) && chown %s %s.new && mv %s.new %s",
				    path, path, FRONT_END_USER, path, path, path);
	return r == -EACCES ? check_remedy(found, "chown %s %s", FRONT_END_USER, path)
			    : check_remedy(found, "private_key in [credsspd-rdp] of %s", CONFIG_PATH_DEFAULT);
}

/* ---- the TLS context that the front end makes ---- */

struct tls_trial {
	const struct settings *settings;
	const char *certificate, *key;
	int level; /* the security level of openssl.cnf */
	char trouble[256];
};

static int tls_trouble(struct tls_trial *t, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	(void)snprintf(t->trouble, sizeof t->trouble, "%s: %s", what, reason ? reason : "refused");
	return -EIO;
}

/* As credsspd-rdp/tls.c, in a process of its user; @userdata is shared with the parent. */
static int make_context(void *userdata)
{
	struct tls_trial *t = userdata;
	AUTO_FREE char *error = NULL;
	bool has_passphrase;
	SSL_CTX *tls;
	int r = 0;

	ERR_clear_error();
	tls = SSL_CTX_new(TLS_server_method());
	if (!tls)
		return tls_trouble(t, "OpenSSL makes no TLS context");
	t->level = SSL_CTX_get_security_level(tls);
	SSL_CTX_set_default_passwd_cb(tls, no_passphrase);
	SSL_CTX_set_default_passwd_cb_userdata(tls, &has_passphrase);
	if (tls_policy_apply(tls, t->settings->tls_minimum, &error) < 0) {
		(void)snprintf(t->trouble, sizeof t->trouble, "%s", error ? error : "no version of TLS is left");
		r = -EIO;
	} else if (SSL_CTX_use_certificate_chain_file(tls, t->certificate) != 1) {
		r = tls_trouble(t, t->certificate);
	} else if (SSL_CTX_use_PrivateKey_file(tls, t->key, SSL_FILETYPE_PEM) != 1) {
		r = tls_trouble(t, t->key);
	}
	SSL_CTX_free(tls);
	return r;
}

static enum check_result certificate_tls(struct check_context *ctx, struct finding *found)
{
	const size_t size = sizeof(struct tls_trial);
	AUTO_X509 X509 *x = load(ctx, found);
	AUTO_FREE char *certificate = x ? certificate_path(ctx) : NULL;
	AUTO_FREE char *key = x ? key_path(ctx) : NULL;
	enum check_result result = CHECK_OK;
	CLEANUP(check_finding_done) struct finding other = { .wrong = NULL };
	struct tls_trial *t;

	/* errors that the two findings before this one report are not repeated */
	if (!certificate || !key || certificate_file(ctx, &other) != CHECK_OK ||
	    certificate_key(ctx, &other) != CHECK_OK)
		return CHECK_NONE;
	t = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t == MAP_FAILED)
		return CHECK_NONE;
	t->settings = &ctx->settings;
	t->certificate = certificate;
	t->key = key;
	(void)check_looked(found, "TLS with certificate %s, tls_minimum and the policy of openssl.cnf", certificate);
	if (proc_probe_as(FRONT_END_USER, front_end(), make_context, t) < 0) {
		(void)check_wrong(found, "%s (security level %d): credsspd-rdp does not start with it",
				  *t->trouble ? t->trouble : "the trial ended", t->level);
		result =
		    check_remedy(found,
				 "a certificate that the level takes (SECLEVEL in openssl.cnf), MinProtocol and "
				 "MaxProtocol there that leave TLS 1.2 or 1.3, or tls_minimum in [credsspd-rdp] of %s",
				 CONFIG_PATH_DEFAULT);
	}
	(void)munmap(t, size);
	return result;
}

static enum check_result certificate_key_mode(struct check_context *ctx, struct finding *found)
{
	AUTO_FREE char *path = ctx->has_settings ? key_path(ctx) : NULL;
	struct stat st;

	if (!path || stat(path, &st) < 0)
		return CHECK_NONE;
	(void)check_looked(found, "private key %s", path);
	if (!tls_policy_key_is_open(st.st_mode) && !(st.st_mode & S_IWGRP))
		return CHECK_OK;
	if (tls_policy_key_is_open(st.st_mode))
		(void)check_wrong(found, "others have access to it (mode %04o): credsspd-rdp refuses it",
				  st.st_mode & 07777);
	else
		(void)check_wrong(found, "its group can write it (mode %04o)", st.st_mode & 07777);
	return check_remedy(found, "chown %s %s && chmod 0400 %s, and a new key if it was read", FRONT_END_USER, path,
			    path);
}

static enum check_result certificate_rsa(struct check_context *ctx, struct finding *found)
{
	AUTO_X509 X509 *x = load(ctx, found);
	EVP_PKEY *key = x ? X509_get0_pubkey(x) : NULL;
	CLEANUP(check_finding_done) struct finding unused = { .wrong = NULL };

	if (!key)
		return CHECK_NONE;
	if (EVP_PKEY_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_bits(key) >= RSA_BITS_MIN)
		return CHECK_OK;
	if (EVP_PKEY_base_id(key) == EVP_PKEY_RSA && certificate_tls(ctx, &unused) == CHECK_BAD)
		return CHECK_NONE; /* the key is too short for TLS on this host, which certificate_tls() reports */
	if (EVP_PKEY_base_id(key) == EVP_PKEY_EC)
		(void)check_wrong(found, "its key is not RSA: rdesktop and impacket read no other");
	else if (EVP_PKEY_base_id(key) != EVP_PKEY_RSA)
		(void)check_wrong(found, "its key is %s: Windows' clients, rdesktop and impacket do not take it",
				  EVP_PKEY_base_id(key) == EVP_PKEY_RSA_PSS   ? "RSASSA-PSS, not plain RSA"
				  : EVP_PKEY_base_id(key) == EVP_PKEY_ED25519 ? "Ed25519, not RSA"
									      : "not RSA");
	else
		(void)check_wrong(found, "its RSA key has %d bits: clients refuse less than %d", EVP_PKEY_bits(key),
				  RSA_BITS_MIN);
	return check_remedy(found, "a certificate for an RSA key of %d bits or more", RSA_BITS_MIN);
}

static enum check_result certificate_dates(struct check_context *ctx, struct finding *found)
{
	AUTO_X509 X509 *x = load(ctx, found);

	if (!x)
		return CHECK_NONE;
	if (X509_cmp_current_time(X509_get0_notBefore(x)) >= 0)
		(void)check_wrong(found, "it is not valid yet");
	else if (X509_cmp_current_time(X509_get0_notAfter(x)) <= 0)
		(void)check_wrong(found, "it has expired");
	else
		return CHECK_OK;
	return check_remedy(found, "date, and a new certificate");
}

static enum check_result certificate_expires(struct check_context *ctx, struct finding *found)
{
	AUTO_X509 X509 *x = load(ctx, found);
	time_t soon = time(NULL) + EXPIRES_SOON_SEC;

	if (!x || X509_cmp_current_time(X509_get0_notAfter(x)) <= 0)
		return CHECK_NONE;
	if (X509_cmp_time(X509_get0_notAfter(x), &soon) > 0)
		return CHECK_OK;
	(void)check_wrong(found, "it expires within two weeks");
	return check_remedy(found, "a new certificate; credsspd-rdp takes it by itself when the files change");
}

/* The names in a self-signed certificate do not matter: certificate-trust is the finding about it. */
static enum check_result certificate_names(struct check_context *ctx, struct finding *found)
{
	AUTO_X509 X509 *x = load(ctx, found);
	const char *missing = NULL;

	if (!x || X509_self_signed(x, 0) == 1)
		return CHECK_NONE;
	if (X509_check_host(x, ctx->fqdn, 0, 0, NULL) != 1)
		missing = ctx->fqdn;
	for (char *const *n = ctx->names; n && *n && !missing; n++)
		if (X509_check_host(x, *n, 0, 0, NULL) != 1)
			missing = *n;
	if (!missing)
		return CHECK_OK;
	(void)check_wrong(found, "it is not for the name %s: clients that connect to that name warn", missing);
	return check_remedy(found, "a certificate with subjectAltName DNS:%s", missing);
}

static enum check_result certificate_trust(struct check_context *ctx, struct finding *found)
{
	AUTO_X509 X509 *x = load(ctx, found);

	if (!x)
		return CHECK_NONE;
	if (X509_self_signed(x, 0) != 1)
		return CHECK_OK;
	(void)check_wrong(found, "it is self-signed: clients cannot tell this server from another one");
	return check_remedy(found, "certificate and private_key in [credsspd-rdp] of %s, from a CA that clients trust",
			    CONFIG_PATH_DEFAULT);
}

struct check_area check_certificate_area(void)
{
	static const struct check_row rows[] = {
		{ "certificate-file", CHECK_ERROR, certificate_file },
		{ "certificate-key", CHECK_ERROR, certificate_key },
		{ "certificate-tls", CHECK_ERROR, certificate_tls },
		{ "certificate-key-mode", CHECK_ERROR, certificate_key_mode },
		{ "certificate-rsa", CHECK_WARNING, certificate_rsa },
		{ "certificate-dates", CHECK_ERROR, certificate_dates },
		{ "certificate-expires", CHECK_WARNING, certificate_expires },
		{ "certificate-names", CHECK_WARNING, certificate_names },
		{ "certificate-trust", CHECK_WARNING, certificate_trust },
	};

	return (struct check_area){ rows, sizeof rows / sizeof *rows };
}
