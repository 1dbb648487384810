/* SPDX-License-Identifier: MIT */
/*
 * MIT krb5's GSSAPI and gss-ntlmssp as CredSSP needs them.
 *
 * Replay. The replay cache of the Kerberos mechanism is off ("none:"): it is a file with a lock that workers
 * could not open. What makes a recorded conversation useless instead is demanded here: MUTUAL, so
 * that MIT makes a fresh acceptor subkey, AES keys only, and on every wrap token of the client the flag that says
 * it was made under that subkey (krb5_wrap_guard). NTLM has the server's fresh challenge.
 *
 * The wrap form. FreeRDP takes only tokens with RRC = 28 and EC = 0, which gss_wrap_iov makes with HEADER and DATA and
 * without TRAILER; NTLM has no wrap_iov.
 */
#include "credsspd/auth/acceptor.h"

#include <ctype.h>
#include <errno.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "credsspd/auth/keys.h"
#include "credsspd/auth/wbc.h"
#include "credsspd/wire/gsstoken.h"
#include "credsspd/wire/utf16.h"

static gss_OID_desc oid_spnego = { 6, (void *)(uintptr_t)"\x2b\x06\x01\x05\x05\x02" };
static gss_OID_desc oid_krb5 = { 9, (void *)(uintptr_t)"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02" };
static gss_OID_desc oid_ntlm = { 10, (void *)(uintptr_t)"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a" };

/* ---- errors ---- */

static void status_text(OM_uint32 code, int type, gss_OID mech, char *out, size_t size)
{
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor, more = 0;

	out[0] = '\0';
	if (gss_display_status(&minor, code, type, mech, &more, &text) == GSS_S_COMPLETE)
		(void)snprintf(out, size, "%.*s", (int)text.length, (const char *)text.value);
	(void)gss_release_buffer(&minor, &text);
}

/* The mechanism's text when there is one: the major code alone says little. */
static void describe(const struct acceptor *a, OM_uint32 major, OM_uint32 minor, char *out, size_t size)
{
	gss_OID mech = a->mechanism == MECHANISM_KRB5 ? &oid_krb5 : &oid_ntlm;

	if (minor)
		status_text(minor, GSS_C_MECH_CODE, mech, out, size);
	else
		status_text(major, GSS_C_GSS_CODE, GSS_C_NO_OID, out, size);
}

static int refuse(struct acceptor_error *e, enum refusal refusal, const char *detail)
{
	e->refusal = refusal;
	(void)snprintf(e->detail, sizeof e->detail, "%s", detail);
	return -EACCES;
}

static int refuse_gss(const struct acceptor *a, struct acceptor_error *e, enum refusal refusal, OM_uint32 major, OM_uint32 minor)
{
	e->refusal = refusal;
	describe(a, major, minor, e->detail, sizeof e->detail);
	return -EACCES;
}

/* ---- the credential ---- */

static int acquire(struct acceptor *a, gss_name_t name, gss_const_key_value_set_t store, char **ret_error)
{
	gss_OID_desc both[2] = { oid_spnego, a->mechanism == MECHANISM_KRB5 ? oid_krb5 : oid_ntlm };
	gss_OID_set_desc mechs = { 2, both };
	gss_OID_set_desc inner = { 1, &both[1] };
	OM_uint32 major, minor;
	char text[WORKER_DETAIL_MAX];

	major = gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, &mechs, GSS_C_ACCEPT, store, &a->credential, NULL, NULL);
	if (major == GSS_S_COMPLETE)
		major = gss_set_neg_mechs(&minor, a->credential, &inner);
	if (major == GSS_S_COMPLETE)
		return 0;
	describe(a, major, minor, text, sizeof text);
	if (asprintf(ret_error, "%s: no acceptor credential: %s", mechanism_name(a->mechanism), text) < 0)
		*ret_error = NULL;
	return -EACCES;
}

static int init_krb5(struct acceptor *a, const struct config *config, char **ret_error)
{
	gss_buffer_desc service = { 7, (void *)(uintptr_t)"TERMSRV" };
	gss_key_value_element_desc element[2] = { { "keytab", KEYS_KEYTAB_NAME }, { "rcache", "none:" } };
	gss_key_value_set_desc store = { 2, element };
	gss_name_t name = GSS_C_NO_NAME;
	OM_uint32 minor;
	int r;

	/* gss-ntlmssp parses hostile tokens badly and has no business in a process with keys */
	if (setenv("GSS_MECH_CONFIG", "/dev/null", 1) < 0)
		return -errno;
	r = keys_load(config->keytab, ret_error);
	if (r < 0)
		return r;
	/* a service without a host: any TERMSRV key */
	if (gss_import_name(&minor, &service, GSS_C_NT_HOSTBASED_SERVICE, &name) != GSS_S_COMPLETE)
		return -ENOMEM;
	r = acquire(a, name, &store, ret_error);
	(void)gss_release_name(&minor, &name);
	return r;
}

/* The host's name as NetBIOS has it: upper case, up to the first dot, 15 octets. */
static void netbios_name(char out[16])
{
	struct utsname u;
	size_t n = 0;

	if (uname(&u) == 0)
		for (; n < 15 && u.nodename[n] && u.nodename[n] != '.'; n++)
			out[n] = (char)toupper((unsigned char)u.nodename[n]);
	out[n] = '\0';
	if (n == 0)
		(void)strcpy(out, "LINUX");
}

static int init_ntlm(struct acceptor *a, char **ret_error)
{
	char name[16];

	/* without these gss-ntlmssp looks names up at every handshake, and the CHALLENGE lacks MsvAvNbDomainName */
	netbios_name(name);
	if (setenv("NETBIOS_COMPUTER_NAME", name, 1) < 0 || setenv("NETBIOS_DOMAIN_NAME", name, 1) < 0 ||
	    setenv("LM_COMPAT_LEVEL", "5", 1) < 0 || unsetenv("NTLM_USER_FILE") < 0)
		return -errno;
	/* no name (it would put MsvAvTargetName into the challenge) and no store (with no name it crashes) */
	return acquire(a, GSS_C_NO_NAME, GSS_C_NO_CRED_STORE, ret_error);
}

int acceptor_init(struct acceptor *a, enum mechanism mechanism, const struct config *config, char **ret_error)
{
	*a = (struct acceptor){ .mechanism = mechanism, .credential = GSS_C_NO_CREDENTIAL };
	return mechanism == MECHANISM_KRB5 ? init_krb5(a, config, ret_error) : init_ntlm(a, ret_error);
}

/* ---- tokens ---- */

static bool spnego_is_for_krb5(const struct spnego_init *i)
{
	/*
	 * A domain-joined mstsc puts a user-to-user TGT-REQ where the krb5 token should be. MIT refuses it
	 * without falling back, an acceptor for NTLM alone ignores it and asks for NTLM.
	 */
	bool wrong_token = i->krb5_first && i->mech_token_octets.p && i->mech_token != GSS_TOKEN_KRB5;

	return i->krb5 && !wrong_token;
}

bool acceptor_is_for(const struct acceptor *a, struct view token)
{
	bool krb5 = a->mechanism == MECHANISM_KRB5;
	struct spnego_init init;

	switch (gss_token_kind(token)) {
	case GSS_TOKEN_NTLMSSP:
		return !krb5;
	case GSS_TOKEN_KRB5:
		return krb5;
	case GSS_TOKEN_SPNEGO_INIT:
		if (spnego_init_read(token, &init) < 0)
			return true; /* malformed: GSSAPI says so */
		return krb5 ? spnego_is_for_krb5(&init) : init.ntlm;
	case GSS_TOKEN_SPNEGO_RESP:
	case GSS_TOKEN_UNKNOWN:
		break;
	}
	return true;
}

static int check_flags(const struct acceptor *a, OM_uint32 flags, struct acceptor_error *e)
{
	if ((flags & (GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG)) != (GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG))
		return refuse(e, REFUSAL_BAD_CREDENTIALS, "the client wants no confidentiality");
	if (flags & GSS_C_DCE_STYLE)
		return refuse(e, REFUSAL_BAD_CREDENTIALS, "the client wants DCE style");
	if (a->mechanism == MECHANISM_KRB5 && !(flags & GSS_C_MUTUAL_FLAG))
		return refuse(e, REFUSAL_REPLAY, "no mutual authentication, hence no fresh key");
	return 0;
}

static int take_principal(struct acceptor_context *c, gss_name_t name, struct acceptor_error *e)
{
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor;
	int r = 0;

	if (name == GSS_C_NO_NAME || gss_display_name(&minor, name, &text, NULL) != GSS_S_COMPLETE)
		return refuse(e, REFUSAL_BAD_CREDENTIALS, "the client has no name");
	/* gss-ntlmssp counts the terminating NUL */
	if (text.length && ((const char *)text.value)[text.length - 1] == '\0')
		text.length--;
	if (text.length == 0 || text.length > PRINCIPAL_MAX || memchr(text.value, '\0', text.length) ||
	    utf8_check(text.value, text.length) < 0)
		r = refuse(e, REFUSAL_NAME, "the authenticated name is empty, too long or malformed");
	else
		memcpy(c->principal, text.value, text.length);
	(void)gss_release_buffer(&minor, &text);
	return r;
}

static enum refusal refusal_of(const struct acceptor *a)
{
	/* what the verifier said is known better than GSSAPI's word for it */
	if (a->mechanism == MECHANISM_NTLM && wbc_refusal() != REFUSAL_NONE)
		return wbc_refusal();
	return REFUSAL_BAD_CREDENTIALS;
}

int acceptor_step(const struct acceptor *a, struct acceptor_context *c, struct view token, gss_buffer_t ret_out,
		  struct acceptor_error *ret_error)
{
	gss_buffer_desc in = { token.len, (void *)(uintptr_t)token.p };
	gss_name_t name = GSS_C_NO_NAME;
	OM_uint32 major, minor, ignored, flags = 0;
	int r;

	if (ntlm_token_guard(token) < 0)
		return refuse(ret_error, REFUSAL_BAD_CREDENTIALS, "malformed NTLM message");
	major = gss_accept_sec_context(&minor, &c->gss, a->credential, &in, GSS_C_NO_CHANNEL_BINDINGS, &name, NULL, ret_out,
				       &flags, NULL, NULL);
	if (GSS_ERROR(major)) {
		(void)gss_release_buffer(&ignored, ret_out);
		return refuse_gss(a, ret_error, refusal_of(a), major, minor);
	}
	c->complete = !(major & GSS_S_CONTINUE_NEEDED);
	if (!c->complete)
		return 0;
	r = check_flags(a, flags, ret_error);
	if (r == 0)
		r = take_principal(c, name, ret_error);
	(void)gss_release_name(&ignored, &name);
	return r;
}

int acceptor_unwrap(const struct acceptor *a, struct acceptor_context *c, struct view token, struct secret *ret_clear,
		    struct acceptor_error *ret_error)
{
	gss_buffer_desc in = { token.len, (void *)(uintptr_t)token.p };
	gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
	OM_uint32 major, minor, ignored;
	int conf = 0, r;

	if (a->mechanism == MECHANISM_KRB5 ? krb5_wrap_guard(token) < 0 : ntlm_wrap_guard(token) < 0)
		return refuse(ret_error, a->mechanism == MECHANISM_KRB5 ? REFUSAL_REPLAY : REFUSAL_PROTOCOL,
			      "a wrap token that is not sealed, or not under the acceptor's key");
	major = gss_unwrap(&minor, c->gss, &in, &out, &conf, NULL);
	if (major != GSS_S_COMPLETE)
		return refuse_gss(a, ret_error, REFUSAL_PROTOCOL, major, minor);
	r = conf ? secret_init(ret_clear, out.length) : -EACCES;
	if (r == 0)
		r = secret_append(ret_clear, out.value, out.length);
	secret_wipe(out.value, out.length);
	(void)gss_release_buffer(&ignored, &out);
	return r < 0 ? refuse(ret_error, REFUSAL_PROTOCOL, "a wrap token without confidentiality") : 0;
}

static int copy_out(const void *p, size_t len, uint8_t *out, size_t size, size_t *at)
{
	if (len > size - *at)
		return -ENOSPC;
	memcpy(out + *at, p, len);
	*at += len;
	return 0;
}

static int wrap_krb5(gss_ctx_id_t gss, struct view clear, uint8_t *out, size_t size, size_t *ret_len)
{
	gss_iov_buffer_desc iov[2] = {
		{ .type = GSS_IOV_BUFFER_TYPE_HEADER | GSS_IOV_BUFFER_FLAG_ALLOCATE },
		{ .type = GSS_IOV_BUFFER_TYPE_DATA },
	};
	OM_uint32 minor;
	size_t at = 0;
	int conf = 0, r = -EIO;

	iov[1].buffer.value = malloc(clear.len ? clear.len : 1); /* encrypted in place */
	if (!iov[1].buffer.value)
		return -ENOMEM;
	memcpy(iov[1].buffer.value, clear.p, clear.len);
	iov[1].buffer.length = clear.len;
	if (gss_wrap_iov(&minor, gss, 1, GSS_C_QOP_DEFAULT, &conf, iov, 2) == GSS_S_COMPLETE && conf) {
		r = copy_out(iov[0].buffer.value, iov[0].buffer.length, out, size, &at);
		if (r == 0)
			r = copy_out(iov[1].buffer.value, iov[1].buffer.length, out, size, &at);
	}
	(void)gss_release_iov_buffer(&minor, iov, 1);
	free(iov[1].buffer.value);
	if (r == 0)
		*ret_len = at;
	return r;
}

static int wrap_ntlm(gss_ctx_id_t gss, struct view clear, uint8_t *out, size_t size, size_t *ret_len)
{
	gss_buffer_desc in = { clear.len, (void *)(uintptr_t)clear.p };
	gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor;
	size_t at = 0;
	int conf = 0, r = -EIO;

	if (gss_wrap(&minor, gss, 1, GSS_C_QOP_DEFAULT, &in, &conf, &token) == GSS_S_COMPLETE && conf)
		r = copy_out(token.value, token.length, out, size, &at);
	(void)gss_release_buffer(&minor, &token);
	if (r == 0)
		*ret_len = at;
	return r;
}

int acceptor_wrap(const struct acceptor *a, struct acceptor_context *c, struct view clear, uint8_t *out, size_t size,
		  size_t *ret_len)
{
	return a->mechanism == MECHANISM_KRB5 ? wrap_krb5(c->gss, clear, out, size, ret_len) :
						wrap_ntlm(c->gss, clear, out, size, ret_len);
}
