/* SPDX-License-Identifier: MIT */
/*
 * RFC 4121 and, for user-to-user, draft-swift-win2k-krb-user2user-03 and MS-KILE:
 *
 *   service ticket      > AP-REQ                           < AP-REP
 *   user-to-user        > TGT-REQ                          < TGT-REP with a ticket of this server
 *                       > AP-REQ under that ticket's key   < AP-REP
 *
 * MIT's acceptor accepts the AP-REQ of user-to-user as an ordinary one: libkrb5 tries every key of the keytab and does
 * not check USE_SESSION_KEY. This file checks it. So user-to-user differs in its framing, its keytab and one more
 * round. Windows' servers and clients always exchange SPNEGO's mechListMICs after it.
 *
 * There is no replay cache ("none:") on purpose: it would need a writable file and a lock shared by all workers. A
 * fresh acceptor subkey protects instead: the client must ask for MUTUAL, so MIT's library makes that subkey, and MIC,
 * pubKeyAuth and authInfo must be made with it (krb5_mic_guard, krb5_wrap_guard). A recorded exchange fails there. An
 * AP-REQ alone proves nothing: the account is looked up only after pubKeyAuth was verified.
 */
#include "credsspd/mech/kerberos.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/wire/gsstoken.h"
#include "common/wire/krb5-guard.h"
#include "common/wire/logoninfo.h"
#include "common/wire/usertouser.h"

#define FRAME_ROOM 64U /* 0x60, length, mechanism, TOK_ID */

struct kerberos {
	struct mech mech;
	struct kerberos_credential *credential;
	bool user_to_user;
	bool shown; /* the client has the ticket-granting ticket of this server */
	bool no_tgt;
	char asked[RECORD_PRINCIPAL_MAX]; /* the name in the TGT-REQ */
	gss_ctx_id_t ctx;
	gss_name_t client;
};

static struct kerberos *self(struct mech *m)
{
	return (struct kerberos *)m;
}

static enum mech_result refuse(struct kerberos *k, enum refusal refusal, const char *detail)
{
	return mech_refuse(&k->mech.reply, refusal, detail);
}

static enum mech_result refuse_status(struct kerberos *k, enum refusal refusal, OM_uint32 major, OM_uint32 minor)
{
	kerberos_status_text(k->mech.reply.detail, sizeof k->mech.reply.detail, major, minor);
	return refuse(k, refusal, NULL);
}

static int give_framed(struct kerberos *k, enum gss_mech mech, uint16_t id, struct view message)
{
	size_t room = message.len + FRAME_ROOM, len;
	AUTO_FREE uint8_t *framed = malloc(room);

	if (!framed || gss_frame_write(mech, id, message, framed, room, &len) < 0)
		return -ENOMEM;
	return mech_give(&k->mech.reply, (struct view){ framed, len });
}

/* ---- TGT-REQ ---- */

static enum mech_result show_tgt(struct kerberos *k, struct view message)
{
	static uint8_t reply[TGT_MAX + FRAME_ROOM]; /* too large for the stack */
	struct tgt_request request;
	struct view ticket;
	size_t len;

	if (k->shown || tgt_request_read(message, &request) < 0)
		return refuse(k, REFUSAL_PROTOCOL, k->shown ? "a second TGT-REQ" : "malformed TGT-REQ");
	(void)snprintf(k->asked, sizeof k->asked, "%s", request.server);
	ticket = kerberos_credential_tgt(k->credential, request.server);
	if (!ticket.p) {
		k->no_tgt = true;
		(void)refuse(k, REFUSAL_MECHANISM, "user-to-user, and this server has no valid TGT");
		return MECH_UNAVAILABLE;
	}
	if (tgt_reply_write(ticket, reply, sizeof reply, &len) < 0 ||
	    give_framed(k, GSS_MECH_USER_TO_USER, USER_TO_USER_TGT_REP, (struct view){ reply, len }) < 0)
		return refuse(k, REFUSAL_INTERNAL, "no TGT-REP");
	k->shown = true;
	return MECH_CONTINUE;
}

/* ---- AP-REQ ---- */

/* The client is authenticated only when its context has these services. */
static enum mech_result check_context(struct kerberos *k, OM_uint32 flags)
{
	if ((flags & GSS_C_ANON_FLAG) || !(flags & GSS_C_CONF_FLAG) || !(flags & GSS_C_INTEG_FLAG))
		return refuse(k, REFUSAL_BAD_CREDENTIALS, "the context has no confidentiality and integrity");
	if (!(flags & GSS_C_MUTUAL_FLAG))
		return refuse(k, REFUSAL_REPLAY, "the client did not ask for mutual authentication");
	return MECH_COMPLETE;
}

static enum mech_result check_options(struct kerberos *k, struct view ap_req)
{
	struct view options = ap_req_options(ap_req);

	if (!options.p)
		return refuse(k, REFUSAL_PROTOCOL, "malformed AP-REQ");
	if (!k->shown || !(options.p[0] & AP_OPTION_USE_SESSION_KEY))
		return refuse(k, REFUSAL_PROTOCOL,
			      k->shown ? "user-to-user without USE_SESSION_KEY" : "an AP-REQ without a TGT-REQ");
	if (!(options.p[0] & AP_OPTION_MUTUAL_REQUIRED)) /* else there is no AP-REP to answer with */
		return refuse(k, REFUSAL_REPLAY, "the client did not ask for mutual authentication");
	return MECH_COMPLETE;
}

/* Sends the AP-REP, in the framing of the client's mechanism. */
static int give_ap_rep(struct kerberos *k, enum gss_mech mech, gss_buffer_t token)
{
	struct view message;
	enum gss_mech ignored;
	uint16_t id;

	if (gss_frame_read((struct view){ token->value, token->length }, &ignored, &id, &message) < 0 ||
	    id != USER_TO_USER_AP_REP)
		return -EIO;
	return give_framed(k, mech, id, message);
}

static enum mech_result accept_ap_req(struct kerberos *k, enum gss_mech mech, struct view message)
{
	size_t room = message.len + FRAME_ROOM, len;
	AUTO_FREE uint8_t *framed = malloc(room);
	gss_buffer_desc in = { .value = framed }, out = GSS_C_EMPTY_BUFFER;
	OM_uint32 major, minor, flags = 0, ignored;
	enum mech_result result;

	if (!framed || gss_frame_write(GSS_MECH_KRB5, USER_TO_USER_AP_REQ, message, framed, room, &len) < 0)
		return refuse(k, REFUSAL_INTERNAL, "out of memory");
	in.length = len;
	/* no client of CredSSP uses channel bindings */
	major = gss_accept_sec_context(&minor, &k->ctx, kerberos_credential_gss(k->credential, k->user_to_user), &in,
				       GSS_C_NO_CHANNEL_BINDINGS, &k->client, NULL, &out, &flags, NULL, NULL);
	if (GSS_ERROR(major))
		result = refuse_status(k, REFUSAL_BAD_CREDENTIALS, major, minor);
	else if (major != GSS_S_COMPLETE || (flags & GSS_C_DCE_STYLE)) /* DCE style needs a third message */
		result = refuse(k, REFUSAL_PROTOCOL, "DCE style");
	else
		result = check_context(k, flags);
	if (result == MECH_COMPLETE && give_ap_rep(k, mech, &out) < 0)
		result = refuse(k, REFUSAL_INTERNAL, "no AP-REP");
	(void)gss_release_buffer(&ignored, &out);
	return result;
}

/* Returns whether a token that is framed with @mech is for this form of Kerberos. */
static bool is_own(const struct kerberos *k, enum gss_mech mech)
{
	return k->user_to_user ? mech == GSS_MECH_USER_TO_USER : mech == GSS_MECH_KRB5 || mech == GSS_MECH_MS_KRB5;
}

static enum mech_result kerberos_accept(struct mech *m, struct view token)
{
	struct kerberos *k = self(m);
	enum gss_mech mech;
	enum mech_result result = MECH_COMPLETE;
	struct view message;
	uint16_t id;

	enum refusal refusal = k->user_to_user ? REFUSAL_PROTOCOL : REFUSAL_BAD_CREDENTIALS;

	mech_drop_token(&m->reply);
	if (k->ctx || gss_frame_read(token, &mech, &id, &message) < 0 || !is_own(k, mech))
		return refuse(k, refusal, "not the Kerberos token that is expected");
	if (k->user_to_user && id == USER_TO_USER_TGT_REQ)
		return show_tgt(k, message);
	if (id != USER_TO_USER_AP_REQ)
		return refuse(k, refusal, "no AP-REQ");
	if (k->user_to_user)
		result = check_options(k, message);
	return result == MECH_COMPLETE ? accept_ap_req(k, mech, message) : result;
}

/* ---- messages ---- */

static int kerberos_mic(struct mech *m, struct view message, uint8_t *out, size_t size, size_t *ret_len)
{
	gss_buffer_desc in = { message.len, (void *)(uintptr_t)message.p }, mic = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor, ignored;
	int r = -EIO;

	if (gss_get_mic(&minor, self(m)->ctx, GSS_C_QOP_DEFAULT, &in, &mic) == GSS_S_COMPLETE && mic.length <= size) {
		memcpy(out, mic.value, mic.length);
		*ret_len = mic.length;
		r = 0;
	}
	(void)gss_release_buffer(&ignored, &mic);
	return r;
}

static int kerberos_verify_mic(struct mech *m, struct view message, struct view mic)
{
	gss_buffer_desc in = { message.len, (void *)(uintptr_t)message.p };
	gss_buffer_desc token = { mic.len, (void *)(uintptr_t)mic.p };
	OM_uint32 major, minor;

	if (krb5_mic_guard(mic) < 0) {
		(void)refuse(self(m), REFUSAL_REPLAY, "a mechListMIC that is not made with the acceptor's subkey");
		return -EBADMSG;
	}
	major = gss_verify_mic(&minor, self(m)->ctx, &in, &token, NULL);
	if (major == GSS_S_COMPLETE)
		return 0;
	(void)refuse_status(self(m), REFUSAL_REPLAY, major, minor);
	return -EBADMSG;
}

static int kerberos_unwrap(struct mech *m, uint8_t *token, size_t len, struct secret *ret_)
{
	struct kerberos *k = self(m);
	gss_buffer_desc in = { len, token }, out = GSS_C_EMPTY_BUFFER;
	OM_uint32 major, minor, ignored;
	int sealed = 0, r = -EBADMSG;

	if (krb5_wrap_guard((struct view){ token, len }) < 0) {
		(void)refuse(k, REFUSAL_REPLAY, "a message that is not sealed (encrypted and signed) as RFC 4121 says");
		return r;
	}
	major = gss_unwrap(&minor, k->ctx, &in, &out, &sealed, NULL);
	if (major != GSS_S_COMPLETE || !sealed) /* a message with the key of another exchange may be a replay */
		(void)refuse_status(k, REFUSAL_REPLAY, major, minor);
	else if (secret_init(ret_, out.length) < 0 || secret_append(ret_, out.value, out.length) < 0)
		(void)refuse(k, REFUSAL_INTERNAL, "out of memory");
	else
		r = 0;
	secret_wipe(out.value, out.length);
	(void)gss_release_buffer(&ignored, &out);
	return r;
}

static int kerberos_wrap(struct mech *m, struct view in, uint8_t *out, size_t size, size_t *ret_len)
{
	struct kerberos *k = self(m);
	gss_iov_buffer_desc iov[2] = { { .type = GSS_IOV_BUFFER_TYPE_HEADER | GSS_IOV_BUFFER_FLAG_ALLOCATE },
				       { .type = GSS_IOV_BUFFER_TYPE_DATA } };
	OM_uint32 major, minor, ignored;
	size_t header;
	int sealed = 0, r = -EIO;

	/* the data is encrypted in place, and moved after the header when the length of that is known */
	if (in.len > size)
		return -ENOSPC;
	memcpy(out, in.p, in.len);
	iov[1].buffer = (gss_buffer_desc){ in.len, out };
	/* without a trailer RRC covers confounder and checksum, the only form that FreeRDP accepts */
	major = gss_wrap_iov(&minor, k->ctx, 1, GSS_C_QOP_DEFAULT, &sealed, iov, 2);
	header = iov[0].buffer.length;
	if (GSS_ERROR(major) || !sealed) {
		kerberos_status_text(m->reply.detail, sizeof m->reply.detail, major, minor);
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

static int kerberos_name(struct mech *m, char *out, size_t size, size_t *ret_len)
{
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor;
	int r = -EINVAL;

	if (self(m)->client && !GSS_ERROR(gss_display_name(&minor, self(m)->client, &text, NULL)) &&
	    text.length <= size) {
		memcpy(out, text.value, text.length);
		*ret_len = text.length;
		r = 0;
	}
	(void)gss_release_buffer(&minor, &text);
	return r;
}

/* ---- Active Directory ---- */

/* Returns true also when libkrb5 cannot list the attributes: then read_attribute() decides. */
static bool may_have_attribute(gss_name_t client, const char *attribute)
{
	gss_buffer_set_t list = GSS_C_NO_BUFFER_SET;
	OM_uint32 major, minor, ignored;
	bool found;
	int is_mn;

	major = gss_inquire_name(&minor, client, &is_mn, NULL, &list);
	found = major != GSS_S_COMPLETE;
	for (size_t i = 0; list && i < list->count && !found; i++)
		found = list->elements[i].length == strlen(attribute) &&
			memcmp(list->elements[i].value, attribute, list->elements[i].length) == 0;
	(void)gss_release_buffer_set(&ignored, &list);
	return found;
}

/*
 * Reads an attribute of the client's name that the ticket authenticates. Returns 0, -ENOENT without it, or -EACCES for
 * an attribute of a PAC that libkrb5 could not verify: libkrb5 lists it but does not return it.
 */
static int read_attribute(gss_name_t client, const char *attribute, gss_buffer_t ret_value)
{
	gss_buffer_desc name = { strlen(attribute), (void *)(uintptr_t)attribute }, display = GSS_C_EMPTY_BUFFER;
	int authenticated = 0, complete = 0, more = -1;
	OM_uint32 major, minor, ignored;

	if (!may_have_attribute(client, attribute))
		return -ENOENT;
	major = gss_get_name_attribute(&minor, client, &name, &authenticated, &complete, ret_value, &display, &more);
	(void)gss_release_buffer(&ignored, &display);
	return major == GSS_S_COMPLETE && authenticated ? 0 : -EACCES;
}

/*
 * Reads the account that the PAC of the ticket names. Returns 0; -ENOENT without logon information, which MIT's KDC
 * leaves out of its PACs; -EBADMSG when it is malformed; -EACCES when libkrb5 could not verify that a KDC signed the
 * PAC for this host. An unverified PAC must not be ignored: the ticket would then stand for the account with the
 * principal's name.
 */
static int read_logon_info(const struct kerberos *k, char account[RECORD_NAME_MAX])
{
	gss_buffer_desc pac = GSS_C_EMPTY_BUFFER, info = GSS_C_EMPTY_BUFFER;
	OM_uint32 ignored;
	int r = read_attribute(k->client, "urn:mspac:", &pac);

	if (r == 0)
		r = read_attribute(k->client, "urn:mspac:logon-info", &info);
	if (r == 0)
		r = logon_info_account((struct view){ info.value, info.length }, account);
	(void)gss_release_buffer(&ignored, &pac);
	(void)gss_release_buffer(&ignored, &info);
	return r;
}

/* A KDC may leave the PAC out (account with NO_AUTH_DATA_REQUIRED, old servers): then the realm decides. */
int kerberos_account(struct mech *m, bool *ret_from_domain, char ret_[RECORD_NAME_MAX])
{
	const struct kerberos *k = self(m);
	char principal[RECORD_PRINCIPAL_MAX] = "", account[RECORD_NAME_MAX] = "";
	const char *realm;
	size_t len;
	int r = k->client ? read_logon_info(k, account) : -EBADMSG;

	if (r < 0 && r != -ENOENT)
		return r;
	if (kerberos_name(m, principal, sizeof principal - 1, &len) < 0)
		return -EBADMSG;
	realm = strrchr(principal, '@');
	*ret_from_domain = r == 0 || (realm && kerberos_credential_is_member(k->credential, realm + 1));
	memcpy(ret_, account, sizeof account);
	return 0;
}

/* ---- life ---- */

static void kerberos_reset(struct mech *m)
{
	struct kerberos *k = self(m);
	OM_uint32 minor;

	if (k->ctx)
		(void)gss_delete_sec_context(&minor, &k->ctx, GSS_C_NO_BUFFER);
	(void)gss_release_name(&minor, &k->client);
	mech_reply_reset(&m->reply);
	k->shown = k->no_tgt = false;
	k->asked[0] = '\0';
}

static void kerberos_free(struct mech *m)
{
	kerberos_reset(m);
	free(m);
}

static const struct mech_ops ops = {
	.accept = kerberos_accept,
	.mic = kerberos_mic,
	.verify_mic = kerberos_verify_mic,
	.wrap = kerberos_wrap,
	.unwrap = kerberos_unwrap,
	.name = kerberos_name,
	.reset = kerberos_reset,
	.free = kerberos_free,
};

struct mech *kerberos_new(struct kerberos_credential *c, bool user_to_user)
{
	struct kerberos *k = calloc(1, sizeof *k);

	if (!k)
		return NULL;
	k->mech = (struct mech){ .ops = &ops, .always_mic = user_to_user };
	k->credential = c;
	k->user_to_user = user_to_user;
	return &k->mech;
}

const char *kerberos_asked(const struct mech *m)
{
	return ((const struct kerberos *)m)->asked;
}

bool kerberos_no_tgt(const struct mech *m)
{
	return ((const struct kerberos *)m)->no_tgt;
}
