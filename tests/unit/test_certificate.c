/* SPDX-License-Identifier: MIT */
/* Certificates as cards have them, made here, whole and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/base/limits.h"
#include "pam_credssp/helper/certificate.h"

#define LOGON "1.3.6.1.4.1.311.20.2.2"
#define PKINIT "1.3.6.1.5.2.3.4"
#define UPN "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:"
#define NAME "alice@BED.TEST"

static EVP_PKEY *key;

static void extend(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e;
	X509V3_CTX c;

	if (!value)
		return;
	X509V3_set_ctx_nodb(&c);
	X509V3_set_ctx(&c, x, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	assert_non_null(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

/* @san_der: the value of the extension, when OpenSSL's text form cannot say it. */
static uint8_t *make(const char *san, const uint8_t *san_der, size_t der_len, const char *eku, const char *usage,
		     int from, int to, size_t *ret_len)
{
	X509 *x = X509_new();
	uint8_t *out = NULL;

	assert_true(X509_set_version(x, 2) && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) && X509_set_pubkey(x, key));
	X509_gmtime_adj(X509_getm_notBefore(x), from);
	X509_gmtime_adj(X509_getm_notAfter(x), to);
	extend(x, NID_subject_alt_name, san);
	extend(x, NID_ext_key_usage, eku);
	extend(x, NID_key_usage, usage);
	if (san_der) {
		ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
		X509_EXTENSION *e;

		assert_true(ASN1_OCTET_STRING_set(s, san_der, (int)der_len));
		e = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, s);
		X509_add_ext(x, e, -1);
		X509_EXTENSION_free(e);
		ASN1_OCTET_STRING_free(s);
	}
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	*ret_len = (size_t)i2d_X509(x, &out);
	X509_free(x);
	return out;
}

static struct certificate judge(const char *san, const char *eku, const char *usage, int from, int to)
{
	struct certificate c;
	size_t len;
	uint8_t *p = make(san, NULL, 0, eku, usage, from, to, &len);

	certificate_read(p, len, NAME, time(NULL), &c);
	assert_true(c.readable);
	OPENSSL_free(p);
	return c;
}

static void test_use(void **state)
{
	static const struct {
		const char *eku, *usage;
		bool good;
	} row[] = {
		{ LOGON, "digitalSignature", true },
		{ PKINIT, "digitalSignature", true },
		{ "clientAuth," LOGON, "critical,digitalSignature,keyEncipherment", true },
		{ LOGON, NULL, true }, /* RFC 5280: without the extension every use */
		{ LOGON, "keyEncipherment", false },
		{ "clientAuth", "digitalSignature", false },
		{ "anyExtendedKeyUsage", "digitalSignature", false },
		{ NULL, "digitalSignature", false },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (judge(NULL, row[i].eku, row[i].usage, -60, 60).for_logon != row[i].good)
			fail_msg("row %zu", i);
}

static void test_time(void **state)
{
	assert_true(judge(NULL, LOGON, NULL, -60, 60).in_time);
	assert_false(judge(NULL, LOGON, NULL, -60, -30).in_time);
	assert_false(judge(NULL, LOGON, NULL, 30, 60).in_time);
}

static void test_user_principal_names(void **state)
{
	static const struct {
		const char *san;
		bool has, names;
	} row[] = {
		{ UPN "alice@BED.TEST", true, true },
		{ UPN "ALICE@corp.example", true, true },
		{ "email:alice@BED.TEST," UPN "alice@x", true, true },
		{ UPN "bob@BED.TEST," UPN "alice@BED.TEST", true, true },
		{ UPN "alic@BED.TEST", true, false },
		{ UPN "alices@BED.TEST", true, false },
		{ UPN "alice", true, false },
		{ UPN "@BED.TEST", true, false },
		{ UPN "alice@x@BED.TEST", true, false },
		{ "email:alice@BED.TEST", false, false },
		{ "otherName:1.2.3.4;UTF8:alice@BED.TEST", false, false },
		{ NULL, false, false },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct certificate c = judge(row[i].san, LOGON, NULL, -60, 60);

		if (c.has_names != row[i].has || c.names != row[i].names)
			fail_msg("row %zu", i);
	}
}

/* id-pkinit-san with one component, octet by octet */
#define SAN_ALICE \
	"\x30\x2e\xa0\x2c\x06\x06\x2b\x06\x01\x05\x02\x02\xa0\x22\x30\x20\xa0\x0a\x1b\x08\x42\x45\x44\x2e\x54\x45\x53" \
	"\x54\xa1\x12\x30\x10\xa0\x03\x02\x01\x01\xa1\x09\x30\x07\x1b\x05\x61\x6c\x69\x63\x65"
#define SAN_ALICE_NUL \
	"\x30\x2f\xa0\x2d\x06\x06\x2b\x06\x01\x05\x02\x02\xa0\x23\x30\x21\xa0\x0a\x1b\x08\x42\x45\x44\x2e\x54\x45\x53" \
	"\x54\xa1\x13\x30\x11\xa0\x03\x02\x01\x01\xa1\x0a\x30\x08\x1b\x06\x61\x6c\x69\x63\x65\x00"
#define SAN_ALICE_ADMIN \
	"\x30\x35\xa0\x33\x06\x06\x2b\x06\x01\x05\x02\x02\xa0\x29\x30\x27\xa0\x0a\x1b\x08\x42\x45\x44\x2e\x54\x45\x53" \
	"\x54\xa1\x19\x30\x17\xa0\x03\x02\x01\x01\xa1\x10\x30\x0e\x1b\x05\x61\x6c\x69\x63\x65\x1b\x05\x61\x64\x6d\x69" \
	"\x6e"

static void test_kerberos_names(void **state)
{
	static const struct {
		const char *der;
		size_t len;
		const char *principal;
		bool names;
	} row[] = {
		{ SAN_ALICE, sizeof SAN_ALICE - 1, NAME, true },
		{ SAN_ALICE, sizeof SAN_ALICE - 1, "alice@OTHER.TEST", false },
		{ SAN_ALICE, sizeof SAN_ALICE - 1, "ALICE@BED.TEST", false },
		{ SAN_ALICE, sizeof SAN_ALICE - 1, "alic@BED.TEST", false },
		{ SAN_ALICE, sizeof SAN_ALICE - 1, "alice", false },
		{ SAN_ALICE, sizeof SAN_ALICE - 1, "", false },
		{ SAN_ALICE_NUL, sizeof SAN_ALICE_NUL - 1, NAME, false },
		{ SAN_ALICE_ADMIN, sizeof SAN_ALICE_ADMIN - 1, NAME, false },
		{ SAN_ALICE_ADMIN, sizeof SAN_ALICE_ADMIN - 1, "alice/admin@BED.TEST", false },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct certificate c;
		size_t len;
		uint8_t *p = make(NULL, (const uint8_t *)row[i].der, row[i].len, LOGON, NULL, -60, 60, &len);

		certificate_read(p, len, row[i].principal, time(NULL), &c);
		OPENSSL_free(p);
		if (!c.has_names || c.names != row[i].names)
			fail_msg("row %zu", i);
	}
}

/* Every octet changed, every length cut: nothing but an answer, and never another name. */
static void test_damage(void **state)
{
	struct certificate c;
	size_t len;
	uint8_t *p = make(UPN "bob@BED.TEST", NULL, 0, LOGON, "digitalSignature", -60, 60, &len);
	uint8_t *huge = calloc(1, CERTIFICATE_MAX + 1);

	for (size_t i = 0; i < len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			p[i] = (uint8_t)(p[i] ^ (1U << bit));
			certificate_read(p, len, NAME, time(NULL), &c);
			assert_false(c.names);
			p[i] = (uint8_t)(p[i] ^ (1U << bit));
		}
		certificate_read(p, i, NAME, time(NULL), &c);
		assert_false(c.readable || c.for_logon || c.names);
	}
	memcpy(huge, p, len);
	certificate_read(huge, CERTIFICATE_MAX + 1, NAME, time(NULL), &c);
	assert_false(c.readable);
	free(huge);
	OPENSSL_free(p);
}

static int setup(void **state)
{
	key = EVP_EC_gen("P-256");
	return !key;
}

static int teardown(void **state)
{
	EVP_PKEY_free(key);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_use),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_user_principal_names),
		cmocka_unit_test(test_kerberos_names),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
