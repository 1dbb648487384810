/* SPDX-License-Identifier: MIT */
/* What initiator.c and initiator-u2u.c share. */
#pragma once

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>

#include "credsspd/auth/initiator.h"

#define INITIATOR_DETAIL_SIZE 200

struct u2u_client;

struct initiator {
	gss_OID mech, inner;
	gss_cred_id_t cred;
	gss_name_t target;
	gss_ctx_id_t ctx;
	gss_buffer_desc token;
	OM_uint32 flags;
	krb5_context krb5;
	krb5_ccache ccache;
	struct u2u_client *u2u; /* its exchange of tokens is user-to-user's; free() */
	char detail[INITIATOR_DETAIL_SIZE];
};

/* As initiator_step(), with GSSAPI's own tokens. */
int initiator_gss(struct initiator *i, struct view token, struct view *ret_token);

/* NULL when there is no memory. */
struct u2u_client *u2u_client_new(const enum gss_mech *mechs, size_t n_mechs);
int u2u_client_step(struct initiator *i, struct view token, struct view *ret_token);
