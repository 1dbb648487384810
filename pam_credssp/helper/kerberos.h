/* SPDX-License-Identifier: MIT */
/* libkrb5 for the modes: errors as statuses, the proof of a ticket. */
#pragma once

#include <krb5.h>

#include "pam_credssp/helper/mode.h"

/* The status that @code is, with libkrb5's text in @result. Codes without a row are @otherwise. */
unsigned kerberos_status(krb5_context k, krb5_error_code code, unsigned otherwise, struct helper_result *result);

/* "@what: libkrb5's text" as the line of @status, which is returned. */
unsigned kerberos_say(krb5_context k, struct helper_result *result, unsigned status, const char *what,
		      krb5_error_code code);

/*
 * Verifies @creds, a TGT, with the host's keytab: without this a false KDC could log any user on. Returns
 * HELPER_SUCCESS or the reason.
 */
unsigned kerberos_verify(krb5_context k, krb5_creds *creds, struct helper_result *result);
