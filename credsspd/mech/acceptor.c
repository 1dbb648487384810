/* SPDX-License-Identifier: MIT */
/* Chooses the mechanism for a first token, and applies the rules that hold for every mechanism. */
#include "credsspd/mech/acceptor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/ntlm-names.h"
#include "common/wire/utf16.h"
#include "credsspd/mech/kerberos.h"
#include "credsspd/mech/ntlm.h"
#include "credsspd/mech/spnego.h"

struct acceptor {
	enum mechanism mechanism;
	struct kerberos_credential *kerberos; /* NULL in the ntlm template */
	struct spnego_offer offer;
	struct spnego spnego;
	struct mech *mech;         /* of the context; NULL before the first token */
	struct mech_reply *speaks; /* the reply with the token for the client: SPNEGO's or the raw mechanism's */
	bool complete;
	struct mech_reply own; /* a refusal by the rules here */
};

static enum acceptor_result refuse(struct acceptor *a, enum refusal refusal, const char *detail)
{
	(void)mech_refuse(&a->own, refusal, detail);
	return ACCEPTOR_REFUSED;
}

/* ---- life ---- */

static int make_kerberos(struct acceptor *a, const struct acceptor_options *o, char **ret_error)
{
	const struct kerberos_credential_options options = { o->keytab, o->service_ticket, o->user_to_user };
	int r = kerberos_credential_environment();

	if (r == 0)
		r = kerberos_credential_new(&options, &a->kerberos, ret_error);
	if (r < 0)
		return r;
	a->offer.krb5 = o->service_ticket ? kerberos_new(a->kerberos, false) : NULL;
	a->offer.user_to_user = o->user_to_user ? kerberos_new(a->kerberos, true) : NULL;
	if ((o->service_ticket && !a->offer.krb5) || (o->user_to_user && !a->offer.user_to_user))
		return -ENOMEM;
	return 0;
}

static int make_ntlm(struct acceptor *a, const struct acceptor_options *o, char **ret_error)
{
	struct ntlm_names names;
	int r = ntlm_host_names(o->nb_domain, &names);

	return r < 0 ? r : ntlm_new(&names, o->nb_domain != NULL, &a->offer.ntlm, ret_error);
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
	r = mechanism == MECHANISM_KRB5 ? make_kerberos(a, options, ret_error) : make_ntlm(a, options, ret_error);
	if (r < 0) {
		acceptor_free(a);
		return r;
	}
	acceptor_reset(a);
	*ret_acceptor = a;
	return 0;
}

static void reset_mech(struct mech *m)
{
	if (m)
		m->ops->reset(m);
}

static void free_mech(struct mech *m)
{
	if (m)
		m->ops->free(m);
}

void acceptor_reset(struct acceptor *a)
{
	reset_mech(a->offer.krb5);
	reset_mech(a->offer.user_to_user);
	reset_mech(a->offer.ntlm);
	spnego_reset(&a->spnego);
	mech_reply_reset(&a->own);
	a->mech = NULL;
	a->speaks = NULL;
	a->complete = false;
	a->offer.krb5_elsewhere = a->mechanism == MECHANISM_NTLM;
	a->offer.ntlm_elsewhere = a->mechanism == MECHANISM_KRB5;
}

void acceptor_free(struct acceptor *a)
{
	if (!a)
		return;
	acceptor_reset(a);
	free_mech(a->offer.krb5);
	free_mech(a->offer.user_to_user);
	free_mech(a->offer.ntlm);
	kerberos_credential_free(a->kerberos);
	free(a);
}

/* ---- for the template ---- */

int acceptor_add_tgt(struct acceptor *a, const struct keeper_tgt *tgt)
{
	return a->kerberos ? kerberos_credential_add_tgt(a->kerberos, tgt) : -EINVAL;
}

int acceptor_set_names(struct acceptor *a, const struct keeper_names *names)
{
	return a->kerberos ? kerberos_credential_set_names(a->kerberos, names) : -EINVAL;
}

bool acceptor_serves(const struct acceptor *a, enum acceptor_form form)
{
	return form == ACCEPTOR_USER_TO_USER ? a->offer.user_to_user != NULL : a->offer.krb5 || a->offer.ntlm;
}

const char *acceptor_keytab(const struct acceptor *a, enum acceptor_form form)
{
	return a->kerberos ? kerberos_credential_keytab(a->kerberos, form == ACCEPTOR_USER_TO_USER) : NULL;
}

void acceptor_started(struct acceptor *a)
{
	if (a->kerberos)
		kerberos_credential_started(a->kerberos);
}

void acceptor_warm_up(struct acceptor *a)
{
	static const uint8_t broken_ap_req[] = { 0x60, 0x1b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12,
						 0x01, 0x02, 0x02, 0x01, 0x00, 0x6e, 0x0c, 0x30, 0x0a, 0xa0,
						 0x03, 0x02, 0x01, 0x05, 0xa1, 0x03, 0x02, 0x01, 0x0e };

	if (a->kerberos)
		kerberos_credential_fail(a->kerberos, (struct view){ broken_ap_req, sizeof broken_ap_req });
}

/* ---- tokens ---- */

void acceptor_attach_verifier(struct acceptor *a, int verifier)
{
	if (a->offer.ntlm)
		ntlm_attach(a->offer.ntlm, verifier);
}

void acceptor_set_last_resort(struct acceptor *a)
{
	a->offer.krb5_elsewhere = a->offer.ntlm_elsewhere = false;
}

/* Returns the mechanism for a first token without SPNEGO, or NULL. */
static struct mech *raw_mech(const struct acceptor *a, struct view token)
{
	switch (gss_token_kind(token)) {
	case GSS_TOKEN_NTLMSSP:
		return a->offer.ntlm;
	case GSS_TOKEN_KRB5:
		return a->offer.krb5;
	case GSS_TOKEN_USER_TO_USER: /* no client sends it without SPNEGO */
	case GSS_TOKEN_SPNEGO_INIT:
	case GSS_TOKEN_SPNEGO_RESP:
	case GSS_TOKEN_UNKNOWN:
		break;
	}
	return NULL;
}

static enum mech_result accept_spnego(struct acceptor *a, struct view token)
{
	enum mech_result result;

	a->speaks = &a->spnego.reply;
	result = spnego_accept(&a->spnego, &a->offer, token);
	a->mech = a->spnego.mech;
	return result;
}

static enum mech_result accept_raw(struct acceptor *a, struct view token)
{
	if (!a->mech)
		a->mech = raw_mech(a, token);
	if (!a->mech)
		return MECH_UNAVAILABLE;
	a->speaks = &a->mech->reply;
	return a->mech->ops->accept(a->mech, token);
}

enum acceptor_result acceptor_accept(struct acceptor *a, struct view token)
{
	bool spnego = a->speaks ? a->speaks == &a->spnego.reply : gss_token_kind(token) == GSS_TOKEN_SPNEGO_INIT;

	if (a->complete)
		return refuse(a, REFUSAL_PROTOCOL, "a token after the last one");
	switch (spnego ? accept_spnego(a, token) : accept_raw(a, token)) {
	case MECH_CONTINUE:
		return ACCEPTOR_CONTINUE;
	case MECH_COMPLETE:
		a->complete = true;
		return ACCEPTOR_COMPLETE;
	case MECH_UNAVAILABLE:
		return ACCEPTOR_FOREIGN;
	case MECH_REFUSED:
		break;
	}
	return refuse(a, a->speaks->refusal, a->speaks->detail);
}

struct view acceptor_token(const struct acceptor *a)
{
	return a->speaks ? mech_token(a->speaks) : VIEW_NULL;
}

void acceptor_token_sent(struct acceptor *a)
{
	if (a->speaks)
		mech_drop_token(a->speaks);
}

/* ---- the client's name ---- */

enum worker_no_tgt acceptor_no_tgt(const struct acceptor *a)
{
	if (a->offer.user_to_user && kerberos_no_tgt(a->offer.user_to_user))
		return WORKER_NO_TGT_LIVE;
	return a->spnego.user_to_user_off ? WORKER_NO_TGT_OFF : WORKER_NO_TGT_NONE;
}

const char *acceptor_asked(const struct acceptor *a)
{
	return a->offer.user_to_user ? kerberos_asked(a->offer.user_to_user) : "";
}

bool acceptor_user_to_user(const struct acceptor *a)
{
	return a->mech && a->mech == a->offer.user_to_user;
}

static bool is_clean(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((uint8_t)p[i] < 0x20 || p[i] == 0x7f)
			return false;
	return utf8_check((const uint8_t *)p, len) == 0;
}

int acceptor_principal(struct acceptor *a, char ret_[RECORD_PRINCIPAL_MAX])
{
	char name[RECORD_PRINCIPAL_MAX] = "";
	size_t len = 0;

	if (!a->complete || a->mech->ops->name(a->mech, name, sizeof name, &len) < 0 || len == 0 ||
	    len > PRINCIPAL_MAX || !is_clean(name, len)) {
		(void)refuse(a, a->complete ? REFUSAL_NAME : REFUSAL_INTERNAL, "the authenticated name");
		return -EINVAL;
	}
	memset(ret_, 0, RECORD_PRINCIPAL_MAX);
	memcpy(ret_, name, len);
	return 0;
}

int acceptor_account(struct acceptor *a, bool *ret_from_domain, char ret_[RECORD_NAME_MAX])
{
	char account[RECORD_NAME_MAX] = "";
	bool from_domain = false;
	int r = a->complete ? 0 : -EINVAL;

	if (r == 0 && a->mechanism == MECHANISM_KRB5)
		r = kerberos_account(a->mech, &from_domain, account);
	if (r < 0) {
		(void)refuse(a, r == -EINVAL ? REFUSAL_INTERNAL : REFUSAL_BAD_CREDENTIALS,
			     r == -EINVAL   ? "no context"
			     : r == -EACCES ? "the PAC of the ticket is not signed for this host"
					    : "the PAC of the ticket is malformed");
		return -EINVAL;
	}
	*ret_from_domain = from_domain;
	memcpy(ret_, account, sizeof account);
	return 0;
}

/* ---- messages ---- */

int acceptor_unwrap(struct acceptor *a, uint8_t *token, size_t len, struct secret *ret_)
{
	int r = -EBADMSG;

	if (!a->complete) {
		(void)refuse(a, REFUSAL_INTERNAL, "no context");
		return r;
	}
	r = a->mech->ops->unwrap(a->mech, token, len, ret_);
	if (r < 0)
		(void)refuse(a, a->mech->reply.refusal, a->mech->reply.detail);
	return r;
}

int acceptor_wrap(struct acceptor *a, struct view in, uint8_t *out, size_t size, size_t *ret_len)
{
	int r = a->complete ? a->mech->ops->wrap(a->mech, in, out, size, ret_len) : -EIO;

	if (r < 0)
		(void)refuse(a, REFUSAL_INTERNAL,
			     r == -ENOSPC ? "no room for the wrapped reply" : "the reply cannot be wrapped");
	return r;
}

enum refusal acceptor_refusal(const struct acceptor *a)
{
	return a->own.refusal != REFUSAL_NONE ? a->own.refusal : REFUSAL_INTERNAL;
}

const char *acceptor_detail(const struct acceptor *a)
{
	return a->own.detail;
}
