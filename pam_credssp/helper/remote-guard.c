/* SPDX-License-Identifier: MIT */
/*
 * Mode `remote-guard`: the tickets that a client delegated instead of a password (MS-CSSP 2.2.1.2.3). The service
 * ticket proves the client to a process with the host's key. The ticket-granting ticket alone proves nothing. So the
 * KDC is asked with it for a ticket for this host; that ticket must decrypt with the host's key and name the client.
 * krb5_verify_init_creds() does the same, but its result does not distinguish an unreachable KDC from a forged ticket.
 *
 * The tickets are read as user nobody. Before that, root reads the keys into memory and opens the cache.
 */

#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/secret.h"
#include "pam_credssp/helper/guard-tickets.h"
#include "pam_credssp/helper/kerberos.h"
#include "pam_credssp/helper/principal-account.h"
#include "pam_credssp/helper/privileges.h"
#include "pam_credssp/helper/ticket-file.h"

struct guard {
	krb5_context k;
	krb5_principal client; /* the principal that GSSAPI proved */
	krb5_keytab keytab;    /* in memory */
	krb5_ccache scratch;
	struct guard_tickets tickets;
};

/* ---- the KDC ---- */

static unsigned status_of_kdc(krb5_error_code code)
{
	static const struct {
		krb5_error_code code;
		enum helper_status status;
	} row[] = {
		{ KRB5_KDC_UNREACH, HELPER_NO_KDC },
		{ KRB5_REALM_UNKNOWN, HELPER_NO_KDC },
		{ KRB5_REALM_CANT_RESOLVE, HELPER_NO_KDC },
		{ KRB5KRB_AP_ERR_TKT_EXPIRED, HELPER_EXPIRED },
		{ KRB5KDC_ERR_NEVER_VALID, HELPER_EXPIRED },
		{ KRB5KRB_AP_ERR_BAD_INTEGRITY, HELPER_TICKET },
		{ KRB5KRB_AP_ERR_MODIFIED, HELPER_TICKET },
		/* the ticket's client is not the client in the KRB-CRED */
		{ KRB5KRB_AP_ERR_BADMATCH, HELPER_OTHER_PRINCIPAL },
		{ KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN, HELPER_UNKNOWN_PRINCIPAL },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (row[i].code == code)
			return row[i].status;
	return HELPER_KDC_REFUSES;
}

static unsigned ask_kdc(struct guard *g, krb5_creds **ret_creds, struct helper_result *result)
{
	krb5_creds wanted = { .client = g->client, .server = g->tickets.service };
	krb5_error_code code = krb5_cc_new_unique(g->k, "MEMORY", NULL, &g->scratch);

	if (code == 0)
		code = krb5_cc_initialize(g->k, g->scratch, g->client);
	if (code == 0)
		code = krb5_cc_store_cred(g->k, g->scratch, g->tickets.tgt);
	if (code)
		return kerberos_say(g->k, result, HELPER_INTERNAL, "credentials cache", code);
	code = krb5_get_credentials(g->k, KRB5_GC_NO_STORE, g->scratch, &wanted, ret_creds);
	/* Windows' blob in place of the key may have the length of a key */
	if (code == KRB5KRB_AP_ERR_BAD_INTEGRITY && g->tickets.made.sealed) {
		unsigned status = guard_opaque(&g->tickets, result);

		return status == HELPER_OPAQUE ? kerberos_say(g->k, result, status, "KDC", code) : status;
	}
	return code ? kerberos_say(g->k, result, status_of_kdc(code), "KDC", code) : HELPER_SUCCESS;
}

/* ---- the host ---- */

/* Checks the KDC's ticket, by the rules for the client's service ticket. */
static unsigned verify(struct guard *g, const krb5_creds *got, struct helper_result *result)
{
	const struct handover_field der = { got->ticket.data, got->ticket.length };
	struct guard_tickets again = { .service = NULL };
	unsigned status = guard_read_service_ticket(g->k, g->keytab, g->client, der, &again, result);

	/* the session key in the ticket (under the host's key) must be that in the answer (under the TGT's session
	 * key) */
	if (status == HELPER_SUCCESS &&
	    (again.session_key.enctype != got->keyblock.enctype || again.session_key.length != got->keyblock.length ||
	     !secret_equal(again.session_key.contents, got->keyblock.contents, got->keyblock.length)))
		status =
		    helper_say(result, HELPER_NOT_VERIFIED, "the KDC's answer has another session key than its ticket");
	else if (status == HELPER_TICKET || status == HELPER_NO_HOST_KEY)
		status = HELPER_NOT_VERIFIED;
	guard_tickets_done(g->k, &again);
	return status;
}

static unsigned check_with_kdc(struct guard *g, struct helper_result *result)
{
	krb5_creds *got = NULL;
	unsigned status = ask_kdc(g, &got, result);

	if (status == HELPER_SUCCESS)
		status = verify(g, got, result);
	krb5_free_creds(g->k, got);
	return status;
}

/* ---- the mode ---- */

static unsigned read_keys(struct guard *g, struct helper_result *result)
{
	krb5_keytab keytab;
	krb5_error_code code = krb5_kt_default(g->k, &keytab);

	if (code == 0) {
		code = krb5_kt_resolve(g->k, "MEMORY:pam-credssp-host", &g->keytab);
		if (code == 0)
			code = guard_copy_keys(g->k, keytab, g->keytab);
		(void)krb5_kt_close(g->k, keytab);
	}
	return code ? kerberos_say(g->k, result, HELPER_NO_HOST_KEY, "keytab", code) : HELPER_SUCCESS;
}

static unsigned open_all(struct guard *g, const struct helper_request *request, struct helper_result *result)
{
	krb5_error_code code = krb5_init_secure_context(&g->k);

	if (code)
		return kerberos_say(g->k, result, HELPER_CONFIGURATION, "krb5.conf", code);
	code = krb5_parse_name(g->k, request->principal, &g->client);
	if (code)
		return kerberos_say(g->k, result, HELPER_INTERNAL, "principal", code);
	return read_keys(g, result);
}

static void close_all(struct guard *g)
{
	if (!g->k)
		return;
	guard_tickets_done(g->k, &g->tickets);
	if (g->scratch)
		(void)krb5_cc_destroy(g->k, g->scratch);
	if (g->keytab)
		(void)krb5_kt_close(g->k, g->keytab);
	krb5_free_principal(g->k, g->client);
	krb5_free_context(g->k);
}

static unsigned run(struct guard *g, const struct helper_request *request, const struct handover *h,
		    struct helper_result *result)
{
	const struct handover_field service = h->field[HANDOVER_SERVICE_TICKET], cred = h->field[HANDOVER_KRB_CRED];
	AUTO_CLOSE int fd = -1;
	unsigned status;

	if (!service.p_ || !cred.p_)
		return helper_say(result, HELPER_HANDOVER, "a ticket is missing");
	if (strcmp(request->mechanism, "krb5") != 0)
		return helper_say(result, HELPER_OTHER_PRINCIPAL, "it was not Kerberos that proved the client");
	status = open_all(g, request, result);
	if (status == HELPER_SUCCESS) /* before the process gives up access to the name service */
		status = principal_account_check(g->k, g->client, request->user, result);
	if (status == HELPER_SUCCESS)
		status = ticket_file_open(request->ccache, &fd, result);
	if (status == HELPER_SUCCESS)
		status = privileges_for_tickets(result);
	if (status == HELPER_SUCCESS)
		status = guard_read_service_ticket(g->k, g->keytab, g->client, service, &g->tickets, result);
	if (status == HELPER_SUCCESS)
		status = guard_read_krb_cred(g->k, g->client, cred, &g->tickets, result);
	if (status == HELPER_SUCCESS)
		status = check_with_kdc(g, result);
	if (status == HELPER_SUCCESS)
		status = ticket_file_write(fd, g->tickets.tgt, result);
	return status;
}

/*
 * HELPER_SUCCESS: KDC and host key confirm that both tickets belong to the principal that GSSAPI proved, and the
 * ticket-granting ticket is in the cache of the request. HELPER_OPAQUE: the service ticket proves the principal, but
 * the ticket-granting ticket cannot be used here; no cache is written.
 */
unsigned remote_guard_mode(const struct helper_request *request, const struct handover *handover,
			   struct helper_result *result)
{
	struct guard g = { .k = NULL };
	unsigned status = run(&g, request, handover, result);

	close_all(&g);
	return status;
}
