/* SPDX-License-Identifier: MIT */
/*
 * What clients of CredSSP do with GSSAPI (MS-CSSP 3.1.5), by the same libraries. The
 * self-handshake needs no KDC: the template has the service key, and whoever has that
 * can make a ticket.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "credsspd/auth/initiator-private.h"
#include "credsspd/auth/selfticket.h"
#include "include/credssp/cleanup.h"

static gss_OID_desc oid_spnego = { 6, (void *)(uintptr_t) "\x2b\x06\x01\x05\x05\x02" };
static gss_OID_desc oid_krb5 = { 9, (void *)(uintptr_t) "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02" };
static gss_OID_desc oid_ntlm = { 10, (void *)(uintptr_t) "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a" };

static char not_made[INITIATOR_DETAIL_SIZE]; /* why the last one could not be made */

static int failed(struct initiator *i, OM_uint32 major, OM_uint32 minor)
{
	OM_uint32 more = 0, ignored;
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	int type = minor ? GSS_C_MECH_CODE : GSS_C_GSS_CODE;

	(void)gss_display_status(&ignored, minor ? minor : major, type, minor ? i->inner : GSS_C_NO_OID, &more, &text);
	(void)snprintf(i->detail, sizeof i->detail, "%.*s", (int)text.length, (const char *)text.value);
	(void)gss_release_buffer(&ignored, &text);
	return -EIO;
}

static struct initiator *make(gss_OID inner, bool spnego)
{
	struct initiator *i = calloc(1, sizeof *i);

	if (i) {
		i->inner = inner;
		i->mech = spnego ? &oid_spnego : inner;
		i->flags = GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG | GSS_C_MUTUAL_FLAG;
	}
	return i;
}

/* SPNEGO offers the one mechanism only. */
static int narrow(struct initiator *i)
{
	gss_OID_set_desc only = { 1, i->inner };
	OM_uint32 major, minor;

	if (i->mech == i->inner)
		return 0;
	major = gss_set_neg_mechs(&minor, i->cred, &only);
	return GSS_ERROR(major) ? failed(i, major, minor) : 0;
}

static int import(struct initiator *i, const char *text, gss_OID type, gss_name_t *ret_name)
{
	gss_buffer_desc b = { strlen(text), (void *)(uintptr_t)text };
	OM_uint32 minor, major = gss_import_name(&minor, &b, type, ret_name);

	return GSS_ERROR(major) ? failed(i, major, minor) : 0;
}

static int finish(struct initiator *i, int r, struct initiator **ret_initiator)
{
	if (r < 0) {
		memcpy(not_made, i->detail, sizeof not_made);
		initiator_free(i);
		return r;
	}
	*ret_initiator = i;
	return 0;
}

int initiator_new_ntlm(const char *name, const char *password, bool spnego, struct initiator **ret_initiator)
{
	gss_buffer_desc secret = { strlen(password), (void *)(uintptr_t)password };
	struct initiator *i = make(&oid_ntlm, spnego);
	gss_name_t user = GSS_C_NO_NAME;
	OM_uint32 major, minor, ignored;
	int r;

	if (!i)
		return -ENOMEM;
	r = import(i, name, GSS_C_NT_USER_NAME, &user);
	if (r == 0)
		r = import(i, "TERMSRV@localhost", GSS_C_NT_HOSTBASED_SERVICE, &i->target);
	if (r == 0) {
		gss_OID_set_desc mechs = { 1, i->mech };

		major = gss_acquire_cred_with_password(&minor, user, &secret, GSS_C_INDEFINITE, &mechs, GSS_C_INITIATE,
						       &i->cred, NULL, NULL);
		r = GSS_ERROR(major) ? failed(i, major, minor) : narrow(i);
	}
	(void)gss_release_name(&ignored, &user);
	return finish(i, r, ret_initiator);
}

static int acquire_krb5(struct initiator *i, const char *ccache, const char *server)
{
	gss_key_value_element_desc e = { "ccache", ccache };
	gss_key_value_set_desc store = { 1, &e };
	gss_OID_set_desc mechs = { 1, i->mech };
	OM_uint32 major, minor;
	int r;

	r = import(i, server, (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME, &i->target);
	if (r < 0)
		return r;
	major = gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechs, GSS_C_INITIATE,
				      ccache ? &store : GSS_C_NO_CRED_STORE, &i->cred, NULL, NULL);
	return GSS_ERROR(major) ? failed(i, major, minor) : narrow(i);
}

static int with_selfticket(struct initiator *i, const char *keytab_name)
{
	krb5_principal server = NULL;
	char *ccache = NULL, *name = NULL;
	krb5_error_code code;
	int r;

	code = krb5_init_context(&i->krb5);
	if (code == 0)
		code = selfticket_make(i->krb5, keytab_name, &i->ccache, &server);
	if (code == 0)
		code = krb5_cc_get_full_name(i->krb5, i->ccache, &ccache);
	if (code == 0)
		code = krb5_unparse_name(i->krb5, server, &name);
	if (code)
		(void)snprintf(i->detail, sizeof i->detail, "a ticket of our own: %s", error_message(code));
	r = code ? -EIO : acquire_krb5(i, ccache, name);
	if (i->krb5) {
		krb5_free_principal(i->krb5, server);
		krb5_free_string(i->krb5, ccache);
		krb5_free_unparsed_name(i->krb5, name);
	}
	return r;
}

int initiator_new_krb5(const char *keytab_name, bool spnego, struct initiator **ret_initiator)
{
	struct initiator *i = make(&oid_krb5, spnego);

	return i ? finish(i, with_selfticket(i, keytab_name), ret_initiator) : -ENOMEM;
}

int initiator_new_user_to_user(const char *keytab_name, const enum gss_mech *mechs, size_t n_mechs,
			       struct initiator **ret_initiator)
{
	struct initiator *i = make(&oid_krb5, false);

	if (!i)
		return -ENOMEM;
	i->u2u = u2u_client_new(mechs, n_mechs);
	return finish(i, i->u2u ? with_selfticket(i, keytab_name) : -ENOMEM, ret_initiator);
}

int initiator_new_krb5_ccache(const char *server, bool spnego, struct initiator **ret_initiator)
{
	struct initiator *i = make(&oid_krb5, spnego);

	return i ? finish(i, acquire_krb5(i, NULL, server), ret_initiator) : -ENOMEM;
}

void initiator_free(struct initiator *i)
{
	OM_uint32 minor;

	if (!i)
		return;
	if (i->ctx)
		(void)gss_delete_sec_context(&minor, &i->ctx, GSS_C_NO_BUFFER);
	(void)gss_release_buffer(&minor, &i->token);
	(void)gss_release_name(&minor, &i->target);
	(void)gss_release_cred(&minor, &i->cred);
	if (i->ccache)
		(void)krb5_cc_destroy(i->krb5, i->ccache);
	if (i->krb5)
		krb5_free_context(i->krb5);
	free(i->u2u);
	free(i);
}

void initiator_flags(struct initiator *i, unsigned set, unsigned clear)
{
	i->flags = (i->flags | set) & ~clear;
}

int initiator_gss(struct initiator *i, struct view token, struct view *ret_token)
{
	gss_buffer_desc in = { token.len, (void *)(uintptr_t)token.p };
	OM_uint32 major, minor, ignored;

	(void)gss_release_buffer(&ignored, &i->token);
	major = gss_init_sec_context(&minor, i->cred, &i->ctx, i->target, i->mech, i->flags, 0,
				     GSS_C_NO_CHANNEL_BINDINGS, &in, NULL, &i->token, NULL, NULL);
	if (GSS_ERROR(major)) {
		(void)failed(i, major, minor);
		return -EACCES;
	}
	*ret_token = i->token.length ? (struct view){ i->token.value, i->token.length } : VIEW_NULL;
	return major == GSS_S_CONTINUE_NEEDED;
}

int initiator_step(struct initiator *i, struct view token, struct view *ret_token)
{
	return i->u2u ? u2u_client_step(i, token, ret_token) : initiator_gss(i, token, ret_token);
}

static int copy_out(struct initiator *i, OM_uint32 major, OM_uint32 minor, gss_buffer_t b, uint8_t *out, size_t size,
		    size_t *ret_len)
{
	OM_uint32 ignored;
	int r = 0;

	if (GSS_ERROR(major)) {
		r = failed(i, major, minor);
	} else if (b->length > size) {
		r = -ENOSPC;
	} else {
		memcpy(out, b->value, b->length);
		*ret_len = b->length;
	}
	(void)gss_release_buffer(&ignored, b);
	return r;
}

int initiator_wrap(struct initiator *i, struct view in, uint8_t *out, size_t size, size_t *ret_len)
{
	gss_buffer_desc clear = { in.len, (void *)(uintptr_t)in.p }, token = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor, major = gss_wrap(&minor, i->ctx, 1, GSS_C_QOP_DEFAULT, &clear, NULL, &token);

	return copy_out(i, major, minor, &token, out, size, ret_len);
}

int initiator_unwrap(struct initiator *i, struct view in, uint8_t *out, size_t size, size_t *ret_len)
{
	gss_buffer_desc token = { in.len, (void *)(uintptr_t)in.p }, clear = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor, major = gss_unwrap(&minor, i->ctx, &token, &clear, NULL, NULL);

	return copy_out(i, major, minor, &clear, out, size, ret_len);
}

const char *initiator_detail(const struct initiator *i)
{
	return i ? i->detail : not_made;
}
