/* SPDX-License-Identifier: MIT */
/*
 * Reads and checks the two tickets of a remote guard client, as far as that is possible without the KDC. The functions
 * return an enum helper_status, with a line for the log in @result. Other results are set with HELPER_SUCCESS only,
 * unless the function's comment says otherwise.
 */
#pragma once

#include <krb5.h>
#include <stdbool.h>

#include "pam_credssp/helper/krb-cred.h"
#include "pam_credssp/helper/mode.h"

struct guard_tickets {
	krb5_principal service;    /* host/... of this host, as the service ticket says */
	krb5_keyblock session_key; /* of the service ticket */
	krb5_creds *tgt;           /* krbtgt of the client's realm, with its session key */
	int64_t since;             /* when the service ticket began */
	struct krb_cred_made made; /* the KRB-CRED */
};

/*
 * Copies the keys of @from that guard_read_service_ticket() would try to @to, an empty keytab in memory: for a process
 * that gives up the right to read @from. Returns 0, also without any key, or libkrb5's error when @from cannot be read.
 */
krb5_error_code guard_copy_keys(krb5_context k, krb5_keytab from, krb5_keytab to);

/*
 * Checks the service ticket: it must be for this host, encrypted with one of its AES keys, valid now, and @client's.
 * Fills service and session_key of @ret_. Only entries host/... of @keytab are tried (case is ignored): keys of other
 * services prove nothing here.
 */
unsigned guard_read_service_ticket(krb5_context k, krb5_keytab keytab, krb5_const_principal client,
				   struct handover_field ticket, struct guard_tickets *ret_,
				   struct helper_result *result);

/*
 * Reads the KRB-CRED, unencrypted or encrypted with session_key of @tickets. It must have one ticket-granting ticket,
 * described as @client's, for the realm of @client, not expired. Fills tgt and made, also with HELPER_OPAQUE: then all
 * checks have passed, but the session key cannot be used here (guard_opaque()).
 */
unsigned guard_read_krb_cred(krb5_context k, krb5_const_principal client, struct handover_field krb_cred,
			     struct guard_tickets *tickets, struct helper_result *result);

/*
 * Returns the status for a ticket-granting ticket with a session key that cannot be used here. A service ticket alone
 * proves nothing, because it can be seen on the network. HELPER_OPAQUE when the KRB-CRED proves that its sender has the
 * session key of the service ticket now: it is encrypted with that key, and was made in the last HELPER_CLOCK_SKEW_SEC
 * seconds or, without a time in it, the service ticket began in that time. Otherwise HELPER_TICKET. With HELPER_OPAQUE
 * the caller sets @result.
 */
unsigned guard_opaque(const struct guard_tickets *tickets, struct helper_result *result);

/* Frees the parts of @tickets and leaves it empty. */
void guard_tickets_done(krb5_context k, struct guard_tickets *tickets);
