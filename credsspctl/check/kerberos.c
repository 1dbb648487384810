/* SPDX-License-Identifier: MIT */
#include "credsspctl/check/kerberos.h"

#include <errno.h>
#include <profile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/cleanup.h"
#include "common/base/regular-file.h"
#include "common/kerberos/fetch.h"

/* ---- a keytab ---- */

void keys_done(struct keys *keys)
{
	for (size_t i = 0; i < keys->n; i++) {
		free(keys->p[i].name);
		free(keys->p[i].realm);
	}
	free(keys->p);
	*keys = (struct keys){ .p = NULL };
}

static krb5_error_code add(krb5_context k, struct keys *keys, const krb5_keytab_entry *e)
{
	struct key *p = reallocarray(keys->p, keys->n + 1, sizeof *p);
	struct key *key;
	char *name = NULL;
	krb5_error_code code;

	if (!p)
		return ENOMEM;
	keys->p = p;
	code = krb5_unparse_name_flags(k, e->principal, KRB5_PRINCIPAL_UNPARSE_NO_REALM, &name);
	if (code)
		return code;
	key = &p[keys->n];
	*key = (struct key){ .kvno = e->vno, .enctype = e->key.enctype };
	key->name = strdup(name);
	key->realm = strndup(e->principal->realm.data, e->principal->realm.length);
	krb5_free_unparsed_name(k, name);
	keys->n++;
	return key->name && key->realm ? 0 : ENOMEM;
}

krb5_error_code keys_read(krb5_context k, const char *name, struct keys *ret_)
{
	struct keys keys = { .p = NULL };
	krb5_keytab keytab;
	krb5_kt_cursor cursor;
	krb5_keytab_entry e;
	krb5_error_code code = krb5_kt_resolve(k, name, &keytab);

	if (code)
		return code;
	code = krb5_kt_start_seq_get(k, keytab, &cursor);
	if (code == 0) {
		while (code == 0 && (code = krb5_kt_next_entry(k, keytab, &e, &cursor)) == 0) {
			code = add(k, &keys, &e);
			(void)krb5_free_keytab_entry_contents(k, &e);
		}
		(void)krb5_kt_end_seq_get(k, keytab, &cursor);
	}
	(void)krb5_kt_close(k, keytab);
	if (code != KRB5_KT_END) {
		keys_done(&keys);
		return code;
	}
	*ret_ = keys;
	return 0;
}

bool key_is_aes(const struct key *key)
{
	switch (key->enctype) {
	case ENCTYPE_AES128_CTS_HMAC_SHA1_96:
	case ENCTYPE_AES256_CTS_HMAC_SHA1_96:
	case ENCTYPE_AES128_CTS_HMAC_SHA256_128:
	case ENCTYPE_AES256_CTS_HMAC_SHA384_192:
		return true;
	default:
		return false;
	}
}

static bool is_better(const struct key *a, const struct key *b)
{
	return !b || a->kvno > b->kvno || (a->kvno == b->kvno && key_is_aes(a) && !key_is_aes(b));
}

const struct key *keys_find(const struct keys *keys, const char *service, const char *host)
{
	const struct key *found = NULL;
	size_t n = strlen(service);

	for (size_t i = 0; i < keys->n; i++) {
		const struct key *key = &keys->p[i];

		if (strncasecmp(key->name, service, n) == 0 && key->name[n] == '/' &&
		    strcasecmp(key->name + n + 1, host) == 0 && is_better(key, found))
			found = key;
	}
	return found;
}

const struct key *keys_find_machine(const struct keys *keys)
{
	for (size_t i = 0; i < keys->n; i++) {
		size_t n = strlen(keys->p[i].name);

		if (n > 0 && keys->p[i].name[n - 1] == '$')
			return &keys->p[i];
	}
	return NULL;
}

/* ---- the state ---- */

char *kerberos_text(krb5_context k, krb5_error_code code)
{
	const char *text = krb5_get_error_message(k, code);
	char *copy = strdup(text);

	krb5_free_error_message(k, text);
	return copy;
}

void kerberos_free(struct kerberos *b)
{
	if (!b)
		return;
	if (b->ccache)
		(void)krb5_cc_destroy(b->k, b->ccache);
	if (b->keytab)
		(void)krb5_kt_close(b->k, b->keytab);
	if (b->k)
		krb5_free_context(b->k);
	keys_done(&b->keys);
	free(b->client);
	free(b->refusal_text);
	free(b);
}

static krb5_error_code open_all(struct kerberos *b, const char *path)
{
	AUTO_FREE char *name = NULL;
	krb5_error_code code;

	if (regular_file_check(path) == -EINVAL)
		return EINVAL;
	if (asprintf(&name, "FILE:%s", path) < 0) {
		name = NULL;
		return ENOMEM;
	}
	code = krb5_init_context(&b->k);
	if (code == 0)
		code = krb5_kt_resolve(b->k, name, &b->keytab);
	if (code == 0)
		code = keys_read(b->k, name, &b->keys);
	return code;
}

struct kerberos *kerberos_get(struct check_context *ctx)
{
	struct kerberos *b;

	if (ctx->kerberos || !ctx->has_config || ctx->config.kerberos == CONFIG_KERBEROS_OFF)
		return ctx->kerberos;
	b = calloc(1, sizeof *b);
	if (b && open_all(b, ctx->config.keytab) == 0 && b->keys.n > 0)
		ctx->kerberos = b;
	else
		kerberos_free(b);
	return ctx->kerberos;
}

/* ---- cards ---- */

char **kerberos_anchors(struct check_context *ctx)
{
	struct kerberos *b = kerberos_get(ctx);
	/* in the order of krb5.conf(5), PKINIT OPTIONS */
	const char *of_realm_all[] = { "libdefaults", b ? b->keys.p[0].realm : "", "pkinit_anchors", NULL };
	const char *of_realm[] = { "realms", b ? b->keys.p[0].realm : "", "pkinit_anchors", NULL };
	const char *of_all[] = { "libdefaults", "pkinit_anchors", NULL };
	struct _profile_t *profile = NULL;
	char **values = NULL;

	if (!b || ctx->config.smartcard != CONFIG_SMARTCARD_PKINIT || krb5_get_profile(b->k, &profile) != 0)
		return NULL;
	if (profile_get_values(profile, of_realm_all, &values) != 0 &&
	    profile_get_values(profile, of_realm, &values) != 0 && profile_get_values(profile, of_all, &values) != 0)
		values = NULL;
	profile_release(profile);
	return values;
}

bool kerberos_has_cards(struct check_context *ctx)
{
	char **values = kerberos_anchors(ctx);

	if (values)
		profile_free_list(values);
	return values != NULL;
}

/* ---- the KDC ---- */

bool kerberos_unreachable(krb5_error_code code)
{
	return code == KRB5_KDC_UNREACH || code == KRB5_REALM_UNKNOWN || code == KRB5_REALM_CANT_RESOLVE;
}

/* Chooses a principal as the keeper does: a configured one, else an account, else TERMSRV/ of this host, else any. */
static char *choose_client(const struct kerberos *b, const struct check_context *ctx)
{
	static struct keytab_list list; /* too large for the stack */
	char error[FETCH_ERROR_MAX];
	const struct key *found;
	char *name = NULL;

	if (ctx->config.tgt_principals[0])
		return strdup(ctx->config.tgt_principals[0]);
	if (fetch_list(ctx->config.keytab, &list, error) == 0 && list.n > 0 && !strchr(list.principal[0], '/'))
		return strdup(list.principal[0]);
	found = keys_find(&b->keys, "TERMSRV", ctx->fqdn);
	for (size_t i = 0; i < b->keys.n && !found; i++)
		if (strncasecmp(b->keys.p[i].name, "TERMSRV/", 8) == 0)
			found = &b->keys.p[i];
	if (!found || asprintf(&name, "%s@%s", found->name, found->realm) < 0)
		return NULL;
	return name;
}

static krb5_error_code keep(struct kerberos *b, krb5_creds *creds)
{
	krb5_int32 microseconds;
	krb5_error_code code = krb5_cc_new_unique(b->k, "MEMORY", NULL, &b->ccache);

	if (code == 0)
		code = krb5_cc_initialize(b->k, b->ccache, creds->client);
	if (code == 0)
		code = krb5_cc_store_cred(b->k, b->ccache, creds);
	(void)krb5_get_time_offsets(b->k, &b->ahead, &microseconds);
	return code;
}

void kerberos_ask(struct kerberos *b, const struct check_context *ctx)
{
	krb5_principal client = NULL;
	krb5_creds creds = { .magic = 0 };
	krb5_error_code code;

	if (b->asked)
		return;
	b->asked = true;
	b->client = choose_client(b, ctx);
	code = b->client ? krb5_parse_name(b->k, b->client, &client) : KRB5_KT_NOTFOUND;
	if (code == 0)
		code = krb5_get_init_creds_keytab(b->k, &creds, client, b->keytab, 0, NULL, NULL);
	if (code == 0)
		code = keep(b, &creds);
	b->refusal = code;
	if (code)
		b->refusal_text = kerberos_text(b->k, code);
	krb5_free_cred_contents(b->k, &creds);
	krb5_free_principal(b->k, client);
}
