/* SPDX-License-Identifier: MIT */
/*
 * The tickets of remote guard in the PAM module's helper, root's parser of strangers' ASN.1 (libkrb5's): octets of the
 * input's choice, or real tickets with changes of its choice.
 */
#include <time.h>
#include <unistd.h>

#include "common/initiator/selfticket.h"
#include "pam_credssp/helper-status.h"
#include "pam_credssp/helper/guard-tickets.h"
#include "tests/fuzz/faults.h"
#include "tests/fuzz/mutate.h"

#define GUARD_ROOM 8192U
#define GUARD_LONG_AGO 1000000000 /* 2001 */

enum { GUARD_SERVICE, GUARD_CRED, GUARD_CRED_SEALED, GUARD_CRED_TWO, GUARD_MESSAGES };

/* of the first octet, besides the message */
enum { GUARD_OTHER_CLIENT = 0x10, GUARD_NO_KEYS = 0x20, GUARD_NEW_TICKET = 0x40, GUARD_RAW = 0x80 };

static struct {
	krb5_context k;
	krb5_keytab keytab, no_keys;
	krb5_principal client, other;
	krb5_keyblock session;
	uint8_t octets[GUARD_MESSAGES][GUARD_ROOM];
	size_t len[GUARD_MESSAGES];
} guard;

/* A keytab with one key, and a ticket for it: selfticket.h. */
static krb5_creds guard_ticket(const char *keytab_name, const char *principal, krb5_keytab *ret_keytab)
{
	krb5_keytab_entry e = { .vno = 2 };
	krb5_cc_cursor cursor;
	krb5_principal server;
	krb5_ccache ccache;
	krb5_creds c;

	PROMISE(krb5_parse_name(guard.k, principal, &e.principal) == 0);
	PROMISE(krb5_c_make_random_key(guard.k, ENCTYPE_AES256_CTS_HMAC_SHA1_96, &e.key) == 0);
	PROMISE(krb5_kt_resolve(guard.k, keytab_name, ret_keytab) == 0);
	PROMISE(krb5_kt_add_entry(guard.k, *ret_keytab, &e) == 0);
	(void)krb5_free_keytab_entry_contents(guard.k, &e);
	PROMISE(selfticket_make(guard.k, keytab_name, &ccache, &server) == 0);
	PROMISE(krb5_cc_start_seq_get(guard.k, ccache, &cursor) == 0);
	PROMISE(krb5_cc_next_cred(guard.k, ccache, &cursor, &c) == 0);
	(void)krb5_cc_end_seq_get(guard.k, ccache, &cursor);
	(void)krb5_cc_destroy(guard.k, ccache);
	krb5_free_principal(guard.k, server);
	return c;
}

static void guard_keep(unsigned message, const void *p, size_t len)
{
	PROMISE(len <= GUARD_ROOM);
	memcpy(guard.octets[message], p, len);
	guard.len[message] = len;
}

/* A key that is not asked for: of another service, or of another type. */
static void guard_other_key(const char *principal, krb5_enctype enctype)
{
	krb5_keytab_entry e = { .vno = 2 };

	PROMISE(krb5_parse_name(guard.k, principal, &e.principal) == 0);
	PROMISE(krb5_c_make_random_key(guard.k, enctype, &e.key) == 0);
	PROMISE(krb5_kt_add_entry(guard.k, guard.keytab, &e) == 0);
	(void)krb5_free_keytab_entry_contents(guard.k, &e);
}

static void guard_make_cred(unsigned message, krb5_creds *c, krb5_creds *second, krb5_keyblock *key)
{
	krb5_creds *list[] = { c, second, NULL };
	krb5_auth_context ac;
	krb5_replay_data replay;
	krb5_data *der;

	PROMISE(krb5_auth_con_init(guard.k, &ac) == 0 && krb5_auth_con_setflags(guard.k, ac, 0) == 0);
	if (key)
		PROMISE(krb5_auth_con_setuseruserkey(guard.k, ac, key) == 0);
	PROMISE(krb5_mk_ncred(guard.k, ac, list, &der, &replay) == 0);
	(void)krb5_auth_con_free(guard.k, ac);
	guard_keep(message, der->data, der->length);
	krb5_free_data(guard.k, der);
}

static void guard_start(void)
{
	krb5_keytab tgs, copy;
	krb5_creds service, tgt;

	PROMISE(setenv("KRB5_CONFIG", "/dev/null", 1) == 0 && krb5_init_context(&guard.k) == 0);
	service = guard_ticket("MEMORY:fuzz-host", "host/ts1.r.test@R.TEST", &guard.keytab);
	/* as the helper does before it gives up what it needs to read the file */
	PROMISE(krb5_kt_resolve(guard.k, "MEMORY:fuzz-copy", &copy) == 0);
	PROMISE(guard_copy_keys(guard.k, guard.keytab, copy) == 0);
	(void)krb5_kt_close(guard.k, guard.keytab);
	guard.keytab = copy;
	tgt = guard_ticket("MEMORY:fuzz-tgs", "krbtgt/R.TEST@R.TEST", &tgs);
	guard_other_key("nfs/ts1.r.test@R.TEST", ENCTYPE_AES256_CTS_HMAC_SHA1_96);
	guard_other_key("host/ts1.r.test@R.TEST", ENCTYPE_AES128_CTS_HMAC_SHA1_96);
	PROMISE(krb5_kt_resolve(guard.k, "MEMORY:fuzz-empty", &guard.no_keys) == 0);
	PROMISE(krb5_parse_name(guard.k, "bob@R.TEST", &guard.other) == 0);
	PROMISE(krb5_copy_principal(guard.k, service.client, &guard.client) == 0);
	PROMISE(krb5_copy_keyblock_contents(guard.k, &service.keyblock, &guard.session) == 0);
	guard_keep(GUARD_SERVICE, service.ticket.data, service.ticket.length);
	guard_make_cred(GUARD_CRED, &tgt, NULL, NULL);
	guard_make_cred(GUARD_CRED_SEALED, &tgt, NULL, &guard.session);
	guard_make_cred(GUARD_CRED_TWO, &tgt, &tgt, NULL);
	krb5_free_cred_contents(guard.k, &service);
	krb5_free_cred_contents(guard.k, &tgt);
	(void)krb5_kt_close(guard.k, tgs);
}

/* A key that cannot be used here proves nothing unless the KRB-CRED is encrypted, and it or the service ticket is new.
 */
static bool guard_proves(const struct guard_tickets *t)
{
	struct helper_result result = { .status = 0 };
	long long age = llabs((long long)time(NULL) - (t->made.at ? t->made.at : t->since));
	bool proves = guard_opaque(t, &result) == HELPER_OPAQUE;

	PROMISE(!proves || (t->made.sealed && age < 2 * (long long)HELPER_CLOCK_SKEW_SEC));
	PROMISE(proves || !t->made.sealed || age > (long long)HELPER_CLOCK_SKEW_SEC / 2);
	PROMISE(proves || *result.detail);
	return proves;
}

/* The KRB-CRED as it was read, and as one of another time or of none. */
static void guard_check_opaque(const struct guard_tickets *t, unsigned status)
{
	struct guard_tickets other = *t;
	bool proves = guard_proves(t);

	PROMISE(status != HELPER_OPAQUE || proves);
	other.made.at = GUARD_LONG_AGO;
	PROMISE(!guard_proves(&other));
	other.made.at = 0;
	(void)guard_proves(&other);
}

static unsigned guard_run(uint8_t head, const uint8_t *p, size_t len, bool faulty)
{
	const struct handover_field f = { p, len };
	krb5_principal client = head & GUARD_OTHER_CLIENT ? guard.other : guard.client;
	krb5_keytab keytab = head & GUARD_NO_KEYS ? guard.no_keys : guard.keytab;
	unsigned message = head % GUARD_MESSAGES;
	struct guard_tickets t = { .since = head & GUARD_NEW_TICKET ? (int64_t)time(NULL) : GUARD_LONG_AGO };
	struct helper_result result = { .status = 0 };
	unsigned status;

	if (message == GUARD_SERVICE) {
		status = guard_read_service_ticket(guard.k, keytab, client, f, &t, &result);
		PROMISE(status != HELPER_SUCCESS || (t.service && t.session_key.length == 32));
		PROMISE(!t.tgt);
	} else {
		PROMISE(krb5_copy_keyblock_contents(guard.k, &guard.session, &t.session_key) == 0 || faulty);
		status = guard_read_krb_cred(guard.k, client, f, &t, &result);
		PROMISE((status == HELPER_SUCCESS || status == HELPER_OPAQUE) == (t.tgt != NULL));
		PROMISE(!t.tgt || krb5_principal_compare(guard.k, t.tgt->client, client));
		if (t.tgt)
			guard_check_opaque(&t, status);
	}
	PROMISE(status < HELPER_STATUSES_ && memchr(result.detail, '\0', sizeof result.detail));
	PROMISE(status == HELPER_SUCCESS || *result.detail);
	guard_tickets_done(guard.k, &t);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = { data, size };
	uint8_t head = script_octet(&s), *p;
	unsigned message = head % GUARD_MESSAGES, status;
	bool honest = size == 1;
	size_t len;

	if (!guard.k)
		guard_start();
	p = malloc(GUARD_ROOM + size); /* the very octets, so that the sanitizers see what is behind */
	PROMISE(p);
	if (head & GUARD_RAW) {
		len = s.left;
		if (len)
			memcpy(p, s.p, len);
	} else {
		memcpy(p, guard.octets[message], guard.len[message]);
		len = script_alter(&s, p, guard.len[message], GUARD_ROOM + size);
	}
	p = realloc(p, len ? len : 1);
	PROMISE(p);
	status = guard_run(head, p, len, false);
	if (honest && !(head & (GUARD_RAW | GUARD_OTHER_CLIENT | GUARD_NO_KEYS)) && message != GUARD_CRED_TWO)
		PROMISE(status == HELPER_SUCCESS || status == HELPER_EXPIRED);
	faults_begin(faults_seed(data, size), 8);
	status = guard_run(head, p, len, true);
	(void)faults_end();
	free(p);
	return 0;
}
