/* SPDX-License-Identifier: MIT */
/* RFC 4556 section 3.2.2 (id-pkinit-san, KPClientAuth), [MS-WCCE] for the user principal name and smart card logon. */
#include "pam_credssp/helper/certificate.h"

#include <openssl/asn1t.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"

#define OID_PKINIT_SAN "1.3.6.1.5.2.2"
#define OID_PKINIT_CLIENT "1.3.6.1.5.2.3.4"

/* ---- KRB5PrincipalName ---- */

typedef struct {
	ASN1_INTEGER *type;
	STACK_OF(ASN1_GENERALSTRING) * components;
} PRINCIPAL_NAME;

typedef struct {
	ASN1_GENERALSTRING *realm;
	PRINCIPAL_NAME *name;
} KRB5_PRINCIPAL_NAME;

ASN1_SEQUENCE(PRINCIPAL_NAME) = {
	ASN1_EXP(PRINCIPAL_NAME, type, ASN1_INTEGER, 0),
	ASN1_EXP_SEQUENCE_OF(PRINCIPAL_NAME, components, ASN1_GENERALSTRING, 1),
} static_ASN1_SEQUENCE_END(PRINCIPAL_NAME);

ASN1_SEQUENCE(KRB5_PRINCIPAL_NAME) = {
	ASN1_EXP(KRB5_PRINCIPAL_NAME, realm, ASN1_GENERALSTRING, 0),
	ASN1_EXP(KRB5_PRINCIPAL_NAME, name, PRINCIPAL_NAME, 1),
} static_ASN1_SEQUENCE_END(KRB5_PRINCIPAL_NAME);

static bool text_is(const ASN1_STRING *s, const char *text, size_t len)
{
	return s && (size_t)ASN1_STRING_length(s) == len && memcmp(ASN1_STRING_get0_data(s), text, len) == 0;
}

/* Principals with '/' or escapes in their names are not supported. */
static bool principal_is(const ASN1_STRING *der, const char *principal)
{
	const unsigned char *p = ASN1_STRING_get0_data(der);
	const char *at = strrchr(principal, '@');
	KRB5_PRINCIPAL_NAME *k;
	bool same = false;

	k = (KRB5_PRINCIPAL_NAME *)ASN1_item_d2i(NULL, &p, ASN1_STRING_length(der),
						 ASN1_ITEM_rptr(KRB5_PRINCIPAL_NAME));
	if (k && at && k->name && sk_ASN1_GENERALSTRING_num(k->name->components) == 1)
		same =
		    text_is(k->realm, at + 1, strlen(at + 1)) &&
		    text_is(sk_ASN1_GENERALSTRING_value(k->name->components, 0), principal, (size_t)(at - principal));
	ASN1_item_free((ASN1_VALUE *)k, ASN1_ITEM_rptr(KRB5_PRINCIPAL_NAME));
	return same;
}

/* ---- the names ---- */

static bool upn_is(const ASN1_STRING *upn, const char *principal)
{
	const char *text = (const char *)ASN1_STRING_get0_data(upn);
	size_t len = (size_t)ASN1_STRING_length(upn), user = strcspn(principal, "@"), i;

	for (i = len; i > 0 && text[i - 1] != '@'; i--)
		;
	return i == user + 1 && user > 0 && !memchr(text, '\0', len) && strncasecmp(text, principal, user) == 0;
}

static void read_name(const OTHERNAME *o, const char *principal, struct certificate *c)
{
	char oid[64];

	if (OBJ_obj2nid(o->type_id) == NID_ms_upn && o->value->type == V_ASN1_UTF8STRING) {
		c->has_names = true;
		c->names |= upn_is(o->value->value.utf8string, principal);
	} else if (OBJ_obj2txt(oid, sizeof oid, o->type_id, 1) > 0 && strcmp(oid, OID_PKINIT_SAN) == 0 &&
		   o->value->type == V_ASN1_SEQUENCE) {
		c->has_names = true;
		c->names |= principal_is(o->value->value.sequence, principal);
	}
}

static void read_names(X509 *x, const char *principal, struct certificate *c)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(all, i);

		if (n->type == GEN_OTHERNAME)
			read_name(n->d.otherName, principal, c);
	}
	GENERAL_NAMES_free(all);
}

/* ---- the use ---- */

static bool is_for_logon(X509 *x)
{
	EXTENDED_KEY_USAGE *all = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
	bool found = false;
	char oid[64];

	for (int i = 0; i < sk_ASN1_OBJECT_num(all); i++) {
		const ASN1_OBJECT *o = sk_ASN1_OBJECT_value(all, i);

		found |= OBJ_obj2nid(o) == NID_ms_smartcard_login ||
			 (OBJ_obj2txt(oid, sizeof oid, o, 1) > 0 && strcmp(oid, OID_PKINIT_CLIENT) == 0);
	}
	EXTENDED_KEY_USAGE_free(all);
	/* without the extension every use is allowed, and X509_get_key_usage() says so */
	return found && (X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE);
}

void certificate_read(const uint8_t *p, size_t len, const char *principal, time_t now, struct certificate *ret_)
{
	struct certificate c = { .readable = false };
	X509 *x = len <= CERTIFICATE_MAX ? d2i_X509(NULL, &p, (long)len) : NULL;
	const EVP_PKEY *key = x ? X509_get0_pubkey(x) : NULL;

	if (x) {
		c.readable = true;
		c.in_time =
		    X509_cmp_time(X509_get0_notBefore(x), &now) < 0 && X509_cmp_time(X509_get0_notAfter(x), &now) > 0;
		c.for_logon = is_for_logon(x);
		/* an RSA-PSS key is of another type, and signs only in that way */
		c.is_rsa = key && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
		read_names(x, principal, &c);
		X509_free(x);
	}
	*ret_ = c;
}
