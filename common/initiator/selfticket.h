/* SPDX-License-Identifier: MIT */
/* Makes a service ticket without a KDC, with a key of this server's keytab, for the self-test at start. */
#pragma once

#include <krb5/krb5.h>

/*
 * Makes a ticket for the principal of the first entry in @keytab_name, with the client "self-test" of the same
 * realm, and puts it into a new MEMORY credential cache, which is the caller's to destroy.
 * Returns 0 or an error of libkrb5.
 */
krb5_error_code selfticket_make(krb5_context k, const char *keytab_name, krb5_ccache *ret_ccache,
				krb5_principal *ret_server);
