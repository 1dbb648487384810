/* SPDX-License-Identifier: MIT */
/* Functions over libkrb5 for the modes: statuses for errors, and the verification of a ticket. */
#pragma once

#include <krb5.h>

#include "pam_credssp/helper/mode.h"

/* Returns the status for @code, or @otherwise for a code without a row, with libkrb5's text in @result. */
unsigned kerberos_status(krb5_context k, krb5_error_code code, unsigned otherwise, struct helper_result *result);

/* Writes "@what: libkrb5's text" to @result and returns @status. */
unsigned kerberos_say(krb5_context k, struct helper_result *result, unsigned status, const char *what,
		      krb5_error_code code);

/*
 * Verifies @creds, a TGT, with the host's keytab: otherwise a false KDC could log any user on. Returns
 * HELPER_SUCCESS or the reason.
 */
unsigned kerberos_verify(krb5_context k, krb5_creds *creds, struct helper_result *result);
