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
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "credsspd/auth/acceptor-private.h"
#include "credsspd/auth/wbc.h"
#include "credsspd/wire/utf16.h"
#include "include/credssp/cleanup.h"

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

void acceptor_status_text(char *out, size_t size, OM_uint32 major, OM_uint32 minor, enum mechanism mechanism)
{
	out[0] = '\0';
	append_status(out, size, major, GSS_C_GSS_CODE, GSS_C_NO_OID);
	if (minor)
		append_status(out, size, minor, GSS_C_MECH_CODE, acceptor_mech_oid(mechanism));
}

enum acceptor_result acceptor_refuse(struct acceptor *a, enum refusal refusal, const char *detail)
{
	a->refusal = refusal;
	if (detail)
		(void)snprintf(a->detail, sizeof a->detail, "%s", detail);
	return ACCEPTOR_REFUSED;
}

/* ---- context ---- */

/*
 * Domain-joined mstsc puts a user-to-user token where Kerberos' belongs. When it is not taken (acceptor_accept()),
 * MIT's acceptor refuses it with no fallback, while one for NTLM alone ignores it and asks for NTLM.
 */
static bool is_for_krb5(const struct spnego_init *i)
{
	return i->krb5 && !(i->krb5_first && i->mech_token_octets.p && i->mech_token != GSS_TOKEN_KRB5);
}

/* Whether the first token can be for us, by what it says itself. */
static bool foreign(const struct acceptor *a, struct view token)
{
	struct spnego_init init;

	if (a->cred == GSS_C_NO_CREDENTIAL) /* user-to-user only */
		return true;
	switch (gss_token_kind(token)) {
	case GSS_TOKEN_NTLMSSP:
		return a->mechanism != MECHANISM_NTLM;
	case GSS_TOKEN_KRB5:
		return a->mechanism != MECHANISM_KRB5;
	case GSS_TOKEN_SPNEGO_INIT:
		if (spnego_init_read(token, &init) < 0)
			return false; /* GSS says what is wrong */
		return a->mechanism == MECHANISM_KRB5 ? !is_for_krb5(&init) : !init.ntlm;
	case GSS_TOKEN_USER_TO_USER: /* nobody sends it without SPNEGO */
	case GSS_TOKEN_SPNEGO_RESP:
	case GSS_TOKEN_UNKNOWN:
		break;
	}
	return true;
}

/* What a complete context must be able to do. Only then is anybody authenticated. */
enum acceptor_result acceptor_check_context(struct acceptor *a, gss_OID mech, OM_uint32 flags)
{
	if ((flags & GSS_C_ANON_FLAG) || !(flags & GSS_C_CONF_FLAG) || !(flags & GSS_C_INTEG_FLAG))
		return acceptor_refuse(a, REFUSAL_BAD_CREDENTIALS, "the context has no confidentiality and integrity");
	if (a->mechanism == MECHANISM_KRB5 && !(flags & GSS_C_MUTUAL_FLAG))
		return acceptor_refuse(a, REFUSAL_REPLAY, "the client did not ask for mutual authentication");
	if (mech == GSS_C_NO_OID)
		return acceptor_refuse(a, REFUSAL_INTERNAL, "no mechanism");
	return ACCEPTOR_COMPLETE;
}

static enum acceptor_result check_error(struct acceptor *a, bool first, OM_uint32 major, OM_uint32 minor)
{
	OM_uint32 routine = GSS_ROUTINE_ERROR(major);

	/* the other mechanism may know what to do with it */
	if (first && (routine == GSS_S_BAD_MECH || routine == GSS_S_NO_CRED))
		return ACCEPTOR_FOREIGN;
	if (a->mechanism == MECHANISM_NTLM && wbc_refusal() != REFUSAL_NONE)
		return acceptor_refuse(a, wbc_refusal(), NULL);
	acceptor_status_text(a->detail, sizeof a->detail, major, minor, a->mechanism);
	return acceptor_refuse(a, REFUSAL_BAD_CREDENTIALS, NULL);
}

OM_uint32 acceptor_gss(struct acceptor *a, gss_cred_id_t cred, struct view token, gss_OID *ret_mech,
		       OM_uint32 *ret_minor, OM_uint32 *ret_flags)
{
	gss_buffer_desc in = { token.len, (void *)(uintptr_t)token.p };

	*ret_mech = GSS_C_NO_OID;
	*ret_flags = 0;
	/* no client of CredSSP uses channel bindings */
	return gss_accept_sec_context(ret_minor, &a->ctx, cred, &in, GSS_C_NO_CHANNEL_BINDINGS, &a->client, ret_mech,
				      &a->token, ret_flags, NULL, NULL);
}

static enum acceptor_result accept_token(struct acceptor *a, struct view token)
{
	uint8_t padded[NTLM_NEGOTIATE_LEN];
	OM_uint32 major, minor, flags;
	enum acceptor_result result;
	gss_OID mech;
	bool first = !a->opened;

	if (first && foreign(a, token))
		return ACCEPTOR_FOREIGN;
	if (ntlm_token_guard(token) < 0)
		return acceptor_refuse(a, REFUSAL_BAD_CREDENTIALS, "malformed NTLM message, or not NTLMv2");
	a->opened = true;
	major = acceptor_gss(a, a->cred, ntlm_negotiate_pad(token, padded), &mech, &minor, &flags);
	if (GSS_ERROR(major)) {
		acceptor_token_sent(a);
		return check_error(a, first, major, minor);
	}
	if (flags & GSS_C_DCE_STYLE) /* known before the context is complete; its tokens would have another form */
		return acceptor_refuse(a, REFUSAL_PROTOCOL, "DCE style");
	if (major == GSS_S_CONTINUE_NEEDED)
		return ACCEPTOR_CONTINUE;
	result = acceptor_check_context(a, mech, flags);
	a->complete = result == ACCEPTOR_COMPLETE;
	return result;
}

enum acceptor_result acceptor_accept(struct acceptor *a, struct view token)
{
	enum acceptor_result result;
	struct spnego_init init;

	acceptor_token_sent(a);
	if (a->complete)
		return acceptor_refuse(a, REFUSAL_PROTOCOL, "a token after the last one");
	if (a->u2u != U2U_OFF)
		return u2u_next(a, token);
	if (!a->opened && a->tgts && spnego_init_read(token, &init) == 0 && u2u_begins(a, &init)) {
		result = u2u_first(a, &init);
		if (result != ACCEPTOR_FOREIGN)
			return result;
		a->no_tgt = true;
	}
	return accept_token(a, token);
}

void acceptor_fail(struct acceptor *a, struct view token)
{
	gss_cred_id_t creds[] = { a->cred, a->u2u_cred };
	OM_uint32 major, minor, flags;
	gss_OID mech;

	for (size_t i = 0; i < sizeof creds / sizeof *creds; i++) {
		if (creds[i] == GSS_C_NO_CREDENTIAL)
			continue;
		major = acceptor_gss(a, creds[i], token, &mech, &minor, &flags);
		acceptor_status_text(a->detail, sizeof a->detail, major, minor, a->mechanism);
		acceptor_reset(a);
	}
}

bool acceptor_no_tgt(const struct acceptor *a)
{
	return a->no_tgt;
}

const char *acceptor_asked(const struct acceptor *a)
{
	return a->asked;
}

bool acceptor_user_to_user(const struct acceptor *a)
{
	return a->u2u != U2U_OFF;
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
		(void)acceptor_refuse(a, REFUSAL_INTERNAL, "no authenticated name");
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
		(void)acceptor_refuse(a, REFUSAL_NAME, "the authenticated name");
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
		(void)acceptor_refuse(a, krb5 ? REFUSAL_REPLAY : REFUSAL_BAD_CREDENTIALS,
				      "not sealed in the form that is demanded");
		return r;
	}
	major = gss_unwrap(&minor, a->ctx, &in, &out, &sealed, NULL);
	if (major != GSS_S_COMPLETE || !sealed) {
		/* under Kerberos a key of another conversation is what a replay looks like */
		acceptor_status_text(a->detail, sizeof a->detail, major, minor, a->mechanism);
		(void)acceptor_refuse(a, krb5 ? REFUSAL_REPLAY : REFUSAL_BAD_CREDENTIALS, NULL);
	} else if (secret_init(ret_, out.length) < 0 || secret_append(ret_, out.value, out.length) < 0) {
		(void)acceptor_refuse(a, REFUSAL_INTERNAL, "out of memory");
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
		acceptor_status_text(a->detail, sizeof a->detail, major, minor, a->mechanism);
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
		acceptor_status_text(a->detail, sizeof a->detail, major, minor, a->mechanism);
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
		(void)acceptor_refuse(a, REFUSAL_INTERNAL, r == -ENOSPC ? "no room for the wrapped reply" : NULL);
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
