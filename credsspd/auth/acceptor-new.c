/* SPDX-License-Identifier: MIT */
/* Keys and credentials of an acceptor, and what surrounds them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "credsspd/auth/acceptor-private.h"
#include "credsspd/util/explain.h"
#include "include/credssp/cleanup.h"
#include "include/credssp/secret.h"

#define KEYTAB "MEMORY:credsspd"
#define SERVICE "TERMSRV"
#define NETBIOS_NAME_MAX 15U

gss_OID_desc acceptor_oid_spnego = { 6, (void *)(uintptr_t) "\x2b\x06\x01\x05\x05\x02" };
gss_OID_desc acceptor_oid_krb5 = { 9, (void *)(uintptr_t) "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02" };
gss_OID_desc acceptor_oid_ntlm = { 10, (void *)(uintptr_t) "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a" };

/* ---- environment ---- */

/* NbComputerName as Windows makes it: the first label of the host name, upper case, 15 characters. */
static void netbios_name(char out[NETBIOS_NAME_MAX + 1])
{
	char host[256] = "";
	size_t n;

	if (gethostname(host, sizeof host - 1) < 0 || !host[0] || host[0] == '.')
		(void)snprintf(host, sizeof host, "LOCALHOST");
	for (n = 0; n < NETBIOS_NAME_MAX && host[n] && host[n] != '.'; n++)
		out[n] = host[n] >= 'a' && host[n] <= 'z' ? (char)(host[n] - 'a' + 'A') : host[n];
	out[n] = '\0';
}

int acceptor_environment(enum mechanism mechanism)
{
	static const char *const unwanted[] = {
		"NTLM_USER_FILE", /* gss-ntlmssp would look for users there and not ask us */
		"GSSNTLMSSP_DEBUG", "GSS_USE_PROXY", "KRB5_TRACE", "KRB5RCACHENAME", "KRB5_KTNAME",
	};
	char name[NETBIOS_NAME_MAX + 1];

	for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
		(void)unsetenv(unwanted[i]);
	if (mechanism == MECHANISM_KRB5) /* no plugins from mech.d in this process, gss-ntlmssp least of all */
		return setenv("GSS_MECH_CONFIG", "/dev/null", 1) < 0 ? -errno : 0;
	netbios_name(name);
	/* the self-handshake's SPNEGO would ask a KDC for its user, who is in no realm */
	if (setenv("KRB5_CONFIG", "/dev/null", 1) < 0)
		return -errno;
	if (setenv("NETBIOS_COMPUTER_NAME", name, 1) < 0 || setenv("NETBIOS_DOMAIN_NAME", name, 1) < 0 ||
	    setenv("LM_COMPAT_LEVEL", "5", 1) < 0 || setenv("GSSNTLMSSP_WB_TLS_CTX", "0", 1) < 0)
		return -errno;
	return 0;
}

/* ---- texts ---- */

static int krb5_failed(krb5_context k, krb5_error_code code, const char *what, const char *path, char **ret_error)
{
	const char *text = krb5_get_error_message(k, code);

	(void)explain(ret_error, 0, "Kerberos is not available: %s%s%s: %s", what, path ? " " : "", path ? path : "",
		      text);
	krb5_free_error_message(k, text);
	return code == ENOENT || code == EACCES || code == ENOMEM ? -(int)code : -EIO;
}

/* ---- the keys ---- */

/* Whether the entry is to be had, and then under SERVICE. Only AES: GSSAPI does not tell afterwards what a ticket was
 * encrypted with, so other keys are not there at all. */
static bool take_wanted(krb5_keytab_entry *e)
{
	krb5_data *service;

	switch (e->key.enctype) {
	case ENCTYPE_AES128_CTS_HMAC_SHA1_96:
	case ENCTYPE_AES256_CTS_HMAC_SHA1_96:
	case ENCTYPE_AES128_CTS_HMAC_SHA256_128:
	case ENCTYPE_AES256_CTS_HMAC_SHA384_192:
		break;
	default:
		return false;
	}
	if (e->principal->length != 2)
		return false;
	service = &e->principal->data[0];
	if (service->length != strlen(SERVICE) || strncasecmp(service->data, SERVICE, service->length) != 0)
		return false;
	/* `net ads keytab create` writes it in lower case, in which no credential for TERMSRV would find it */
	memcpy(service->data, SERVICE, service->length);
	return true;
}

static krb5_error_code copy_keys(struct acceptor *a, krb5_keytab from, unsigned *ret_n)
{
	krb5_kt_cursor cursor;
	krb5_keytab_entry entry;
	krb5_error_code code, end;

	*ret_n = 0;
	code = krb5_kt_start_seq_get(a->krb5, from, &cursor);
	if (code)
		return code;
	while (code == 0 && (end = krb5_kt_next_entry(a->krb5, from, &entry, &cursor)) == 0) {
		if (take_wanted(&entry)) {
			code = krb5_kt_add_entry(a->krb5, a->keytab, &entry);
			*ret_n += code == 0;
		}
		(void)krb5_free_keytab_entry_contents(a->krb5, &entry);
	}
	if (code == 0 && end != KRB5_KT_END)
		code = end;
	(void)krb5_kt_end_seq_get(a->krb5, from, &cursor);
	return code;
}

static int load_keys(struct acceptor *a, const char *path, char **ret_error)
{
	AUTO_FREE char *name = NULL;
	krb5_keytab from;
	krb5_error_code code;
	unsigned n = 0;

	if (asprintf(&name, "FILE:%s", path) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	code = krb5_kt_resolve(a->krb5, KEYTAB, &a->keytab);
	if (code == 0)
		code = krb5_kt_resolve(a->krb5, name, &from);
	if (code)
		return krb5_failed(a->krb5, code, "keytab", path, ret_error);
	code = copy_keys(a, from, &n);
	(void)krb5_kt_close(a->krb5, from);
	if (code)
		return krb5_failed(a->krb5, code, "cannot read the keytab", path, ret_error);
	if (n == 0) {
		(void)explain(ret_error, 0,
			      "Kerberos is not available: the keytab %s has no AES key for a principal " SERVICE "/...",
			      path);
		return -ENOKEY;
	}
	return 0;
}

/* ---- credential ---- */

static int gss_failed(OM_uint32 major, OM_uint32 minor, enum mechanism mechanism, const char *what, char **ret_error)
{
	char text[WORKER_DETAIL_MAX];

	acceptor_status_text(text, sizeof text, major, minor, mechanism);
	(void)explain(ret_error, 0, "%s is not available: %s: %s", mechanism == MECHANISM_KRB5 ? "Kerberos" : "NTLM",
		      what, text);
	return -EIO;
}

static int acquire(const struct acceptor *a, gss_name_t name, gss_const_key_value_set_t store, gss_cred_id_t *cred,
		   char **ret_error)
{
	gss_OID_desc both[2] = { acceptor_oid_spnego, *acceptor_mech_oid(a->mechanism) };
	gss_OID_set_desc raw = { 2, both }, negotiated = { 1, acceptor_mech_oid(a->mechanism) };
	OM_uint32 major, minor;

	major = gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, &raw, GSS_C_ACCEPT, store, cred, NULL, NULL);
	if (GSS_ERROR(major))
		return gss_failed(major, minor, a->mechanism, "no acceptor credential", ret_error);
	major = gss_set_neg_mechs(&minor, *cred, &negotiated);
	if (GSS_ERROR(major))
		return gss_failed(major, minor, a->mechanism, "no mechanism to negotiate", ret_error);
	return 0;
}

/* The service name without a host: any TERMSRV key will do. */
static int acquire_krb5(const struct acceptor *a, const char *keytab, gss_cred_id_t *cred, char **ret_error)
{
	gss_buffer_desc text = { strlen(SERVICE), (void *)(uintptr_t)SERVICE };
	gss_key_value_element_desc e[] = { { "keytab", keytab }, { "rcache", "none:" } };
	gss_key_value_set_desc store = { 2, e };
	gss_name_t name = GSS_C_NO_NAME;
	OM_uint32 major, minor, ignored;
	int r;

	major = gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &name);
	if (GSS_ERROR(major))
		return gss_failed(major, minor, a->mechanism, "service name", ret_error);
	r = acquire(a, name, &store, cred, ret_error);
	(void)gss_release_name(&ignored, &name);
	return r;
}

/*
 * A ticket-granting ticket that no KDC has made, with a key that nobody else knows: without any key there is no
 * credential, and the self-handshake needs one. acceptor_started() takes it away.
 */
static int add_own_tgt(struct acceptor *a)
{
	static struct keeper_tgt tgt = { .ticket = { 0x30, 0 }, .ticket_len = 2, .key_len = 32 };
	int64_t now = (int64_t)time(NULL);
	krb5_keyblock key;
	krb5_error_code code;

	tgt.enctype = ENCTYPE_AES256_CTS_HMAC_SHA1_96;
	tgt.ends = now + TGT_OVERLAP_SEC;
	(void)snprintf(tgt.principal, sizeof tgt.principal, "self-test@SELF-TEST");
	code = krb5_c_make_random_key(a->krb5, tgt.enctype, &key);
	if (code == 0) {
		memcpy(tgt.key, key.contents, sizeof tgt.key);
		krb5_free_keyblock_contents(a->krb5, &key);
		code = tgts_add(a->tgts, &tgt, now);
	}
	secret_wipe(tgt.key, sizeof tgt.key);
	return code ? -EIO : 0;
}

static int prepare_u2u(struct acceptor *a, char **ret_error)
{
	krb5_error_code code = tgts_new(a->krb5, &a->tgts);

	if (code)
		return krb5_failed(a->krb5, code, "user-to-user", NULL, ret_error);
	if (add_own_tgt(a) < 0)
		return -EIO;
	return acquire_krb5(a, TGTS_KEYTAB, &a->u2u_cred, ret_error);
}

static int make(struct acceptor *a, const struct acceptor_options *o, char **ret_error)
{
	krb5_error_code code;
	int r = 0;

	/* in the ntlm template too: the mechglue opens contexts of its own */
	code = krb5_init_context(&a->krb5);
	if (code) {
		(void)explain(ret_error, 0, "krb5.conf cannot be used: %s", error_message(code));
		return -EIO;
	}
	/* a name would put TargetName into the CHALLENGE, a store without a name crashes gss-ntlmssp */
	if (a->mechanism == MECHANISM_NTLM)
		return acquire(a, GSS_C_NO_NAME, GSS_C_NO_CRED_STORE, &a->cred, ret_error);
	if (o->service_ticket) {
		r = load_keys(a, o->keytab, ret_error);
		if (r == 0)
			r = acquire_krb5(a, KEYTAB, &a->cred, ret_error);
	}
	if (r == 0 && o->user_to_user)
		r = prepare_u2u(a, ret_error);
	return r;
}

int acceptor_new(enum mechanism mechanism, const struct acceptor_options *options, struct acceptor **ret_acceptor,
		 char **ret_error)
{
	struct acceptor *a = calloc(1, sizeof *a);
	int r;

	*ret_error = NULL;
	if (!a)
		return -ENOMEM;
	a->mechanism = mechanism;
	r = make(a, options, ret_error);
	if (r < 0) {
		acceptor_free(a);
		return r;
	}
	*ret_acceptor = a;
	return 0;
}

void acceptor_started(struct acceptor *a)
{
	if (a->tgts)
		tgts_clear(a->tgts);
}

int acceptor_add_tgt(struct acceptor *a, const struct keeper_tgt *tgt)
{
	return a->tgts ? -tgts_add(a->tgts, tgt, (int64_t)time(NULL)) : -EINVAL;
}

int acceptor_set_names(struct acceptor *a, const struct keeper_names *names)
{
	return a->tgts ? -tgts_set_names(a->tgts, names) : -EINVAL;
}

void acceptor_reset(struct acceptor *a)
{
	OM_uint32 minor;

	if (a->ctx)
		(void)gss_delete_sec_context(&minor, &a->ctx, GSS_C_NO_BUFFER);
	(void)gss_release_buffer(&minor, &a->token);
	(void)gss_release_name(&minor, &a->client);
	a->opened = a->complete = a->no_tgt = false;
	a->u2u = U2U_OFF;
	a->refusal = REFUSAL_NONE;
	a->detail[0] = a->asked[0] = '\0';
}

void acceptor_free(struct acceptor *a)
{
	OM_uint32 minor;

	if (!a)
		return;
	acceptor_reset(a);
	(void)gss_release_cred(&minor, &a->cred);
	(void)gss_release_cred(&minor, &a->u2u_cred);
	tgts_free(a->tgts);
	if (a->keytab)
		(void)krb5_kt_close(a->krb5, a->keytab);
	if (a->krb5)
		krb5_free_context(a->krb5);
	free(a);
}

const char *acceptor_keytab(const struct acceptor *a, enum acceptor_form form)
{
	if (a->mechanism != MECHANISM_KRB5)
		return NULL;
	return form == ACCEPTOR_USER_TO_USER ? TGTS_KEYTAB : KEYTAB;
}

bool acceptor_serves(const struct acceptor *a, enum acceptor_form form)
{
	return form == ACCEPTOR_USER_TO_USER ? a->tgts != NULL : a->cred != GSS_C_NO_CREDENTIAL;
}
