/* SPDX-License-Identifier: MIT */
/* A KRB-CRED before libkrb5 has it. */
#pragma once

#include <krb5.h>
#include <stdbool.h>
#include <stdint.h>

#include "pam_credssp/helper/mode.h"

/* What is said of the KRB-CRED itself. */
struct krb_cred_made {
	bool sealed; /* it is encrypted, so its maker knew the key */
	int64_t at;  /* seconds since the epoch, or 0: it does not say when */
};

/*
 * Whether @der is a KRB-CRED, unencrypted or under @key, with one ticket, one description of a ticket, and in it a key
 * and the names of client and server: libkrb5 1.20 follows NULL pointers where one of them is missing. HELPER_SUCCESS
 * fills @ret_made; otherwise it is HELPER_TICKET, with a line for the log in @result.
 */
unsigned krb_cred_check(krb5_context k, const krb5_keyblock *key, const krb5_data *der, struct krb_cred_made *ret_made,
			struct helper_result *result);
