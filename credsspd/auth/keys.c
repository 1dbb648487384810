/* SPDX-License-Identifier: MIT */
/*
 * Only TERMSRV: a worker that is taken over shall not hold the key of another service. Only AES: with RC4 or DES3
 * MIT makes no acceptor subkey that the replay rule (acceptor.c) rests on, and GSSAPI does not tell a ticket's enctype.
 */
#include "credsspd/auth/keys.h"

#include <errno.h>
#include <krb5.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "include/credssp/cleanup.h"

static bool is_aes(krb5_enctype e)
{
	return e == ENCTYPE_AES128_CTS_HMAC_SHA1_96 || e == ENCTYPE_AES256_CTS_HMAC_SHA1_96 ||
	       e == ENCTYPE_AES128_CTS_HMAC_SHA256_128 || e == ENCTYPE_AES256_CTS_HMAC_SHA384_192;
}

static bool is_termsrv(krb5_const_principal p)
{
	return p->length == 2 && p->data[0].length == 7 && strncasecmp(p->data[0].data, "TERMSRV", 7) == 0;
}

static krb5_error_code copy_keys(krb5_context k, krb5_keytab from, krb5_keytab to, unsigned *ret_copied)
{
	krb5_kt_cursor cursor;
	krb5_keytab_entry e;
	krb5_error_code r;

	*ret_copied = 0;
	r = krb5_kt_start_seq_get(k, from, &cursor);
	if (r)
		return r;
	while (!r && (r = krb5_kt_next_entry(k, from, &e, &cursor)) == 0) {
		if (is_termsrv(e.principal) && is_aes(e.key.enctype)) {
			r = krb5_kt_add_entry(k, to, &e);
			(*ret_copied)++;
		}
		(void)krb5_free_keytab_entry_contents(k, &e);
	}
	(void)krb5_kt_end_seq_get(k, from, &cursor);
	return r == KRB5_KT_END ? 0 : r;
}

static int report(krb5_context k, const char *path, krb5_error_code r, unsigned copied, char **ret_error)
{
	const char *text;
	int n;

	if (!r && copied)
		return 0;
	if (r) {
		text = krb5_get_error_message(k, r);
		n = asprintf(ret_error, "keytab %s: %s", path, text);
		krb5_free_error_message(k, text);
	} else {
		n = asprintf(ret_error, "keytab %s: no TERMSRV/... key with an AES enctype in it", path);
	}
	if (n < 0)
		*ret_error = NULL;
	return r ? -EIO : -ENOENT;
}

int keys_load(const char *path, char **ret_error)
{
	AUTO_FREE char *name = NULL;
	krb5_keytab from = NULL, to = NULL;
	krb5_context k = NULL;
	krb5_error_code r;
	unsigned copied = 0;
	int result;

	if (asprintf(&name, "FILE:%s", path) < 0)
		return -ENOMEM;
	r = krb5_init_context(&k);
	if (r) {
		if (asprintf(ret_error, "krb5.conf cannot be used (libkrb5 error %d)", (int)r) < 0)
			*ret_error = NULL;
		return -EIO;
	}
	r = krb5_kt_resolve(k, name, &from);
	if (!r)
		r = krb5_kt_resolve(k, KEYS_KEYTAB_NAME, &to);
	if (!r)
		r = copy_keys(k, from, to, &copied);
	result = report(k, path, r, copied, ret_error);
	if (from)
		(void)krb5_kt_close(k, from);
	/* a MEMORY keytab lives as long as it is open; this one as long as the process */
	krb5_free_context(k);
	return result;
}
