/* SPDX-License-Identifier: MIT */
/* The acceptor's Kerberos keys, in keytabs in memory, so that workers need not open files. */
#include "credsspd/mech/kerberos-credential.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/base/cleanup.h"
#include "common/base/explain.h"
#include "common/base/log.h"
#include "common/base/regular-file.h"
#include "common/base/secret.h"
#include "common/kerberos/enctypes.h"
#include "credsspd/mech/tgts.h"

#define KEYTAB "MEMORY:credsspd"
#define SERVICE "TERMSRV"

struct kerberos_credential {
	krb5_context krb5; /* kept open, so that its libraries stay loaded for the workers */
	krb5_keytab keytab;
	gss_cred_id_t cred; /* GSS_C_NO_CREDENTIAL with user-to-user only */
	struct tgts *tgts;  /* NULL without user-to-user */
	gss_cred_id_t u2u_cred;
	char machine_realm[RECORD_PRINCIPAL_MAX]; /* realm of this host's machine account; may be empty */
};

gss_OID_desc kerberos_oid = { 9, (void *)(uintptr_t) "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02" };

int kerberos_credential_environment(void)
{
	static const char *const unwanted[] = { "GSS_USE_PROXY", "KRB5_TRACE", "KRB5RCACHENAME", "KRB5_KTNAME" };

	for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
		(void)unsetenv(unwanted[i]);
	/* loads no plugins of /etc/gss/mech.d */
	return setenv("GSS_MECH_CONFIG", "/dev/null", 1) < 0 ? -errno : 0;
}

/* ---- texts ---- */

static void append_status(char *out, size_t size, OM_uint32 value, int type, gss_OID mech)
{
	OM_uint32 more = 0, minor;
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	size_t at = strlen(out);

	if (gss_display_status(&minor, value, type, mech, &more, &text) != GSS_S_COMPLETE)
		return;
	(void)snprintf(out + at, size - at, "%s%.*s", at ? ": " : "", (int)text.length, (const char *)text.value);
	(void)gss_release_buffer(&minor, &text);
}

void kerberos_status_text(char *out, size_t size, OM_uint32 major, OM_uint32 minor)
{
	out[0] = '\0';
	append_status(out, size, major, GSS_C_GSS_CODE, GSS_C_NO_OID);
	if (minor)
		append_status(out, size, minor, GSS_C_MECH_CODE, &kerberos_oid);
}

static int failed(krb5_context k, krb5_error_code code, const char *what, const char *path, char **ret_error)
{
	const char *text = krb5_get_error_message(k, code);

	(void)explain(ret_error, 0, "Kerberos is not available: %s%s%s: %s", what, path ? " " : "", path ? path : "",
		      text);
	krb5_free_error_message(k, text);
	return code == ENOENT || code == EACCES || code == ENOMEM ? -(int)code : -EIO;
}

/* ---- the machine account ---- */

static void note_machine(struct kerberos_credential *c, const char *name, size_t len, const char *realm,
			 size_t realm_len)
{
	if (len > 1 && name[len - 1] == '$' && !memchr(name, '/', len) && realm_len < sizeof c->machine_realm) {
		memcpy(c->machine_realm, realm, realm_len);
		c->machine_realm[realm_len] = '\0';
	}
}

static void note_machine_key(struct kerberos_credential *c, const krb5_keytab_entry *e)
{
	if (e->principal->length == 1)
		note_machine(c, e->principal->data[0].data, e->principal->data[0].length, e->principal->realm.data,
			     e->principal->realm.length);
}

static void note_machine_tgt(struct kerberos_credential *c, const char *principal)
{
	const char *realm = strrchr(principal, '@');

	if (realm)
		note_machine(c, principal, (size_t)(realm - principal), realm + 1, strlen(realm + 1));
}

bool kerberos_credential_is_member(const struct kerberos_credential *c, const char *realm)
{
	return c->machine_realm[0] && strcmp(c->machine_realm, realm) == 0;
}

/* ---- the keys ---- */

/*
 * Returns whether to copy an entry: its principal is SERVICE/... and its key an AES key that krb5.conf permits.
 * Corrects the case of SERVICE. Other key types are left out here, because GSSAPI does not report the type of a
 * ticket's encryption. @aes counts the AES keys, permitted or not.
 */
static bool take_wanted(krb5_keytab_entry *e, const krb5_enctype *permitted, unsigned n_permitted, unsigned *aes)
{
	krb5_data *service;

	if (!enctype_is_aes(e->key.enctype) || e->principal->length != 2)
		return false;
	service = &e->principal->data[0];
	if (service->length != strlen(SERVICE) || strncasecmp(service->data, SERVICE, service->length) != 0)
		return false;
	++*aes;
	/* `net ads keytab create` writes it in lower case, in which no credential for TERMSRV would find it */
	memcpy(service->data, SERVICE, service->length);
	for (unsigned i = 0; i < n_permitted; i++)
		if (permitted[i] == e->key.enctype)
			return true;
	return false;
}

/* *@ret_n is the number of keys that were copied, *@ret_aes the number of AES keys in the keytab. */
static krb5_error_code copy_keys(struct kerberos_credential *c, krb5_keytab from, unsigned *ret_n, unsigned *ret_aes)
{
	krb5_enctype permitted[AES_ENCTYPES_MAX];
	const unsigned n_permitted = enctypes_permitted(c->krb5, permitted);
	krb5_kt_cursor cursor;
	krb5_keytab_entry entry;
	krb5_error_code code, end;

	*ret_n = *ret_aes = 0;
	code = krb5_kt_start_seq_get(c->krb5, from, &cursor);
	if (code)
		return code;
	while (code == 0 && (end = krb5_kt_next_entry(c->krb5, from, &entry, &cursor)) == 0) {
		note_machine_key(c, &entry);
		if (take_wanted(&entry, permitted, n_permitted, ret_aes)) {
			code = krb5_kt_add_entry(c->krb5, c->keytab, &entry);
			*ret_n += code == 0;
		}
		(void)krb5_free_keytab_entry_contents(c->krb5, &entry);
	}
	if (code == 0 && end != KRB5_KT_END)
		code = end;
	(void)krb5_kt_end_seq_get(c->krb5, from, &cursor);
	return code;
}

static int load_keys(struct kerberos_credential *c, const char *path, char **ret_error)
{
	AUTO_FREE char *name = NULL;
	krb5_keytab from;
	krb5_error_code code;
	unsigned n = 0, aes = 0;

	if (regular_file_check(path) == -EINVAL)
		return explain(ret_error, -EINVAL, "Kerberos is not available: the keytab %s is no regular file", path);
	if (asprintf(&name, "FILE:%s", path) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	code = krb5_kt_resolve(c->krb5, KEYTAB, &c->keytab);
	if (code == 0)
		code = krb5_kt_resolve(c->krb5, name, &from);
	if (code)
		return failed(c->krb5, code, "keytab", path, ret_error);
	code = copy_keys(c, from, &n, &aes);
	(void)krb5_kt_close(c->krb5, from);
	if (code)
		return failed(c->krb5, code, "cannot read the keytab", path, ret_error);
	if (n == 0) {
		(void)explain(
		    ret_error, 0,
		    aes ? "Kerberos is not available: permitted_enctypes of krb5.conf allows none of the AES keys "
			  "for " SERVICE "/... in the keytab %s"
			: "Kerberos is not available: the keytab %s has no AES key for a principal " SERVICE "/...",
		    path);
		return -ENOKEY;
	}
	return 0;
}

/* ---- credentials of GSSAPI ---- */

static int gss_failed(OM_uint32 major, OM_uint32 minor, const char *what, char **ret_error)
{
	char text[WORKER_DETAIL_MAX];

	kerberos_status_text(text, sizeof text, major, minor);
	return explain(ret_error, -EIO, "Kerberos is not available: %s: %s", what, text);
}

/* Acquires a credential for the service without a host name: every TERMSRV key is accepted. */
static int acquire(const char *keytab, gss_cred_id_t *cred, char **ret_error)
{
	gss_buffer_desc text = { strlen(SERVICE), (void *)(uintptr_t)SERVICE };
	gss_key_value_element_desc e[] = { { "keytab", keytab }, { "rcache", "none:" } };
	gss_key_value_set_desc store = { 2, e };
	gss_OID_set_desc krb5 = { 1, &kerberos_oid };
	gss_name_t name = GSS_C_NO_NAME;
	OM_uint32 major, minor, ignored;

	major = gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &name);
	if (GSS_ERROR(major))
		return gss_failed(major, minor, "service name", ret_error);
	major = gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, &krb5, GSS_C_ACCEPT, &store, cred, NULL, NULL);
	(void)gss_release_name(&ignored, &name);
	return GSS_ERROR(major) ? gss_failed(major, minor, "no acceptor credential", ret_error) : 0;
}

/*
 * Adds a ticket-granting ticket with a random key, not made by a KDC, because the self-test needs a credential and a
 * credential needs a key. kerberos_credential_started() drops it.
 */
static int add_own_tgt(struct kerberos_credential *c, char **ret_error)
{
	static struct keeper_tgt tgt = { .ticket = { 0x30, 0 }, .ticket_len = 2 };
	int64_t now = (int64_t)time(NULL);
	krb5_enctype permitted[AES_ENCTYPES_MAX];
	krb5_keyblock key;
	krb5_error_code code;

	if (enctypes_permitted(c->krb5, permitted) == 0)
		return explain(ret_error, -ENOKEY,
			       "Kerberos is not available: permitted_enctypes of krb5.conf allows no AES");
	tgt.enctype = permitted[0];
	tgt.ends = now + TGT_OVERLAP_SEC;
	(void)snprintf(tgt.principal, sizeof tgt.principal, "self-test@SELF-TEST");
	code = krb5_c_make_random_key(c->krb5, tgt.enctype, &key);
	if (code == 0) {
		tgt.key_len = (uint8_t)key.length;
		memcpy(tgt.key, key.contents, key.length);
		krb5_free_keyblock_contents(c->krb5, &key);
		code = tgts_add(c->tgts, &tgt, now);
	}
	secret_wipe(tgt.key, sizeof tgt.key);
	return code ? -EIO : 0;
}

static int prepare_u2u(struct kerberos_credential *c, char **ret_error)
{
	krb5_error_code code = tgts_new(c->krb5, &c->tgts);
	int r;

	if (code)
		return failed(c->krb5, code, "user-to-user", NULL, ret_error);
	r = add_own_tgt(c, ret_error);
	return r < 0 ? r : acquire(TGTS_KEYTAB, &c->u2u_cred, ret_error);
}

static int make(struct kerberos_credential *c, const struct kerberos_credential_options *o, char **ret_error)
{
	krb5_error_code code = krb5_init_context(&c->krb5);
	int r = 0;

	if (code)
		return explain(ret_error, -EIO, "krb5.conf cannot be used: %s", error_message(code));
	if (o->service_ticket) {
		r = load_keys(c, o->keytab, ret_error);
		if (r == 0)
			r = acquire(KEYTAB, &c->cred, ret_error);
	}
	if (r == 0 && o->user_to_user)
		r = prepare_u2u(c, ret_error);
	return r;
}

int kerberos_credential_new(const struct kerberos_credential_options *options, struct kerberos_credential **ret_,
			    char **ret_error)
{
	struct kerberos_credential *c = calloc(1, sizeof *c);
	int r;

	*ret_error = NULL;
	if (!c)
		return -ENOMEM;
	r = make(c, options, ret_error);
	if (r < 0)
		kerberos_credential_free(c);
	else
		*ret_ = c;
	return r;
}

void kerberos_credential_free(struct kerberos_credential *c)
{
	OM_uint32 minor;

	if (!c)
		return;
	(void)gss_release_cred(&minor, &c->cred);
	(void)gss_release_cred(&minor, &c->u2u_cred);
	tgts_free(c->tgts);
	if (c->keytab)
		(void)krb5_kt_close(c->krb5, c->keytab);
	if (c->krb5)
		krb5_free_context(c->krb5);
	free(c);
}

void kerberos_credential_started(struct kerberos_credential *c)
{
	if (c->tgts)
		tgts_clear(c->tgts);
}

int kerberos_credential_add_tgt(struct kerberos_credential *c, const struct keeper_tgt *tgt)
{
	krb5_error_code code = c->tgts ? tgts_add(c->tgts, tgt, (int64_t)time(NULL)) : EINVAL;
	const char *text;

	if (code == 0)
		note_machine_tgt(c, tgt->principal);
	if (code == 0 || code == EINVAL || code == ENOSPC || code == ENOMEM)
		return -(int)code;
	text = krb5_get_error_message(c->krb5, code);
	log_line(LOG_ERR, "krb5 template: the key of %s cannot be kept: %s", tgt->principal, text);
	krb5_free_error_message(c->krb5, text);
	return -EIO;
}

int kerberos_credential_set_names(struct kerberos_credential *c, const struct keeper_names *names)
{
	return c->tgts ? tgts_set_names(c->tgts, names) : -EINVAL;
}

const char *kerberos_credential_keytab(const struct kerberos_credential *c, bool user_to_user)
{
	return user_to_user ? TGTS_KEYTAB : KEYTAB;
}

gss_cred_id_t kerberos_credential_gss(const struct kerberos_credential *c, bool user_to_user)
{
	return user_to_user ? c->u2u_cred : c->cred;
}

struct view kerberos_credential_tgt(struct kerberos_credential *c, const char *server)
{
	int64_t now = (int64_t)time(NULL);

	if (!c->tgts)
		return VIEW_NULL;
	tgts_expire(c->tgts, now); /* the template expires tickets only when it adds one */
	return tgts_find(c->tgts, server, now);
}

void kerberos_credential_fail(struct kerberos_credential *c, struct view token)
{
	gss_cred_id_t creds[] = { c->cred, c->u2u_cred };
	gss_buffer_desc in = { token.len, (void *)(uintptr_t)token.p }, out = GSS_C_EMPTY_BUFFER;
	char text[WORKER_DETAIL_MAX];
	OM_uint32 major, minor, ignored;

	for (size_t i = 0; i < sizeof creds / sizeof *creds; i++) {
		gss_ctx_id_t ctx = GSS_C_NO_CONTEXT;

		if (creds[i] == GSS_C_NO_CREDENTIAL)
			continue;
		major = gss_accept_sec_context(&minor, &ctx, creds[i], &in, GSS_C_NO_CHANNEL_BINDINGS, NULL, NULL, &out,
					       NULL, NULL, NULL);
		kerberos_status_text(text, sizeof text, major, minor);
		(void)gss_release_buffer(&ignored, &out);
		if (ctx)
			(void)gss_delete_sec_context(&ignored, &ctx, GSS_C_NO_BUFFER);
	}
}
