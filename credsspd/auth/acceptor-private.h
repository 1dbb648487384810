/* SPDX-License-Identifier: MIT */
/*
 * What the files of the acceptor share: acceptor-new.c makes it, acceptor.c holds contexts, acceptor-u2u.c those of
 * user-to-user.
 */
#pragma once

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5/krb5.h>

#include "credsspd/auth/acceptor.h"
#include "credsspd/auth/tgts.h"
#include "credsspd/wire/spnego.h"

enum u2u_state {
	U2U_OFF,    /* it is an ordinary context */
	U2U_AP_REQ, /* the client owes its ticket */
	U2U_MIC,    /* the client owes its mechListMIC */
};

struct acceptor {
	enum mechanism mechanism;
	krb5_context krb5; /* kept open: what it has loaded stays loaded for the workers */
	krb5_keytab keytab;
	gss_cred_id_t cred; /* none with user-to-user only */
	struct tgts *tgts;  /* NULL without user-to-user */
	gss_cred_id_t u2u_cred;
	gss_ctx_id_t ctx;
	gss_name_t client;
	gss_buffer_desc token;
	bool opened, complete;
	enum u2u_state u2u;
	bool no_tgt;
	char asked[RECORD_PRINCIPAL_MAX]; /* the name in the TGT-REQ */
	size_t mech_types_len;
	uint8_t mech_types[MECH_TYPES_MAX]; /* the client's, for the MICs */
	enum refusal refusal;
	char detail[WORKER_DETAIL_MAX];
};

extern gss_OID_desc acceptor_oid_spnego, acceptor_oid_krb5, acceptor_oid_ntlm;

static inline gss_OID acceptor_mech_oid(enum mechanism mechanism)
{
	return mechanism == MECHANISM_KRB5 ? &acceptor_oid_krb5 : &acceptor_oid_ntlm;
}

/* Notes why, and returns ACCEPTOR_REFUSED; without @detail the text that is there stays. */
enum acceptor_result acceptor_refuse(struct acceptor *a, enum refusal refusal, const char *detail);

/* The libraries' texts for a result. */
void acceptor_status_text(char *out, size_t size, OM_uint32 major, OM_uint32 minor, enum mechanism mechanism);

/* What a complete context must be able to do. ACCEPTOR_COMPLETE, or ACCEPTOR_REFUSED. */
enum acceptor_result acceptor_check_context(struct acceptor *a, gss_OID mech, OM_uint32 flags);

/* Gives @token to GSSAPI with @cred; the results are in @a. Returns its major status. */
OM_uint32 acceptor_gss(struct acceptor *a, gss_cred_id_t cred, struct view token, gss_OID *ret_mech,
		       OM_uint32 *ret_minor, OM_uint32 *ret_flags);

/* acceptor-u2u.c: whether @init begins a user-to-user exchange; its first token; the others. */
bool u2u_begins(const struct acceptor *a, const struct spnego_init *init);
/* ACCEPTOR_FOREIGN: there is no ticket for the name that is asked for. */
enum acceptor_result u2u_first(struct acceptor *a, const struct spnego_init *init);
enum acceptor_result u2u_next(struct acceptor *a, struct view token);
