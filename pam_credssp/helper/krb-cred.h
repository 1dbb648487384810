/* SPDX-License-Identifier: MIT */
/* Checks a KRB-CRED before libkrb5 reads it. */
#pragma once

#include <krb5.h>
#include <stdbool.h>
#include <stdint.h>

#include "pam_credssp/helper/mode.h"

/* How and when the KRB-CRED was made. */
struct krb_cred_made {
	bool sealed; /* it is encrypted, so its maker knew the key */
	int64_t at;  /* seconds since the epoch; 0: unknown */
};

/*
 * Checks that @der is a KRB-CRED, unencrypted or encrypted with @key, with one ticket and one description of it that
 * has a key and the names of client and server: libkrb5 1.20 follows NULL pointers when one of them is missing. Returns
 * HELPER_SUCCESS and fills @ret_made, or HELPER_TICKET with a line for the log in @result.
 */
unsigned krb_cred_check(krb5_context k, const krb5_keyblock *key, const krb5_data *der, struct krb_cred_made *ret_made,
			struct helper_result *result);
