/* SPDX-License-Identifier: MIT */
/*
 * libkrb5 verifies the card's certificate, too, but only after the PIN was sent to the card. Revocation is not checked
 * here: the KDC checks it, and sending its owner's PIN to a revoked card does no harm.
 */
#include "pam_credssp/helper/anchors.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <profile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"

struct anchors {
	X509_STORE *store;
	STACK_OF(X509) * pool;
	size_t n; /* certificates in store */
};

/* ---- krb5.conf ---- */

/*
 * The first section that has it counts (krb5.conf(5), PKINIT OPTIONS). Returns NULL if it is in no section;
 * profile_free_list() frees the result.
 */
static char **look_up(profile_t profile, const char *realm, const char *option)
{
	const char *const places[][4] = {
		{ "libdefaults", realm, option, NULL },
		{ "realms", realm, option, NULL },
		{ "libdefaults", option, NULL, NULL },
	};
	char **values = NULL;

	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (profile_get_values(profile, (const char **)(uintptr_t)places[i], &values) == 0)
			return values;
	return NULL;
}

/* ---- certificates ---- */

static void read_file(const char *path, STACK_OF(X509) * out)
{
	BIO *b = BIO_new_file(path, "r");
	STACK_OF(X509_INFO) *all = b ? PEM_X509_INFO_read_bio(b, NULL, NULL, NULL) : NULL;

	for (int i = 0; i < sk_X509_INFO_num(all); i++) {
		X509 *x = sk_X509_INFO_value(all, i)->x509;

		if (x && sk_X509_push(out, x) > 0)
			(void)X509_up_ref(x);
	}
	sk_X509_INFO_pop_free(all, X509_INFO_free);
	(void)BIO_free(b);
}

/* Reads all files of the directory, whatever their names. */
static void read_directory(const char *path, STACK_OF(X509) * out)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	char file[PATH_MAX / 4];

	if (!d)
		return;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && snprintf(file, sizeof file, "%s/%s", path, e->d_name) < (int)sizeof file)
			read_file(file, out);
	(void)closedir(d);
}

static const struct {
	const char *prefix;
	void (*read)(const char *path, STACK_OF(X509) * out);
} forms[] = {
	{ "FILE:", read_file },
	{ "DIR:", read_directory },
};

static void read_all(profile_t profile, const char *realm, const char *option, STACK_OF(X509) * out)
{
	char **values = look_up(profile, realm, option);

	for (char **v = values; v && *v; v++)
		for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
			if (strncmp(*v, forms[i].prefix, strlen(forms[i].prefix)) == 0)
				forms[i].read(*v + strlen(forms[i].prefix), out);
	profile_free_list(values);
}

static int load(krb5_context k, const char *realm, struct anchors *a)
{
	STACK_OF(X509) *trusted = sk_X509_new_null();
	profile_t profile = NULL;

	a->store = X509_STORE_new();
	a->pool = sk_X509_new_null();
	if (!trusted || !a->store || !a->pool || krb5_get_profile(k, &profile)) {
		sk_X509_free(trusted);
		return -ENOMEM;
	}
	read_all(profile, realm, "pkinit_anchors", trusted);
	read_all(profile, realm, "pkinit_pool", a->pool);
	for (int i = 0; i < sk_X509_num(trusted); i++)
		a->n += X509_STORE_add_cert(a->store, sk_X509_value(trusted, i)) == 1;
	/* an anchor need not be self-signed */
	(void)X509_STORE_set_flags(a->store, X509_V_FLAG_PARTIAL_CHAIN);
	sk_X509_pop_free(trusted, X509_free);
	profile_release(profile);
	return 0;
}

int anchors_load(krb5_context k, const krb5_data *realm, struct anchors **ret_)
{
	AUTO_FREE char *name = strndup(realm->data, realm->length);
	struct anchors *a = calloc(1, sizeof *a);
	int r = name && a ? load(k, name, a) : -ENOMEM;

	if (r < 0)
		anchors_free(a);
	else
		*ret_ = a;
	return r;
}

void anchors_free(struct anchors *a)
{
	if (!a)
		return;
	X509_STORE_free(a->store);
	sk_X509_pop_free(a->pool, X509_free);
	free(a);
}

const char *anchors_complaint(const struct anchors *a, const uint8_t *p, size_t len)
{
	X509 *x = len <= CERTIFICATE_MAX ? d2i_X509(NULL, &p, (long)len) : NULL;
	X509_STORE_CTX *c = X509_STORE_CTX_new();
	const char *complaint = "it cannot be verified";

	if (x && a->n == 0)
		complaint = "krb5.conf names no pkinit_anchors that can be read";
	else if (x && c && X509_STORE_CTX_init(c, a->store, x, a->pool))
		complaint =
		    X509_verify_cert(c) == 1 ? NULL : X509_verify_cert_error_string(X509_STORE_CTX_get_error(c));
	X509_STORE_CTX_free(c);
	X509_free(x);
	return complaint;
}
