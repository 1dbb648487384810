/* SPDX-License-Identifier: MIT */
/*
 * The client's side of Kerberos, with libkrb5 as in the server. The self-test needs no KDC: the template has the
 * service key and makes a ticket with it. The self-test of user-to-user makes its ticket, too, under a key that both
 * sides know; so the TGT-REP is checked and not used. USE_SESSION_KEY is set in the finished AP-REQ, which is possible
 * because no checksum covers ap-options (RFC 4120 5.5.1).
 */
#include <errno.h>
#include <gssapi/gssapi_krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/initiator/initiator-krb5.h"
#include "common/initiator/selfticket.h"
#include "common/kerberos/enctypes.h"
#include "common/wire/usertouser.h"

static gss_OID_desc oid_krb5 = { 9, (void *)(uintptr_t) "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02" };

static struct krb5_initiator *self(struct initiator *i)
{
	return (struct krb5_initiator *)i;
}

static int failed(struct krb5_initiator *k, OM_uint32 major, OM_uint32 minor)
{
	OM_uint32 more = 0, ignored;
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	int type = minor ? GSS_C_MECH_CODE : GSS_C_GSS_CODE;

	(void)gss_display_status(&ignored, minor ? minor : major, type, minor ? &oid_krb5 : GSS_C_NO_OID, &more, &text);
	(void)snprintf(k->base.detail, sizeof k->base.detail, "%.*s", (int)text.length, (const char *)text.value);
	(void)gss_release_buffer(&ignored, &text);
	return -EIO;
}

/* ---- service tickets ---- */

static int krb5_step(struct initiator *i, struct view token, struct view *ret_token)
{
	struct krb5_initiator *k = self(i);
	gss_buffer_desc in = { token.len, (void *)(uintptr_t)token.p };
	OM_uint32 major, minor, ignored;

	(void)gss_release_buffer(&ignored, &k->token);
	major = gss_init_sec_context(&minor, k->cred, &k->ctx, k->target, &oid_krb5, k->flags, 0,
				     GSS_C_NO_CHANNEL_BINDINGS, &in, NULL, &k->token, NULL, NULL);
	if (GSS_ERROR(major)) {
		(void)failed(k, major, minor);
		return -EACCES;
	}
	*ret_token = k->token.length ? (struct view){ k->token.value, k->token.length } : VIEW_NULL;
	return major == GSS_S_CONTINUE_NEEDED;
}

/* ---- user-to-user ---- */

static int send_tgt_req(struct krb5_initiator *k, struct view *ret_token)
{
	uint8_t request[256];
	size_t request_len, len;

	/* the unit tests have tickets for this name; an account's ticket, which a template has, is for every name */
	if (tgt_request_write("TERMSRV", "rdp.test.example", request, sizeof request, &request_len) < 0 ||
	    gss_frame_write(GSS_MECH_USER_TO_USER, USER_TO_USER_TGT_REQ, (struct view){ request, request_len },
			    k->framed, sizeof k->framed, &len) < 0)
		return initiator_fail(&k->base, -EACCES, "no TGT-REQ");
	*ret_token = (struct view){ k->framed, len };
	return 1;
}

static int send_ap_req(struct krb5_initiator *k, struct view token, struct view *ret_token)
{
	struct view framed, message, ticket, options;
	enum gss_mech mech;
	uint16_t id;
	size_t len;

	if (gss_unframe(token, GSS_MECH_USER_TO_USER, USER_TO_USER_TGT_REP, &message) < 0 ||
	    tgt_reply_read(message, &ticket) < 0 || ticket.len == 0)
		return initiator_fail(&k->base, -EACCES, "no TGT-REP");
	if (krb5_step(&k->base, VIEW_NULL, &framed) != 1)
		return -EACCES;
	if (gss_frame_read(framed, &mech, &id, &message) < 0 || id != USER_TO_USER_AP_REQ ||
	    gss_frame_write(GSS_MECH_USER_TO_USER, id, message, k->framed, sizeof k->framed, &len) < 0 ||
	    gss_frame_read((struct view){ k->framed, len }, &mech, &id, &message) < 0)
		return initiator_fail(&k->base, -EACCES, "no AP-REQ");
	options = ap_req_options(message);
	if (!options.p)
		return initiator_fail(&k->base, -EACCES, "no ap-options");
	k->framed[options.p - k->framed] |= AP_OPTION_USE_SESSION_KEY;
	*ret_token = (struct view){ k->framed, len };
	return 1;
}

static int take_ap_rep(struct krb5_initiator *k, struct view token, struct view *ret_token)
{
	struct view message;
	size_t len;

	if (gss_unframe(token, GSS_MECH_USER_TO_USER, USER_TO_USER_AP_REP, &message) < 0 ||
	    gss_frame_write(GSS_MECH_KRB5, USER_TO_USER_AP_REP, message, k->framed, sizeof k->framed, &len) < 0)
		return initiator_fail(&k->base, -EACCES, "no AP-REP");
	return krb5_step(&k->base, (struct view){ k->framed, len }, ret_token);
}

static int user_to_user_step(struct initiator *i, struct view token, struct view *ret_token)
{
	struct krb5_initiator *k = self(i);

	switch (k->round++) {
	case 0:
		return send_tgt_req(k, ret_token);
	case 1:
		return send_ap_req(k, token, ret_token);
	default:
		return take_ap_rep(k, token, ret_token);
	}
}

/* ---- messages ---- */

static int copy_out(struct krb5_initiator *k, OM_uint32 major, OM_uint32 minor, gss_buffer_t b, uint8_t *out,
		    size_t size, size_t *ret_len)
{
	OM_uint32 ignored;
	int r = 0;

	if (GSS_ERROR(major)) {
		r = failed(k, major, minor);
	} else if (b->length > size) {
		r = -ENOSPC;
	} else {
		memcpy(out, b->value, b->length);
		*ret_len = b->length;
	}
	(void)gss_release_buffer(&ignored, b);
	return r;
}

static int krb5_mic(struct initiator *i, struct view message, uint8_t *out, size_t size, size_t *ret_len)
{
	gss_buffer_desc in = { message.len, (void *)(uintptr_t)message.p }, mic = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor, major = gss_get_mic(&minor, self(i)->ctx, GSS_C_QOP_DEFAULT, &in, &mic);

	return copy_out(self(i), major, minor, &mic, out, size, ret_len);
}

static int krb5_verify_mic(struct initiator *i, struct view message, struct view mic)
{
	gss_buffer_desc in = { message.len, (void *)(uintptr_t)message.p };
	gss_buffer_desc token = { mic.len, (void *)(uintptr_t)mic.p };
	OM_uint32 minor;

	return gss_verify_mic(&minor, self(i)->ctx, &in, &token, NULL) == GSS_S_COMPLETE ? 0 : -EIO;
}

static int krb5_wrap(struct initiator *i, struct view in, uint8_t *out, size_t size, size_t *ret_len)
{
	gss_buffer_desc clear = { in.len, (void *)(uintptr_t)in.p }, token = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor, major = gss_wrap(&minor, self(i)->ctx, 1, GSS_C_QOP_DEFAULT, &clear, NULL, &token);

	return copy_out(self(i), major, minor, &token, out, size, ret_len);
}

static int krb5_unwrap(struct initiator *i, struct view in, uint8_t *out, size_t size, size_t *ret_len)
{
	gss_buffer_desc token = { in.len, (void *)(uintptr_t)in.p }, clear = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor, major = gss_unwrap(&minor, self(i)->ctx, &token, &clear, NULL, NULL);

	return copy_out(self(i), major, minor, &clear, out, size, ret_len);
}

static void set_flags(struct initiator *i, unsigned set, unsigned clear)
{
	self(i)->flags = (self(i)->flags | set) & ~clear;
}

/* ---- life ---- */

static void krb5_done(struct initiator *i)
{
	struct krb5_initiator *k = self(i);
	OM_uint32 minor;

	if (k->ctx)
		(void)gss_delete_sec_context(&minor, &k->ctx, GSS_C_NO_BUFFER);
	(void)gss_release_buffer(&minor, &k->token);
	(void)gss_release_name(&minor, &k->target);
	(void)gss_release_cred(&minor, &k->cred);
	if (k->ccache)
		(void)krb5_cc_destroy(k->krb5, k->ccache);
	if (k->krb5)
		krb5_free_context(k->krb5);
	free(k);
}

static const struct initiator_ops krb5_ops = {
	.step = krb5_step,
	.mic = krb5_mic,
	.verify_mic = krb5_verify_mic,
	.wrap = krb5_wrap,
	.unwrap = krb5_unwrap,
	.flags = set_flags,
	.free = krb5_done,
};

static const struct initiator_ops user_to_user_ops = {
	.step = user_to_user_step,
	.mic = krb5_mic,
	.verify_mic = krb5_verify_mic,
	.wrap = krb5_wrap,
	.unwrap = krb5_unwrap,
	.flags = set_flags,
	.free = krb5_done,
};

static struct krb5_initiator *make(enum gss_mech mech, bool spnego)
{
	struct krb5_initiator *k = calloc(1, sizeof *k);

	if (!k)
		return NULL;
	k->base.ops = mech == GSS_MECH_KRB5 ? &krb5_ops : &user_to_user_ops;
	k->base.mech = mech;
	k->flags = GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG | GSS_C_MUTUAL_FLAG;
	if (spnego)
		(void)initiator_offer(&k->base, &k->base.mech, 1);
	return k;
}

/*
 * The type of the acceptor's subkey is the first one in the client's list that krb5.conf permits, and this service
 * requires AES. By default libkrb5 lists what krb5.conf permits, possibly RC4 first. Windows lists AES first and RC4
 * last, as here: so a ticket with an RC4 session key is sent, and the acceptor refuses it.
 */
static OM_uint32 offer_aes_first(OM_uint32 *minor, struct krb5_initiator *k)
{
	krb5_enctype list[AES_ENCTYPES_MAX + 1];
	unsigned n = k->krb5 ? enctypes_permitted(k->krb5, list) : 0;

	list[n] = ENCTYPE_ARCFOUR_HMAC;
	return n ? gss_krb5_set_allowable_enctypes(minor, k->cred, n + 1, list) : GSS_S_COMPLETE;
}

static int acquire(struct krb5_initiator *k, const char *ccache, const char *server)
{
	gss_key_value_element_desc e = { "ccache", ccache };
	gss_key_value_set_desc store = { 1, &e };
	gss_OID_set_desc mechs = { 1, &oid_krb5 };
	gss_buffer_desc name = { strlen(server), (void *)(uintptr_t)server };
	OM_uint32 major, minor;

	major = gss_import_name(&minor, &name, (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME, &k->target);
	if (!GSS_ERROR(major))
		major = gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechs, GSS_C_INITIATE,
					      ccache ? &store : GSS_C_NO_CRED_STORE, &k->cred, NULL, NULL);
	if (!GSS_ERROR(major))
		major = offer_aes_first(&minor, k);
	return GSS_ERROR(major) ? failed(k, major, minor) : 0;
}

static int with_selfticket(struct krb5_initiator *k, const char *keytab_name)
{
	krb5_principal server = NULL;
	char *ccache = NULL, *name = NULL;
	krb5_error_code code;
	int r;

	code = krb5_init_context(&k->krb5);
	if (code == 0)
		code = selfticket_make(k->krb5, keytab_name, &k->ccache, &server);
	if (code == 0)
		code = krb5_cc_get_full_name(k->krb5, k->ccache, &ccache);
	if (code == 0)
		code = krb5_unparse_name(k->krb5, server, &name);
	if (code)
		(void)snprintf(k->base.detail, sizeof k->base.detail, "a ticket of our own: %s", error_message(code));
	r = code ? -EIO : acquire(k, ccache, name);
	if (k->krb5) {
		krb5_free_principal(k->krb5, server);
		krb5_free_string(k->krb5, ccache);
		krb5_free_unparsed_name(k->krb5, name);
	}
	return r;
}

int initiator_new_krb5(const char *keytab_name, bool spnego, struct initiator **ret_initiator)
{
	struct krb5_initiator *k = make(GSS_MECH_KRB5, spnego);

	return k ? initiator_made(&k->base, with_selfticket(k, keytab_name), ret_initiator) : -ENOMEM;
}

int initiator_new_user_to_user(const char *keytab_name, const enum gss_mech *mechs, size_t n_mechs,
			       struct initiator **ret_initiator)
{
	struct krb5_initiator *k = make(GSS_MECH_USER_TO_USER, false);

	if (!k)
		return -ENOMEM;
	if (initiator_offer(&k->base, mechs, n_mechs) < 0)
		return initiator_made(&k->base, initiator_fail(&k->base, -EIO, "too many mechanisms"), ret_initiator);
	return initiator_made(&k->base, with_selfticket(k, keytab_name), ret_initiator);
}

int initiator_new_krb5_ccache(const char *server, bool spnego, struct initiator **ret_initiator)
{
	struct krb5_initiator *k = make(GSS_MECH_KRB5, spnego);

	return k ? initiator_made(&k->base, acquire(k, NULL, server), ret_initiator) : -ENOMEM;
}
