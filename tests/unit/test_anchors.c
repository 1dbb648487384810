/* SPDX-License-Identifier: MIT */
/* pam_credssp/helper/anchors.h: certificates of a root, of an authority below it, and self-signed; each place and form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pam_credssp/helper/anchors.h"

static char directory[] = "/tmp/test_anchors.XXXXXX";
static EVP_PKEY *keys[3];
static X509 *root, *middle, *other;
static X509 *by_root, *by_middle, *by_other, *forged;

static char *path_of(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

static X509 *make(const char *subject, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, bool authority)
{
	X509 *x = X509_new();

	assert_true(X509_set_version(x, 2) && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) && X509_set_pubkey(x, key));
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	assert_true(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
					       (const unsigned char *)subject, -1, -1, 0));
	assert_true(X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x)));
	if (authority) {
		X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");

		assert_true(X509_add_ext(x, e, -1));
		X509_EXTENSION_free(e);
	}
	assert_true(X509_sign(x, issuer_key, EVP_sha256()) > 0);
	return x;
}

static void save(const char *name, X509 *x)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_true(PEM_write_X509(f, x));
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	if (!mkdtemp(directory) || mkdir(path_of("d"), 0700) < 0 || mkdir(path_of("empty"), 0700) < 0)
		return -1;
	for (size_t i = 0; i < 3; i++)
		keys[i] = EVP_EC_gen("P-256");
	root = make("root", keys[0], NULL, keys[0], true);
	middle = make("middle", keys[1], root, keys[0], true);
	other = make("other", keys[2], NULL, keys[2], true);
	by_root = make("alice", keys[2], root, keys[0], false);
	by_middle = make("alice", keys[2], middle, keys[1], false);
	by_other = make("alice", keys[2], other, keys[2], false);
	forged = make("alice", keys[2], root, keys[2], false);
	save("root", root);
	save("middle", middle);
	save("other", other);
	save("d/any-name", root);
	return 0;
}

static int teardown(void **state)
{
	static const char *const files[] = { "root", "middle", "other", "d/any-name", "krb5.conf" };
	X509 *all[] = { root, middle, other, by_root, by_middle, by_other, forged };

	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		(void)unlink(path_of(files[i]));
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		X509_free(all[i]);
	for (size_t i = 0; i < 3; i++)
		EVP_PKEY_free(keys[i]);
	(void)rmdir(path_of("d"));
	(void)rmdir(path_of("empty"));
	return rmdir(directory);
}

/* Every "@" of @format is the directory. */
static struct anchors *load(const char *format)
{
	krb5_data realm = { .length = 6, .data = (char[]){ "R.TEST" } };
	FILE *f = fopen(path_of("krb5.conf"), "w");
	struct anchors *a = NULL;
	krb5_context k;

	assert_non_null(f);
	for (; *format; format++)
		(void)(*format == '@' ? fputs(directory, f) : fputc(*format, f));
	assert_int_equal(fclose(f), 0);
	assert_int_equal(setenv("KRB5_CONFIG", path_of("krb5.conf"), 1), 0);
	assert_int_equal(krb5_init_context(&k), 0);
	assert_int_equal(anchors_load(k, &realm, &a), 0);
	krb5_free_context(k);
	return a;
}

static bool trusts(const struct anchors *a, X509 *x)
{
	uint8_t *der = NULL;
	int len = i2d_X509(x, &der);
	const char *complaint;

	assert_true(len > 0);
	complaint = anchors_complaint(a, der, (size_t)len);
	OPENSSL_free(der);
	assert_true(!complaint || *complaint);
	return !complaint;
}

static void test_places_and_forms(void **state)
{
	static const struct {
		const char *text;
		bool root, middle, other;
	} rows[] = {
		{ "[libdefaults]\n pkinit_anchors = FILE:@/root\n", true, false, false },
		{ "[libdefaults]\n pkinit_anchors = DIR:@/d\n", true, false, false },
		{ "[realms]\n R.TEST = {\n pkinit_anchors = FILE:@/root\n }\n", true, false, false },
		{ "[libdefaults]\n R.TEST = {\n pkinit_anchors = FILE:@/root\n }\n", true, false, false },
		{ "[libdefaults]\n pkinit_anchors = FILE:@/root\n pkinit_pool = FILE:@/middle\n", true, true, false },
		{ "[libdefaults]\n pkinit_anchors = FILE:@/middle\n", false, true, false },
		{ "[libdefaults]\n pkinit_anchors = FILE:@/root\n pkinit_anchors = FILE:@/other\n", true, false, true },
		/* the pool is no anchor, nor is another realm's */
		{ "[libdefaults]\n pkinit_anchors = FILE:@/other\n pkinit_pool = FILE:@/root\n", false, false, true },
		{ "[realms]\n X.TEST = {\n pkinit_anchors = FILE:@/root\n }\n", false, false, false },
		/* the realm's own anchors replace those for all realms */
		{ "[libdefaults]\n pkinit_anchors = FILE:@/other\n[realms]\n R.TEST = {\n pkinit_anchors = "
		  "FILE:@/root\n }\n",
		  true, false, false },
		{ "[libdefaults]\n", false, false, false },
		{ "[libdefaults]\n pkinit_anchors = @/root\n", false, false, false },
		{ "[libdefaults]\n pkinit_anchors = ENV:HOME\n", false, false, false },
		{ "[libdefaults]\n pkinit_anchors = FILE:@/nonexistent\n", false, false, false },
		{ "[libdefaults]\n pkinit_anchors = FILE:@/krb5.conf\n", false, false, false },
		{ "[libdefaults]\n pkinit_anchors = DIR:@/empty\n pkinit_anchors = DIR:@/no\n", false, false, false },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct anchors *a = load(rows[i].text);

		if (trusts(a, by_root) != rows[i].root || trusts(a, by_middle) != rows[i].middle ||
		    trusts(a, by_other) != rows[i].other || trusts(a, forged))
			fail_msg("%s", rows[i].text);
		anchors_free(a);
	}
}

static void test_octets_that_are_no_certificate(void **state)
{
	struct anchors *a = load("[libdefaults]\n pkinit_anchors = FILE:@/root\n");
	uint8_t *der = NULL;
	int len = i2d_X509(by_root, &der);

	for (int n = 0; n < len; n++)
		assert_non_null(anchors_complaint(a, der, (size_t)n));
	assert_null(anchors_complaint(a, der, (size_t)len));
	OPENSSL_free(der);
	anchors_free(a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places_and_forms),
		cmocka_unit_test(test_octets_that_are_no_certificate),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
