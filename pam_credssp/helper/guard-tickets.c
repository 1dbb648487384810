/* SPDX-License-Identifier: MIT */
/*
 * RFC 4120 5.3 and 5.8. A KRB-CRED's description of its ticket is not signed: the real client and times are inside the
 * ticket, which only the KDC can read (remote-guard.c asks it). The service ticket is different: no worker has the key
 * that it is encrypted with, so a worker that was taken over cannot forge it.
 */
#include "pam_credssp/helper/guard-tickets.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/base/cleanup.h"
#include "pam_credssp/helper/kerberos.h"
#include "pam_credssp/helper/krb-cred.h"

static krb5_data data_of(struct handover_field f)
{
	return (krb5_data){ .length = (unsigned)f.len, .data = (char *)(uintptr_t)f.p_ };
}

static bool is_aes(krb5_enctype e)
{
	return e == ENCTYPE_AES128_CTS_HMAC_SHA1_96 || e == ENCTYPE_AES256_CTS_HMAC_SHA1_96 ||
	       e == ENCTYPE_AES128_CTS_HMAC_SHA256_128 || e == ENCTYPE_AES256_CTS_HMAC_SHA384_192;
}

/* Returns whether @p is host/NAME; case is ignored, because keytabs and clients of Active Directory differ in it. */
static bool is_host(krb5_const_principal p)
{
	return p->length == 2 && p->data[0].length == 4 && strncasecmp(p->data[0].data, "host", 4) == 0;
}

/* ---- the service ticket ---- */

/*
 * Tries one key. The name in the ticket may be spelled differently from the keytab's: only the key counts. The name is
 * copied, because libkrb5 replaces the name in a ticket that it has decrypted.
 */
static krb5_error_code decrypt_with(krb5_context k, const krb5_keytab_entry *e, krb5_ticket *t)
{
	krb5_keytab_entry as_named = { .vno = t->enc_part.kvno, .key = e->key };
	krb5_keytab one;
	krb5_error_code code = krb5_copy_principal(k, t->server, &as_named.principal);

	if (code)
		return code;
	code = krb5_kt_resolve(k, "MEMORY:pam-credssp-one", &one);
	if (code == 0) {
		code = krb5_kt_add_entry(k, one, &as_named);
		if (code == 0)
			code = krb5_server_decrypt_ticket_keytab(k, one, t);
		(void)krb5_kt_remove_entry(k, one, &as_named);
		(void)krb5_kt_close(k, one);
	}
	krb5_free_principal(k, as_named.principal);
	return code;
}

static bool may_prove(const krb5_keytab_entry *e)
{
	return is_host(e->principal) && is_aes(e->key.enctype);
}

krb5_error_code guard_copy_keys(krb5_context k, krb5_keytab from, krb5_keytab to)
{
	krb5_keytab_entry e;
	krb5_kt_cursor cursor;
	krb5_error_code code = krb5_kt_start_seq_get(k, from, &cursor);

	if (code)
		return code;
	while (code == 0 && krb5_kt_next_entry(k, from, &e, &cursor) == 0) {
		if (may_prove(&e))
			code = krb5_kt_add_entry(k, to, &e);
		(void)krb5_free_keytab_entry_contents(k, &e);
	}
	(void)krb5_kt_end_seq_get(k, from, &cursor);
	return code;
}

struct tries {
	unsigned host_keys, fitting;
	krb5_error_code last;
	bool good;
};

static void try_entry(krb5_context k, const krb5_keytab_entry *e, krb5_ticket *t, struct tries *tries)
{
	if (!may_prove(e))
		return;
	tries->host_keys++;
	/* old keytabs store the low byte only; 0 means any version */
	if (e->key.enctype != t->enc_part.enctype ||
	    (t->enc_part.kvno && e->vno && (e->vno & 0xffU) != (t->enc_part.kvno & 0xffU)))
		return;
	tries->fitting++;
	tries->last = decrypt_with(k, e, t);
	tries->good = tries->last == 0;
}

static unsigned decrypt(krb5_context k, krb5_keytab keytab, krb5_ticket *t, struct helper_result *result)
{
	struct tries tries = { .host_keys = 0 };
	krb5_keytab_entry e;
	krb5_kt_cursor cursor;
	krb5_error_code code = krb5_kt_start_seq_get(k, keytab, &cursor);

	if (code)
		return kerberos_say(k, result, HELPER_NO_HOST_KEY, "keytab", code);
	while (!tries.good && krb5_kt_next_entry(k, keytab, &e, &cursor) == 0) {
		try_entry(k, &e, t, &tries);
		(void)krb5_free_keytab_entry_contents(k, &e);
	}
	(void)krb5_kt_end_seq_get(k, keytab, &cursor);
	if (tries.good)
		return HELPER_SUCCESS;
	if (!tries.host_keys)
		return helper_say(result, HELPER_NO_HOST_KEY, "no AES key of host/ in the keytab");
	if (!tries.fitting)
		return helper_say(result, HELPER_NO_HOST_KEY,
				  "the service ticket is for key version %u, encryption type %d", t->enc_part.kvno,
				  (int)t->enc_part.enctype);
	return kerberos_say(k, result, HELPER_TICKET, "service ticket", tries.last);
}

static unsigned check_service_ticket(krb5_context k, krb5_const_principal client, const krb5_ticket *t,
				     struct helper_result *result)
{
	const krb5_enc_tkt_part *p = t->enc_part2;
	time_t now = time(NULL);

	if (!krb5_principal_compare(k, p->client, client))
		return helper_say(result, HELPER_OTHER_PRINCIPAL, "the service ticket is another client's");
	if (!krb5_realm_compare(k, p->client, t->server) && !(p->flags & TKT_FLG_TRANSIT_POLICY_CHECKED))
		return helper_say(result, HELPER_TICKET,
				  "the realms between the client's and this host's were checked by no KDC");
	if (p->flags & TKT_FLG_INVALID)
		return helper_say(result, HELPER_TICKET, "the service ticket is not valid yet");
	if ((uint32_t)p->times.starttime > (uint32_t)now + HELPER_CLOCK_SKEW_SEC)
		return helper_say(result, HELPER_TICKET, "the service ticket is not valid yet");
	if ((uint32_t)p->times.endtime <= (uint32_t)now)
		return helper_say(result, HELPER_EXPIRED, "the service ticket");
	return HELPER_SUCCESS;
}

unsigned guard_read_service_ticket(krb5_context k, krb5_keytab keytab, krb5_const_principal client,
				   struct handover_field ticket, struct guard_tickets *ret_,
				   struct helper_result *result)
{
	krb5_data der = data_of(ticket);
	krb5_ticket *t = NULL;
	krb5_error_code code = krb5_decode_ticket(&der, &t);
	unsigned status;

	if (code)
		return kerberos_say(k, result, HELPER_TICKET, "service ticket", code);
	if (is_host(t->server))
		status = decrypt(k, keytab, t, result);
	else
		status = helper_say(result, HELPER_TICKET, "the service ticket is not for host/");
	if (status == HELPER_SUCCESS)
		status = check_service_ticket(k, client, t, result);
	if (status == HELPER_SUCCESS) {
		ret_->since = (uint32_t)(t->enc_part2->times.starttime ? t->enc_part2->times.starttime
								       : t->enc_part2->times.authtime);
		code = krb5_copy_principal(k, t->server, &ret_->service);
		if (code == 0)
			code = krb5_copy_keyblock_contents(k, t->enc_part2->session, &ret_->session_key);
		if (code)
			status = kerberos_say(k, result, HELPER_INTERNAL, "service ticket", code);
	}
	krb5_free_ticket(k, t);
	return status;
}

/* ---- the KRB-CRED ---- */

/* Reads the KRB-CRED with @key; NULL: it is not encrypted. */
static krb5_error_code read_cred(krb5_context k, krb5_keyblock *key, krb5_data *der, krb5_creds ***ret_creds)
{
	krb5_auth_context ac = NULL;
	krb5_error_code code = krb5_auth_con_init(k, &ac);

	if (code)
		return code;
	/* times, sequence numbers and addresses are not checked, only the tickets themselves */
	code = krb5_auth_con_setflags(k, ac, 0);
	if (code == 0 && key)
		code = krb5_auth_con_setuseruserkey(k, ac, key);
	if (code == 0)
		code = krb5_rd_cred(k, ac, der, ret_creds, NULL);
	(void)krb5_auth_con_free(k, ac);
	return code;
}

static bool is_tgt_of(krb5_context k, krb5_const_principal server, krb5_const_principal client)
{
	const krb5_data *realm = &client->realm;

	return server->length == 2 && krb5_realm_compare(k, server, client) && server->data[0].length == 6 &&
	       memcmp(server->data[0].data, "krbtgt", 6) == 0 && server->data[1].length == realm->length &&
	       memcmp(server->data[1].data, realm->data, realm->length) == 0;
}

/* Returns whether the session key can be used: Windows sends a blob instead, a reference to a key in its LSA. */
static bool is_key(krb5_context k, const krb5_keyblock *key)
{
	size_t length;

	return krb5_c_valid_enctype(key->enctype) && krb5_c_keylengths(k, key->enctype, NULL, &length) == 0 &&
	       key->length == length;
}

static bool is_now(int64_t at)
{
	int64_t age = time(NULL) - at;

	return age <= (int64_t)HELPER_CLOCK_SKEW_SEC && age >= -(int64_t)HELPER_CLOCK_SKEW_SEC;
}

unsigned guard_opaque(const struct guard_tickets *tickets, struct helper_result *result)
{
	if (!tickets->made.sealed)
		return helper_say(result, HELPER_TICKET,
				  "the KRB-CRED is not encrypted, and its ticket's key cannot be used: nothing proves "
				  "that the client knows the service ticket's key");
	if (tickets->made.at && !is_now(tickets->made.at))
		return helper_say(result, HELPER_TICKET,
				  "the KRB-CRED was made at another time: it may be a repeated one");
	if (!tickets->made.at && !is_now(tickets->since))
		return helper_say(
		    result, HELPER_TICKET,
		    "the KRB-CRED does not say when it was made, and the service ticket is old: it may be a "
		    "repeated one (klist purge at the client gets a new ticket)");
	return HELPER_OPAQUE;
}

static unsigned check_tgt(krb5_context k, krb5_const_principal client, const krb5_creds *c,
			  struct helper_result *result)
{
	if (!krb5_principal_compare(k, c->client, client))
		return helper_say(result, HELPER_OTHER_PRINCIPAL, "the ticket-granting ticket is another client's");
	if (!is_tgt_of(k, c->server, client))
		return helper_say(result, HELPER_TICKET, "the KRB-CRED has no ticket-granting ticket of the realm");
	if (c->ticket_flags & TKT_FLG_INVALID)
		return helper_say(result, HELPER_TICKET, "the ticket-granting ticket is not valid yet");
	if ((uint32_t)c->times.endtime <= (uint32_t)time(NULL))
		return helper_say(result, HELPER_EXPIRED, "the ticket-granting ticket");
	if (!is_key(k, &c->keyblock))
		return helper_say(result, HELPER_OPAQUE, "encryption type %d, %u bytes", (int)c->keyblock.enctype,
				  c->keyblock.length);
	return HELPER_SUCCESS;
}

unsigned guard_read_krb_cred(krb5_context k, krb5_const_principal client, struct handover_field krb_cred,
			     struct guard_tickets *tickets, struct helper_result *result)
{
	krb5_data der = data_of(krb_cred);
	krb5_creds **creds = NULL;
	krb5_error_code code;
	unsigned status = krb_cred_check(k, &tickets->session_key, &der, &tickets->made, result);

	if (status != HELPER_SUCCESS)
		return status;
	code = read_cred(k, tickets->made.sealed ? &tickets->session_key : NULL, &der, &creds);
	if (code)
		return kerberos_say(k, result, HELPER_TICKET, "KRB-CRED", code);
	status = check_tgt(k, client, creds[0], result);
	if (status == HELPER_OPAQUE)
		status = guard_opaque(tickets, result);
	if (status == HELPER_SUCCESS || status == HELPER_OPAQUE)
		tickets->tgt = TAKE_PTR(creds[0]);
	krb5_free_tgt_creds(k, creds);
	return status;
}

void guard_tickets_done(krb5_context k, struct guard_tickets *tickets)
{
	krb5_free_principal(k, tickets->service);
	krb5_free_keyblock_contents(k, &tickets->session_key);
	krb5_free_creds(k, tickets->tgt);
	*tickets = (struct guard_tickets){ .service = NULL };
}
