/* SPDX-License-Identifier: MIT */
/*
 * The two tickets of a remote guard client, as far as they can be judged without the KDC. Every function returns an
 * enum helper_status, with a line for the log in @result, and its results only with HELPER_SUCCESS unless it says
 * otherwise.
 */
#pragma once

#include <krb5.h>
#include <stdbool.h>

#include "pam_credssp/helper/krb-cred.h"
#include "pam_credssp/helper/mode.h"

struct guard_tickets {
	krb5_principal service;    /* host/... of this host, as the service ticket says */
	krb5_keyblock session_key; /* of the service ticket */
	krb5_creds *tgt;           /* krbtgt of the client's realm, with the session key that came with it */
	int64_t since;             /* when the service ticket began */
	struct krb_cred_made made; /* the KRB-CRED */
};

/*
 * Copies the keys of @from that guard_read_service_ticket() would try to @to, an empty keytab in memory: for a process
 * that gives up the right to read @from. Returns 0, also without any key, or the reason why @from cannot be read.
 */
krb5_error_code guard_copy_keys(krb5_context k, krb5_keytab from, krb5_keytab to);

/*
 * The service ticket: for this host, encrypted in one of its AES keys, valid now, and @client's. Fills service and
 * session_key of @ret_. Only entries host/... of @keytab are tried (in any spelling): the keys of other services prove
 * nothing here.
 */
unsigned guard_read_service_ticket(krb5_context k, krb5_keytab keytab, krb5_const_principal client,
				   struct handover_field ticket, struct guard_tickets *ret_,
				   struct helper_result *result);

/*
 * The KRB-CRED, unencrypted or under session_key of @tickets: one ticket-granting ticket that says it is @client's, for
 * the realm of @client, and has not expired. Fills tgt and made, also with HELPER_OPAQUE: then everything is as it
 * should be (guard_opaque()), but the session key cannot be used here.
 */
unsigned guard_read_krb_cred(krb5_context k, krb5_const_principal client, struct handover_field krb_cred,
			     struct guard_tickets *tickets, struct helper_result *result);

/*
 * The status for a ticket-granting ticket whose session key cannot be used here. HELPER_OPAQUE when the KRB-CRED proves
 * that its maker knows the session key of the service ticket, now: it is encrypted under that key, and it says that it
 * was made in the last HELPER_CLOCK_SKEW_SEC seconds or, where it does not say when, the service ticket began in that
 * time. Everybody on the network sees service tickets. Otherwise HELPER_TICKET; text and @result of HELPER_OPAQUE are
 * the caller's.
 */
unsigned guard_opaque(const struct guard_tickets *tickets, struct helper_result *result);

/* Frees the parts of @tickets and leaves it empty. */
void guard_tickets_done(krb5_context k, struct guard_tickets *tickets);
