/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "credsspd-rdp/tls-certificate.h"
#include "credsspd-rdp/tls.h"

static char dir[] = "/tmp/test_tls.XXXXXX";
static char certificate[64], key[64], other[64];

static struct settings own(void)
{
	return (struct settings){ .state_directory = dir };
}

static struct settings configured(void)
{
	return (struct settings){ .state_directory = dir, .certificate = certificate, .private_key = key };
}

static SSL_CTX *context(const struct settings *s)
{
	AUTO_FREE char *error = NULL;
	SSL_CTX *ctx = NULL;

	if (tls_context(s, &ctx, &error) != 0)
		fail_msg("%s", error ? error : "nothing said");
	assert_null(error);
	return ctx;
}

static void refused(const struct settings *s, const char *told)
{
	AUTO_FREE char *error = NULL;
	SSL_CTX *ctx = NULL;

	if (tls_context(s, &ctx, &error) >= 0)
		fail_msg("passed: %s", told);
	assert_null(ctx);
	if (!error || !strstr(error, told))
		fail_msg("%s: %s", told, error ? error : "nothing said");
	assert_int_equal(ERR_peek_error(), 0); /* nothing is left for the next one to trip over */
}

static X509 *read_certificate(void)
{
	FILE *f = fopen(certificate, "re");
	X509 *x;

	assert_non_null(f);
	x = PEM_read_X509(f, NULL, NULL, NULL);
	assert_non_null(x);
	(void)fclose(f);
	return x;
}

static bool no_rsa;

/* In place of OpenSSL's: a library that makes no RSA keys can be played. */
EVP_PKEY *EVP_PKEY_Q_keygen(OSSL_LIB_CTX *libctx, const char *propq, const char *type, ...)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(libctx, type, propq);
	bool is_rsa = strcmp(type, "RSA") == 0;
	EVP_PKEY *made = NULL;
	va_list args;
	bool ok;

	va_start(args, type);
	ok = EVP_PKEY_keygen_init(c) == 1 && !(is_rsa && no_rsa);
	if (ok && is_rsa)
		ok = EVP_PKEY_CTX_set_rsa_keygen_bits(c, (int)va_arg(args, size_t)) == 1;
	else if (ok && strcmp(type, "EC") == 0)
		ok = EVP_PKEY_CTX_set_group_name(c, va_arg(args, const char *)) == 1;
	if (ok)
		(void)EVP_PKEY_keygen(c, &made);
	va_end(args);
	EVP_PKEY_CTX_free(c);
	return made;
}

/* The first start makes a certificate, later ones take it. */
static void test_self_signed(void **state)
{
	const struct settings s = own();
	char host[256] = "";
	struct stat st;
	ASN1_INTEGER *serial;
	X509 *x, *again;

	SSL_CTX_free(context(&s));
	assert_int_equal(stat(key, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	x = read_certificate();
	assert_int_equal(EVP_PKEY_get_id(X509_get0_pubkey(x)), EVP_PKEY_RSA);
	assert_int_equal(EVP_PKEY_get_bits(X509_get0_pubkey(x)), 2048);
	assert_int_equal(X509_verify(x, X509_get0_pubkey(x)), 1);
	assert_int_equal(X509_get_version(x), 2);
	assert_int_equal(X509_check_purpose(x, X509_PURPOSE_SSL_SERVER, 0), 1);
	assert_true(X509_cmp_current_time(X509_get0_notBefore(x)) < 0);
	assert_true(X509_cmp_current_time(X509_get0_notAfter(x)) > 0);
	assert_int_equal(gethostname(host, sizeof host - 1), 0);
	assert_int_equal(X509_check_host(x, host, 0, 0, NULL), 1);
	serial = X509_get_serialNumber(x);
	SSL_CTX_free(context(&s));
	again = read_certificate();
	assert_int_equal(ASN1_INTEGER_cmp(serial, X509_get_serialNumber(again)), 0);
	X509_free(again);
	/* one of the two is no pair: both are made anew */
	assert_int_equal(unlink(certificate), 0);
	SSL_CTX_free(context(&s));
	again = read_certificate();
	assert_int_not_equal(ASN1_INTEGER_cmp(serial, X509_get_serialNumber(again)), 0);
	X509_free(again);
	X509_free(x);
}

static void test_configured(void **state)
{
	struct settings s = configured();
	FILE *f;

	SSL_CTX_free(context(&s));
	assert_int_equal(chmod(key, 0640), 0); /* a group of its own may read it */
	SSL_CTX_free(context(&s));
	assert_int_equal(chmod(key, 0644), 0);
	refused(&s, "others have access to the private key (mode 0644)");
	assert_int_equal(chmod(key, 0641), 0);
	refused(&s, "others have access to the private key (mode 0641)");
	assert_int_equal(chmod(key, 0600), 0);

	s.certificate = (char[]){ "/nonexistent/certificate.pem" };
	refused(&s, "/nonexistent/certificate.pem: ");
	s = configured();
	s.private_key = (char[]){ "/nonexistent/key.pem" };
	refused(&s, "/nonexistent/key.pem: ");
	s.private_key = certificate;
	assert_int_equal(chmod(certificate, 0600), 0);
	refused(&s, certificate);

	/* the key of another certificate */
	f = fopen(other, "we");
	assert_non_null(f);
	EVP_PKEY *stranger = EVP_RSA_gen(2048);

	assert_int_equal(PEM_write_PrivateKey(f, stranger, NULL, NULL, 0, NULL, NULL), 1);
	EVP_PKEY_free(stranger);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(other, 0600), 0);
	s.private_key = other;
	refused(&s, "the private key does not belong to certificate ");

	s = own();
	s.state_directory = (char[]){ "/nonexistent" };
	refused(&s, "/nonexistent: no self-signed certificate can be made there: No such file");
}

static void write_key(EVP_PKEY *k, const EVP_CIPHER *cipher, const char *passphrase, bool traditional)
{
	BIO *out = BIO_new_file(other, "w");
	int len = passphrase ? (int)strlen(passphrase) : 0;

	assert_non_null(out);
	if (traditional)
		assert_int_equal(
		    PEM_write_bio_PrivateKey_traditional(out, k, cipher, (const uint8_t *)passphrase, len, NULL, NULL),
		    1);
	else
		assert_int_equal(PEM_write_bio_PrivateKey(out, k, cipher, (const uint8_t *)passphrase, len, NULL, NULL),
				 1);
	BIO_free(out);
	assert_int_equal(chmod(other, 0600), 0);
}

/* A start that was interrupted between its two files, by a loss of power: the next one makes a pair and does not
 * give up. */
static void test_half_a_pair(void **state)
{
	const struct settings s = own();
	char keep[80], with_suffix[80];

	(void)snprintf(keep, sizeof keep, "%s/keep.pem", dir);
	(void)snprintf(with_suffix, sizeof with_suffix, "%s.new", certificate);
	SSL_CTX_free(context(&s));
	assert_int_equal(rename(certificate, keep), 0);
	assert_int_equal(unlink(key), 0);
	SSL_CTX_free(context(&s));
	assert_int_equal(rename(keep, certificate), 0);
	SSL_CTX_free(context(&s));
	/* and it is kept from now on */
	for (int i = 0; i < 2; i++) {
		AUTO_FREE char *error = NULL;
		SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

		assert_int_equal(tls_certificate_load(ctx, certificate, key, &error), 0);
		SSL_CTX_free(ctx);
		SSL_CTX_free(context(&s));
	}
	/* a file that the interrupted start has left does not disturb */
	assert_int_equal(unlink(certificate), 0);
	assert_int_equal(symlink("/nowhere", with_suffix), 0);
	SSL_CTX_free(context(&s));
	assert_int_equal(access(with_suffix, F_OK), -1);
}

/* A library that cannot make the first kind of key makes the next. */
static void test_no_rsa(void **state)
{
	const struct settings s = own();
	X509 *x;

	assert_int_equal(unlink(certificate), 0);
	assert_int_equal(unlink(key), 0);
	no_rsa = true;
	SSL_CTX_free(context(&s));
	no_rsa = false;
	x = read_certificate();
	assert_int_equal(EVP_PKEY_get_id(X509_get0_pubkey(x)), EVP_PKEY_EC);
	X509_free(x);
}

/* A key with a passphrase, in each form: the reason and the remedy are told, and nothing asks. */
static void test_passphrase(void **state)
{
	struct settings s = configured();
	EVP_PKEY *k = EVP_RSA_gen(2048);

	s.private_key = other;
	write_key(k, EVP_aes_256_cbc(), "secret", false);
	refused(&s, "other.pem: the private key has a passphrase");
	refused(&s, "openssl pkey -in ");
	write_key(k, EVP_aes_128_cbc(), "secret", true); /* DEK-Info */
	refused(&s, "other.pem: the private key has a passphrase");
	/* a passphrase that is empty is one as well */
	write_key(k, EVP_aes_256_cbc(), "", false);
	refused(&s, "other.pem: the private key has a passphrase");
	EVP_PKEY_free(k);
}

/* What is no key is told by what is missing, not by the function that failed last. */
static void test_no_key(void **state)
{
	static const struct {
		const char *p, *told;
	} row[] = {
		{ "", "no private key in PEM form" },
		{ "-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----\n", "no private key in PEM form" },
		{ "\x30\x82\x04\xbd", "no private key in PEM form" },
	};
	struct settings s = configured();

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		FILE *f = fopen(other, "we");

		assert_non_null(f);
		assert_true(fputs(row[i].p, f) >= 0);
		assert_int_equal(fclose(f), 0);
		assert_int_equal(chmod(other, 0600), 0);
		s = configured();
		s.private_key = other;
		refused(&s, row[i].told);
		s = configured();
		s.certificate = other;
		refused(&s, "other.pem: no certificate in PEM form");
	}
}

/* A FIFO would have the daemon wait, a device would never end. */
static void test_no_file(void **state)
{
	char fifo[64];
	const char *const row[] = { fifo, "/dev/zero", dir };

	(void)snprintf(fifo, sizeof fifo, "%s/fifo", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	(void)alarm(20);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct settings s = configured();

		s.certificate = (char *)(uintptr_t)row[i];
		refused(&s, "it is no regular file");
	}
	for (size_t i = 0; i < sizeof row / sizeof *row; i += 2) {
		struct settings s = configured();

		s.private_key = (char *)(uintptr_t)row[i];
		refused(&s, "it is no regular file");
	}
	(void)alarm(0);
	assert_int_equal(unlink(fifo), 0);
}

/* Behind a symbolic link, as certbot makes them: the directory that cannot be entered is named. */
static void test_directory(void **state)
{
	char archive[80], link[80], target[96], told[160];
	struct settings s = configured();

	(void)snprintf(archive, sizeof archive, "%s/archive", dir);
	(void)snprintf(link, sizeof link, "%s/link.pem", dir);
	(void)snprintf(target, sizeof target, "archive/key.pem");
	assert_int_equal(mkdir(archive, 0000), 0);
	assert_int_equal(symlink(target, link), 0);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(chmod(certificate, 0644), 0);
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	s.private_key = link;
	(void)snprintf(told, sizeof told, "link.pem: directory %s cannot be entered by the user of credsspd-rdp",
		       archive);
	refused(&s, told);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(dir, 0700), 0);
	(void)unlink(link);
	(void)rmdir(archive);
}

static void remark(EVP_PKEY *k, const char *expected)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	const char *text;

	assert_non_null(k);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, k), 1);
	text = tls_certificate_remark(ctx);
	if (!expected != !text || (text && !strstr(text, expected)))
		fail_msg("%s, not %s", text ? text : "nothing", expected ? expected : "nothing");
	SSL_CTX_free(ctx);
	EVP_PKEY_free(k);
}

static EVP_PKEY *pss_key(void)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA_PSS, NULL);
	EVP_PKEY *k = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(c), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(c, 2048), 1);
	assert_int_equal(EVP_PKEY_keygen(c, &k), 1);
	EVP_PKEY_CTX_free(c);
	return k;
}

/* Keys that only some clients know. */
static void test_remarks(void **state)
{
	remark(EVP_RSA_gen(2048), NULL);
	remark(EVP_EC_gen("P-256"), NULL);
	remark(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "Ed25519");
	remark(pss_key(), "RSASSA-PSS");
}

/* Client and server over memory. Returns the client after a handshake that succeeded, or NULL. */
static SSL *handshake(SSL_CTX *server_ctx, SSL_CTX *client_ctx, SSL **ret_server)
{
	SSL *server = SSL_new(server_ctx), *client = SSL_new(client_ctx);
	BIO *a, *b;

	assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
	SSL_set_bio(server, a, a);
	SSL_set_bio(client, b, b);
	for (int i = 0; i < 20 && !(SSL_is_init_finished(client) && SSL_is_init_finished(server)); i++) {
		(void)SSL_connect(client);
		(void)SSL_accept(server);
	}
	if (SSL_is_init_finished(client) && SSL_is_init_finished(server)) {
		*ret_server = server;
		return client;
	}
	ERR_clear_error();
	SSL_free(server);
	SSL_free(client);
	return NULL;
}

static void test_versions(void **state)
{
	static const struct {
		int version;
		bool accepted;
	} row[] = {
		{ TLS1_VERSION, false },
		{ TLS1_1_VERSION, false },
		{ TLS1_2_VERSION, true },
		{ TLS1_3_VERSION, true },
	};
	const struct settings s = configured();
	SSL_CTX *server_ctx = context(&s);

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
		SSL *client, *server = NULL;
		uint8_t octet;

		/* the client would: Debian's own level would not */
		SSL_CTX_set_security_level(client_ctx, 0);
		(void)SSL_CTX_set_min_proto_version(client_ctx, row[i].version);
		(void)SSL_CTX_set_max_proto_version(client_ctx, row[i].version);
		client = handshake(server_ctx, client_ctx, &server);
		assert_int_equal(client != NULL, row[i].accepted);
		if (client) {
			/* nothing to resume, neither now nor in a message after the handshake */
			(void)SSL_read(client, &octet, 1);
			assert_false(SSL_SESSION_has_ticket(SSL_get0_session(client)));
			assert_int_equal(SSL_CTX_sess_number(server_ctx), 0);
			assert_int_equal(SSL_session_reused(client), 0);
		}
		SSL_free(client);
		SSL_free(server);
		SSL_CTX_free(client_ctx);
	}
	SSL_CTX_free(server_ctx);
}

/* What one cipher of a client that offers nothing else becomes; TLS 1.2. */
static bool accepts(SSL_CTX *server_ctx, const char *cipher)
{
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
	SSL *client, *server = NULL;

	SSL_CTX_set_security_level(client_ctx, 0);
	(void)SSL_CTX_set_max_proto_version(client_ctx, TLS1_2_VERSION);
	assert_int_equal(SSL_CTX_set_cipher_list(client_ctx, cipher), 1);
	client = handshake(server_ctx, client_ctx, &server);
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(client_ctx);
	return client != NULL;
}

static void test_ciphers(void **state)
{
	enum { NEVER, CBC, AEAD };
	static const struct {
		const char *cipher;
		int use;
	} row[] = {
		{ "ECDHE-RSA-AES256-GCM-SHA384", AEAD },
		{ "ECDHE-RSA-AES128-GCM-SHA256", AEAD },
		{ "ECDHE-RSA-CHACHA20-POLY1305", AEAD },
		/* all that Windows 8.1 and Server 2012 R2 have with an RSA certificate */
		{ "ECDHE-RSA-AES256-SHA384", CBC },
		{ "ECDHE-RSA-AES128-SHA256", CBC },
		/* RSA key exchange */
		{ "AES256-GCM-SHA384", NEVER },
		{ "AES128-GCM-SHA256", NEVER },
		{ "AES256-SHA256", NEVER },
		{ "AES128-SHA256", NEVER },
		{ "AES256-SHA", NEVER },
		{ "AES128-SHA", NEVER },
		/* HMAC-SHA1 */
		{ "ECDHE-RSA-AES256-SHA", NEVER },
		{ "ECDHE-RSA-AES128-SHA", NEVER },
		/* finite fields */
		{ "DHE-RSA-AES256-GCM-SHA384", NEVER },
		{ "DHE-RSA-AES128-SHA256", NEVER },
	};
	struct settings s = configured();

	for (enum tls_minimum m = TLS_MINIMUM_1_2; m <= TLS_MINIMUM_1_3; m++) {
		SSL_CTX *ctx;

		s.tls_minimum = m;
		ctx = context(&s);
		for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
			bool wanted = m != TLS_MINIMUM_1_3 && row[i].use >= (m == TLS_MINIMUM_1_2 ? CBC : AEAD);

			if (accepts(ctx, row[i].cipher) != wanted)
				fail_msg("minimum %u: %s", m, row[i].cipher);
		}
		assert_int_equal(tls_policy_allows(ctx, TLS1_2_VERSION), m != TLS_MINIMUM_1_3);
		assert_true(tls_policy_allows(ctx, TLS1_3_VERSION));
		SSL_CTX_free(ctx);
	}
}

/* AEAD whatever the client prefers. */
static void test_preference(void **state)
{
	const struct settings s = configured();
	SSL_CTX *server_ctx = context(&s), *client_ctx = SSL_CTX_new(TLS_client_method());
	SSL *client, *server = NULL;

	(void)SSL_CTX_set_max_proto_version(client_ctx, TLS1_2_VERSION);
	assert_int_equal(SSL_CTX_set_cipher_list(client_ctx, "ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-GCM-SHA256"), 1);
	client = handshake(server_ctx, client_ctx, &server);
	assert_non_null(client);
	assert_string_equal(SSL_get_cipher_name(client), "ECDHE-RSA-AES128-GCM-SHA256");
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(client_ctx);
	SSL_CTX_free(server_ctx);
}

/* What openssl.cnf has set in a context before it comes to us. */
static void test_policy_of_the_system(void **state)
{
	static const struct {
		const char *what, *ciphers;
		int min, max;
		uint64_t options;
		enum tls_minimum minimum;
		bool fails, tls12, tls13;
	} row[] = {
		{ "nothing", NULL, 0, 0, 0, TLS_MINIMUM_1_2, false, true, true },
		{ "a lower minimum", NULL, TLS1_VERSION, 0, 0, TLS_MINIMUM_1_2, false, true, true },
		{ "MinProtocol TLSv1.3", NULL, TLS1_3_VERSION, 0, 0, TLS_MINIMUM_1_2, false, false, true },
		{ "MaxProtocol TLSv1.2", NULL, 0, TLS1_2_VERSION, 0, TLS_MINIMUM_1_2, false, true, false },
		{ "MaxProtocol TLSv1.2 and 1.3", NULL, 0, TLS1_2_VERSION, 0, TLS_MINIMUM_1_3, true, false, false },
		{ "Protocol -TLSv1.3", NULL, 0, 0, SSL_OP_NO_TLSv1_3, TLS_MINIMUM_1_2, false, true, false },
		{ "Protocol -TLSv1.3 and 1.3", NULL, 0, 0, SSL_OP_NO_TLSv1_3, TLS_MINIMUM_1_3, true, false, false },
		{ "one cipher", "ECDHE-RSA-AES256-GCM-SHA384", 0, 0, 0, TLS_MINIMUM_1_2, false, true, true },
		{ "CBC only", "ECDHE-RSA-AES256-SHA384", 0, 0, 0, TLS_MINIMUM_1_2_AEAD, false, false, true },
		{ "nothing of ours", "AES256-SHA", 0, 0, 0, TLS_MINIMUM_1_2, false, false, true },
		{ "nothing of ours, no TLS 1.3", "AES256-SHA", 0, TLS1_2_VERSION, 0, TLS_MINIMUM_1_2, true, false,
		  false },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
		AUTO_FREE char *error = NULL;
		int r, level = SSL_CTX_get_security_level(ctx);

		if (row[i].ciphers)
			assert_int_equal(SSL_CTX_set_cipher_list(ctx, row[i].ciphers), 1);
		(void)SSL_CTX_set_min_proto_version(ctx, row[i].min);
		(void)SSL_CTX_set_max_proto_version(ctx, row[i].max);
		(void)SSL_CTX_set_options(ctx, row[i].options);
		r = tls_policy_apply(ctx, row[i].minimum, &error);
		if ((r < 0) != row[i].fails || (error != NULL) != row[i].fails)
			fail_msg("%s: %s", row[i].what, error ? error : "passed");
		if (r == 0 && (tls_policy_allows(ctx, TLS1_2_VERSION) != row[i].tls12 ||
			       tls_policy_allows(ctx, TLS1_3_VERSION) != row[i].tls13))
			fail_msg("%s", row[i].what);
		assert_int_equal(SSL_CTX_get_security_level(ctx), level);
		if (row[i].ciphers && row[i].tls12)
			assert_null(strchr(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(SSL_CTX_get_ciphers(ctx), 0)), ':'));
		SSL_CTX_free(ctx);
	}
}

/* What CredSSP binds to is what the client saw in the certificate, without the octet of unused bits. */
static void test_public_key(void **state)
{
	const struct settings s = configured();
	SSL_CTX *server_ctx = context(&s), *client_ctx = SSL_CTX_new(TLS_client_method());
	SSL *client, *server = NULL;
	uint8_t bound[SUBJECT_PUBLIC_KEY_MAX];
	uint8_t *expected = NULL;
	size_t len = 0;
	int expected_len;
	X509 *seen;

	client = handshake(server_ctx, client_ctx, &server);
	assert_non_null(client);
	seen = SSL_get1_peer_certificate(client);
	assert_non_null(seen);
	expected_len = i2d_PublicKey(X509_get0_pubkey(seen), &expected); /* RSAPublicKey */
	assert_int_equal(tls_public_key(server, bound, sizeof bound, &len), 0);
	assert_int_equal(len, expected_len);
	assert_memory_equal(bound, expected, len);
	assert_int_equal(tls_public_key(server, bound, len, &len), 0);
	assert_int_equal(tls_public_key(server, bound, len - 1, &len), -EINVAL);
	OPENSSL_free(expected);
	X509_free(seen);
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(client_ctx);
	SSL_CTX_free(server_ctx);
}

static int setup(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(certificate, sizeof certificate, "%s/certificate.pem", dir);
	(void)snprintf(key, sizeof key, "%s/private_key.pem", dir);
	(void)snprintf(other, sizeof other, "%s/other.pem", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)unlink(certificate);
	(void)unlink(key);
	(void)unlink(other);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_self_signed), cmocka_unit_test(test_configured),
		cmocka_unit_test(test_versions),    cmocka_unit_test(test_ciphers),
		cmocka_unit_test(test_preference),  cmocka_unit_test(test_policy_of_the_system),
		cmocka_unit_test(test_public_key),  cmocka_unit_test(test_passphrase),
		cmocka_unit_test(test_no_key),      cmocka_unit_test(test_directory),
		cmocka_unit_test(test_remarks),     cmocka_unit_test(test_half_a_pair),
		cmocka_unit_test(test_no_rsa),      cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
