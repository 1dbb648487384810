/* SPDX-License-Identifier: MIT */
/*
 * RFC 2743, RFC 4178 (SPNEGO), RFC 4121 (Kerberos), MS-NLMP, as MS-CSSP uses them.
 *
 * There is no replay cache ("none:"), on purpose: it would need a writable file
 * and a lock shared by all workers, and it is not what protects here. What does:
 * the client must ask MUTUAL, so MIT answers with a fresh acceptor subkey, and
 * pubKeyAuth and authInfo must be sealed under that subkey (krb5_wrap_guard). A
 * recorded conversation fails there; an AP-REQ alone gets nobody anywhere, because
 * no account is looked at before pubKeyAuth was verified. NTLM has the challenge.
 */
#include "credsspd/auth/acceptor.h"

#include <errno.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5/krb5.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "credsspd/auth/wbc.h"
#include "credsspd/wire/gsstoken.h"
#include "credsspd/wire/utf16.h"
#include "include/credssp/cleanup.h"

#define KEYTAB "MEMORY:credsspd"
#define SERVICE "TERMSRV"
#define NETBIOS_NAME_MAX 15U

static gss_OID_desc oid_spnego = { 6, (void *)(uintptr_t) "\x2b\x06\x01\x05\x05\x02" };
static gss_OID_desc oid_krb5 = { 9, (void *)(uintptr_t) "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02" };
static gss_OID_desc oid_ntlm = { 10, (void *)(uintptr_t) "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a" };

struct acceptor {
	enum mechanism mechanism;
	krb5_context krb5; /* kept open: what it has loaded stays loaded for the workers */
	krb5_keytab keytab;
	gss_cred_id_t cred;
	gss_ctx_id_t ctx;
	gss_name_t client;
	gss_buffer_desc token;
	bool opened, complete;
	enum refusal refusal;
	char detail[WORKER_DETAIL_MAX];
};

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

static gss_OID mech_oid(enum mechanism mechanism)
{
	return mechanism == MECHANISM_KRB5 ? &oid_krb5 : &oid_ntlm;
}

static void status_text(char *out, size_t size, OM_uint32 major, OM_uint32 minor, enum mechanism mechanism)
{
	out[0] = '\0';
	append_status(out, size, major, GSS_C_GSS_CODE, GSS_C_NO_OID);
	if (minor)
		append_status(out, size, minor, GSS_C_MECH_CODE, mech_oid(mechanism));
}

static enum acceptor_result refuse(struct acceptor *a, enum refusal refusal, const char *detail)
{
	a->refusal = refusal;
	if (detail)
		(void)snprintf(a->detail, sizeof a->detail, "%s", detail);
	return ACCEPTOR_REFUSED;
}

__attribute__((format(printf, 2, 3))) static int say(char **ret_error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(ret_error, fmt, ap) < 0)
		*ret_error = NULL;
	va_end(ap);
	return 0;
}

static int krb5_failed(krb5_context k, krb5_error_code code, const char *what, const char *path, char **ret_error)
{
	const char *text = krb5_get_error_message(k, code);

	(void)say(ret_error, "Kerberos is not available: %s%s%s: %s", what, path ? " " : "", path ? path : "", text);
	krb5_free_error_message(k, text);
	return code == ENOENT || code == EACCES || code == ENOMEM ? -(int)code : -EIO;
}

/* ---- the keys ---- */

/* Only AES: GSSAPI does not tell afterwards what a ticket was encrypted with, so other keys are not there at all. */
static bool wanted(const krb5_keytab_entry *e)
{
	const krb5_data *service;

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
	return service->length == strlen(SERVICE) && memcmp(service->data, SERVICE, service->length) == 0;
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
		if (wanted(&entry)) {
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
		(void)say(ret_error,
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

	status_text(text, sizeof text, major, minor, mechanism);
	(void)say(ret_error, "%s is not available: %s: %s", mechanism == MECHANISM_KRB5 ? "Kerberos" : "NTLM", what,
		  text);
	return -EIO;
}

static int acquire(struct acceptor *a, gss_name_t name, gss_const_key_value_set_t store, char **ret_error)
{
	gss_OID_desc both[2] = { oid_spnego, *mech_oid(a->mechanism) };
	gss_OID_set_desc raw = { 2, both }, negotiated = { 1, mech_oid(a->mechanism) };
	OM_uint32 major, minor;

	major = gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, &raw, GSS_C_ACCEPT, store, &a->cred, NULL, NULL);
	if (GSS_ERROR(major))
		return gss_failed(major, minor, a->mechanism, "no acceptor credential", ret_error);
	major = gss_set_neg_mechs(&minor, a->cred, &negotiated);
	if (GSS_ERROR(major))
		return gss_failed(major, minor, a->mechanism, "no mechanism to negotiate", ret_error);
	return 0;
}

/* The service name without a host: any TERMSRV key will do. */
static int acquire_krb5(struct acceptor *a, char **ret_error)
{
	gss_buffer_desc text = { strlen(SERVICE), (void *)(uintptr_t)SERVICE };
	gss_key_value_element_desc e[] = { { "keytab", KEYTAB }, { "rcache", "none:" } };
	gss_key_value_set_desc store = { 2, e };
	gss_name_t name = GSS_C_NO_NAME;
	OM_uint32 major, minor, ignored;
	int r;

	major = gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &name);
	if (GSS_ERROR(major))
		return gss_failed(major, minor, a->mechanism, "service name", ret_error);
	r = acquire(a, name, &store, ret_error);
	(void)gss_release_name(&ignored, &name);
	return r;
}

static int make(struct acceptor *a, const char *keytab, char **ret_error)
{
	krb5_error_code code;
	int r;

	/* in the ntlm template too: the mechglue opens contexts of its own */
	code = krb5_init_context(&a->krb5);
	if (code) {
		(void)say(ret_error, "krb5.conf cannot be used: %s", error_message(code));
		return -EIO;
	}
	/* a name would put TargetName into the CHALLENGE, a store without a name crashes gss-ntlmssp */
	if (a->mechanism == MECHANISM_NTLM)
		return acquire(a, GSS_C_NO_NAME, GSS_C_NO_CRED_STORE, ret_error);
	r = load_keys(a, keytab, ret_error);
	return r < 0 ? r : acquire_krb5(a, ret_error);
}

int acceptor_new(enum mechanism mechanism, const char *keytab, struct acceptor **ret_acceptor, char **ret_error)
{
	struct acceptor *a = calloc(1, sizeof *a);
	int r;

	*ret_error = NULL;
	if (!a)
		return -ENOMEM;
	a->mechanism = mechanism;
	r = make(a, keytab, ret_error);
	if (r < 0) {
		acceptor_free(a);
		return r;
	}
	*ret_acceptor = a;
	return 0;
}

void acceptor_reset(struct acceptor *a)
{
	OM_uint32 minor;

	if (a->ctx)
		(void)gss_delete_sec_context(&minor, &a->ctx, GSS_C_NO_BUFFER);
	(void)gss_release_buffer(&minor, &a->token);
	(void)gss_release_name(&minor, &a->client);
	a->opened = a->complete = false;
	a->refusal = REFUSAL_NONE;
	a->detail[0] = '\0';
}

void acceptor_free(struct acceptor *a)
{
	OM_uint32 minor;

	if (!a)
		return;
	acceptor_reset(a);
	(void)gss_release_cred(&minor, &a->cred);
	if (a->keytab)
		(void)krb5_kt_close(a->krb5, a->keytab);
	if (a->krb5)
		krb5_free_context(a->krb5);
	free(a);
}

const char *acceptor_keytab(const struct acceptor *a)
{
	return a->mechanism == MECHANISM_KRB5 ? KEYTAB : NULL;
}

/* ---- context ---- */

/*
 * Domain-joined mstsc puts a user-to-user token where Kerberos' belongs. MIT's acceptor refuses that with no fallback,
 * while one for NTLM alone ignores it and asks for NTLM.
 */
static bool is_for_krb5(const struct spnego_init *i)
{
	return i->krb5 && !(i->krb5_first && i->mech_token_octets.p && i->mech_token != GSS_TOKEN_KRB5);
}

/* Whether the first token can be for us, by what it says itself. */
static bool foreign(const struct acceptor *a, struct view token)
{
	struct spnego_init init;

	switch (gss_token_kind(token)) {
	case GSS_TOKEN_NTLMSSP:
		return a->mechanism != MECHANISM_NTLM;
	case GSS_TOKEN_KRB5:
		return a->mechanism != MECHANISM_KRB5;
	case GSS_TOKEN_SPNEGO_INIT:
		if (spnego_init_read(token, &init) < 0)
			return false; /* GSS says what is wrong */
		return a->mechanism == MECHANISM_KRB5 ? !is_for_krb5(&init) : !init.ntlm;
	case GSS_TOKEN_SPNEGO_RESP:
	case GSS_TOKEN_UNKNOWN:
		break;
	}
	return true;
}

/* What a complete context must be able to do. Only then is anybody authenticated. */
static enum acceptor_result check_context(struct acceptor *a, gss_OID mech, OM_uint32 flags)
{
	if ((flags & GSS_C_ANON_FLAG) || !(flags & GSS_C_CONF_FLAG) || !(flags & GSS_C_INTEG_FLAG))
		return refuse(a, REFUSAL_BAD_CREDENTIALS, "the context has no confidentiality and integrity");
	if (a->mechanism == MECHANISM_KRB5 && !(flags & GSS_C_MUTUAL_FLAG))
		return refuse(a, REFUSAL_REPLAY, "the client did not ask for mutual authentication");
	if (mech == GSS_C_NO_OID)
		return refuse(a, REFUSAL_INTERNAL, "no mechanism");
	a->complete = true;
	return ACCEPTOR_COMPLETE;
}

static enum acceptor_result check_error(struct acceptor *a, bool first, OM_uint32 major, OM_uint32 minor)
{
	OM_uint32 routine = GSS_ROUTINE_ERROR(major);

	/* the other mechanism may know what to do with it */
	if (first && (routine == GSS_S_BAD_MECH || routine == GSS_S_NO_CRED))
		return ACCEPTOR_FOREIGN;
	if (a->mechanism == MECHANISM_NTLM && wbc_refusal() != REFUSAL_NONE)
		return refuse(a, wbc_refusal(), NULL);
	status_text(a->detail, sizeof a->detail, major, minor, a->mechanism);
	return refuse(a, REFUSAL_BAD_CREDENTIALS, NULL);
}

enum acceptor_result acceptor_accept(struct acceptor *a, struct view token)
{
	uint8_t padded[NTLM_NEGOTIATE_LEN];
	gss_buffer_desc in;
	OM_uint32 major, minor, flags = 0;
	gss_OID mech = GSS_C_NO_OID;
	bool first = !a->opened;

	acceptor_token_sent(a);
	if (a->complete)
		return refuse(a, REFUSAL_PROTOCOL, "a token after the last one");
	if (first && foreign(a, token))
		return ACCEPTOR_FOREIGN;
	if (ntlm_token_guard(token) < 0)
		return refuse(a, REFUSAL_BAD_CREDENTIALS, "malformed NTLM message, or not NTLMv2");
	a->opened = true;
	token = ntlm_negotiate_pad(token, padded);
	in = (gss_buffer_desc){ token.len, (void *)(uintptr_t)token.p };
	/* no client of CredSSP uses channel bindings */
	major = gss_accept_sec_context(&minor, &a->ctx, a->cred, &in, GSS_C_NO_CHANNEL_BINDINGS, &a->client, &mech,
				       &a->token, &flags, NULL, NULL);
	if (GSS_ERROR(major)) {
		acceptor_token_sent(a);
		return check_error(a, first, major, minor);
	}
	if (flags & GSS_C_DCE_STYLE) /* known before the context is complete; its tokens would have another form */
		return refuse(a, REFUSAL_PROTOCOL, "DCE style");
	return major == GSS_S_CONTINUE_NEEDED ? ACCEPTOR_CONTINUE : check_context(a, mech, flags);
}

struct view acceptor_token(const struct acceptor *a)
{
	return a->token.length ? (struct view){ a->token.value, a->token.length } : VIEW_NULL;
}

void acceptor_token_sent(struct acceptor *a)
{
	OM_uint32 minor;

	(void)gss_release_buffer(&minor, &a->token);
}

static bool is_clean(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] < 0x20 || p[i] == 0x7f)
			return false;
	return utf8_check(p, len) == 0;
}

int acceptor_principal(struct acceptor *a, char ret_[RECORD_PRINCIPAL_MAX])
{
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor;
	size_t len;
	int r = -EINVAL;

	if (!a->complete || !a->client || GSS_ERROR(gss_display_name(&minor, a->client, &text, NULL))) {
		(void)refuse(a, REFUSAL_INTERNAL, "no authenticated name");
		return -EINVAL;
	}
	len = text.length;
	if (len && ((const char *)text.value)[len - 1] == '\0') /* gss-ntlmssp counts it */
		len--;
	if (len && len <= PRINCIPAL_MAX && is_clean(text.value, len)) {
		memset(ret_, 0, RECORD_PRINCIPAL_MAX);
		memcpy(ret_, text.value, len);
		r = 0;
	} else {
		(void)refuse(a, REFUSAL_NAME, "the authenticated name");
	}
	(void)gss_release_buffer(&minor, &text);
	return r;
}

/* ---- messages ---- */

int acceptor_unwrap(struct acceptor *a, uint8_t *token, size_t len, struct secret *ret_)
{
	bool krb5 = a->mechanism == MECHANISM_KRB5;
	struct view v = { token, len };
	gss_buffer_desc in = { len, token }, out = GSS_C_EMPTY_BUFFER;
	OM_uint32 major, minor, ignored;
	int sealed = 0, r = -EBADMSG;

	if (!a->complete || (krb5 ? krb5_wrap_guard(v) : ntlm_wrap_guard(v)) < 0) {
		(void)refuse(a, krb5 ? REFUSAL_REPLAY : REFUSAL_BAD_CREDENTIALS,
			     "not sealed in the form that is demanded");
		return r;
	}
	major = gss_unwrap(&minor, a->ctx, &in, &out, &sealed, NULL);
	if (major != GSS_S_COMPLETE || !sealed) {
		/* under Kerberos a key of another conversation is what a replay looks like */
		status_text(a->detail, sizeof a->detail, major, minor, a->mechanism);
		(void)refuse(a, krb5 ? REFUSAL_REPLAY : REFUSAL_BAD_CREDENTIALS, NULL);
	} else if (secret_init(ret_, out.length) < 0 || secret_append(ret_, out.value, out.length) < 0) {
		(void)refuse(a, REFUSAL_INTERNAL, "out of memory");
	} else {
		r = 0;
	}
	secret_wipe(out.value, out.length);
	(void)gss_release_buffer(&ignored, &out);
	return r;
}

static int wrap_krb5(struct acceptor *a, struct view in, uint8_t *out, size_t size, size_t *ret_len)
{
	gss_iov_buffer_desc iov[2] = { { .type = GSS_IOV_BUFFER_TYPE_HEADER | GSS_IOV_BUFFER_FLAG_ALLOCATE },
				       { .type = GSS_IOV_BUFFER_TYPE_DATA } };
	OM_uint32 major, minor, ignored;
	size_t header;
	int sealed = 0, r = -EIO;

	/* the data is encrypted in place, where it will be behind the header: moved there when the header is known */
	if (in.len > size)
		return -ENOSPC;
	memcpy(out, in.p, in.len);
	iov[1].buffer = (gss_buffer_desc){ in.len, out };
	/* without a trailer RRC covers confounder and checksum: FreeRDP takes no other form */
	major = gss_wrap_iov(&minor, a->ctx, 1, GSS_C_QOP_DEFAULT, &sealed, iov, 2);
	header = iov[0].buffer.length;
	if (GSS_ERROR(major) || !sealed) {
		status_text(a->detail, sizeof a->detail, major, minor, a->mechanism);
	} else if (header > size - in.len) {
		r = -ENOSPC;
	} else {
		memmove(out + header, out, in.len);
		memcpy(out, iov[0].buffer.value, header);
		*ret_len = header + in.len;
		r = 0;
	}
	(void)gss_release_iov_buffer(&ignored, iov, 2);
	return r;
}

static int wrap_ntlm(struct acceptor *a, struct view in, uint8_t *out, size_t size, size_t *ret_len)
{
	gss_buffer_desc clear = { in.len, (void *)(uintptr_t)in.p }, token = GSS_C_EMPTY_BUFFER;
	OM_uint32 major, minor, ignored;
	int sealed = 0, r = -EIO;

	major = gss_wrap(&minor, a->ctx, 1, GSS_C_QOP_DEFAULT, &clear, &sealed, &token);
	if (GSS_ERROR(major) || !sealed) {
		status_text(a->detail, sizeof a->detail, major, minor, a->mechanism);
	} else if (token.length > size) {
		r = -ENOSPC;
	} else {
		memcpy(out, token.value, token.length);
		*ret_len = token.length;
		r = 0;
	}
	(void)gss_release_buffer(&ignored, &token);
	return r;
}

int acceptor_wrap(struct acceptor *a, struct view in, uint8_t *out, size_t size, size_t *ret_len)
{
	int r = -EIO;

	if (a->complete)
		r = a->mechanism == MECHANISM_KRB5 ? wrap_krb5(a, in, out, size, ret_len)
						   : wrap_ntlm(a, in, out, size, ret_len);
	if (r < 0)
		(void)refuse(a, REFUSAL_INTERNAL, r == -ENOSPC ? "no room for the wrapped reply" : NULL);
	return r;
}

enum refusal acceptor_refusal(const struct acceptor *a)
{
	return a->refusal != REFUSAL_NONE ? a->refusal : REFUSAL_INTERNAL;
}

const char *acceptor_detail(const struct acceptor *a)
{
	return a->detail;
}
