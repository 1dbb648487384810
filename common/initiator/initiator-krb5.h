/* SPDX-License-Identifier: MIT */
/* The struct of the Kerberos initiator, for tests that look at its context. */
#pragma once

#include <gssapi/gssapi_ext.h>
#include <krb5/krb5.h>

#include "common/initiator/initiator-private.h"

struct krb5_initiator {
	struct initiator base;
	gss_cred_id_t cred;
	gss_name_t target;
	gss_ctx_id_t ctx;
	gss_buffer_desc token;
	OM_uint32 flags;
	krb5_context krb5;
	krb5_ccache ccache;
	unsigned round; /* of user-to-user */
	uint8_t framed[INITIATOR_TOKEN_MAX];
};
