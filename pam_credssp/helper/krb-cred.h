/* SPDX-License-Identifier: MIT */
/* A KRB-CRED before libkrb5 has it. */
#pragma once

#include <krb5.h>
#include <stdbool.h>

#include "pam_credssp/helper/mode.h"

/*
 * Whether @der is a KRB-CRED, unencrypted or under @key, with one ticket, one description of a ticket, and in it a key
 * and the names of client and server: libkrb5 1.20 follows NULL pointers where one of them is missing. HELPER_SUCCESS
 * fills @ret_sealed (it is encrypted); otherwise it is HELPER_TICKET, with a line for the log in @result.
 */
unsigned krb_cred_check(krb5_context k, const krb5_keyblock *key, const krb5_data *der, bool *ret_sealed,
			struct helper_result *result);
