/* SPDX-License-Identifier: MIT */
/*
 * RFC 4120 5.3. libkrb5 exports encoders of tickets but declares them in no public
 * header, so the two structures are written here.
 */
#include "common/initiator/selfticket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/secret.h"
#include "common/wire/der.h"

#define CLIENT "self-test"
#define LIFETIME_SEC 600
#define TICKET_ROOM 2048U
#define USAGE_TICKET 2 /* RFC 4120 7.5.1 */
#define NAME_TYPE_PRINCIPAL 1

static void name_field(struct der_writer *w, uint8_t n, krb5_const_principal name)
{
	size_t end = der_written(w);

	for (krb5_int32 i = name->length; i-- > 0;) {
		size_t component = der_written(w);

		der_put(w, name->data[i].data, name->data[i].length);
		der_put_header(w, DER_GENERAL_STRING, component);
	}
	der_put_header(w, DER_SEQUENCE, end);
	der_put_header(w, DER_CONTEXT(1), end);
	der_put_u31_field(w, 0, NAME_TYPE_PRINCIPAL);
	der_put_header(w, DER_SEQUENCE, end);
	der_put_header(w, DER_CONTEXT(n), end);
}

static void time_field(struct der_writer *w, uint8_t n, time_t t)
{
	char text[16] = "";
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &tm) != 15)
		w->full = true;
	der_put_field(w, n, DER_GENERALIZED_TIME, text, 15);
}

/* EncTicketPart. */
static void write_encrypted_part(struct der_writer *w, const krb5_creds *c)
{
	static const uint8_t flags[5] = { 0, 0, 0xa0, 0, 0 }; /* pre-authenticated, no unused bits */
	size_t all = der_written(w), part;

	time_field(w, 7, c->times.endtime);
	time_field(w, 5, c->times.authtime);
	part = der_written(w);
	der_put_field(w, 1, DER_OCTET_STRING, "", 0); /* transited: nothing, in domain-X500-compress */
	der_put_u31_field(w, 0, 1);
	der_put_header(w, DER_SEQUENCE, part);
	der_put_header(w, DER_CONTEXT(4), part);
	name_field(w, 3, c->client);
	der_put_field(w, 2, DER_GENERAL_STRING, c->client->realm.data, c->client->realm.length);
	part = der_written(w);
	der_put_field(w, 1, DER_OCTET_STRING, c->keyblock.contents, c->keyblock.length);
	der_put_u31_field(w, 0, (unsigned)c->keyblock.enctype);
	der_put_header(w, DER_SEQUENCE, part);
	der_put_header(w, DER_CONTEXT(1), part);
	der_put_field(w, 0, DER_BIT_STRING, flags, sizeof flags);
	der_put_header(w, DER_SEQUENCE, all);
	der_put_header(w, DER_APPLICATION(3), all);
}

static void write_ticket(struct der_writer *w, const krb5_keytab_entry *e, const krb5_enc_data *encrypted)
{
	size_t all = der_written(w);

	der_put_field(w, 2, DER_OCTET_STRING, encrypted->ciphertext.data, encrypted->ciphertext.length);
	der_put_u31_field(w, 1, e->vno);
	der_put_u31_field(w, 0, (unsigned)e->key.enctype);
	der_put_header(w, DER_SEQUENCE, all);
	der_put_header(w, DER_CONTEXT(3), all);
	name_field(w, 2, e->principal);
	der_put_field(w, 1, DER_GENERAL_STRING, e->principal->realm.data, e->principal->realm.length);
	der_put_u31_field(w, 0, 5);
	der_put_header(w, DER_SEQUENCE, all);
	der_put_header(w, DER_APPLICATION(1), all);
}

static krb5_error_code seal(krb5_context k, const krb5_keytab_entry *e, uint8_t *clear, size_t clear_len,
			    krb5_enc_data *ret_)
{
	krb5_data in = { .length = (unsigned)clear_len, .data = (char *)clear };
	size_t len;
	krb5_error_code code;

	code = krb5_c_encrypt_length(k, e->key.enctype, in.length, &len);
	if (code)
		return code;
	ret_->ciphertext = (krb5_data){ .length = (unsigned)len, .data = malloc(len) };
	if (!ret_->ciphertext.data)
		return ENOMEM;
	return krb5_c_encrypt(k, &e->key, USAGE_TICKET, NULL, &in, ret_);
}

/* Fills c->ticket, which points into @ticket. */
static krb5_error_code encode(krb5_context k, const krb5_keytab_entry *e, krb5_creds *c, uint8_t ticket[TICKET_ROOM])
{
	static uint8_t clear[TICKET_ROOM]; /* too large for the stack; wiped */
	struct der_writer w = der_writer_init(clear, sizeof clear);
	krb5_enc_data encrypted = { .enctype = e->key.enctype };
	krb5_error_code code;
	size_t len;

	write_encrypted_part(&w, c);
	code = der_finish(&w, &len) < 0 ? EOVERFLOW : seal(k, e, clear, len, &encrypted);
	secret_wipe(clear, sizeof clear);
	if (code)
		return code;
	w = der_writer_init(ticket, TICKET_ROOM);
	write_ticket(&w, e, &encrypted);
	free(encrypted.ciphertext.data);
	if (der_finish(&w, &len) < 0)
		return EOVERFLOW;
	c->ticket = (krb5_data){ .length = (unsigned)len, .data = (char *)ticket };
	return 0;
}

static krb5_error_code store(krb5_context k, krb5_creds *c, krb5_ccache *ret_ccache)
{
	krb5_ccache ccache;
	krb5_error_code code = krb5_cc_new_unique(k, "MEMORY", NULL, &ccache);

	if (code)
		return code;
	code = krb5_cc_initialize(k, ccache, c->client);
	if (code == 0)
		code = krb5_cc_store_cred(k, ccache, c);
	if (code) {
		(void)krb5_cc_destroy(k, ccache);
		return code;
	}
	*ret_ccache = ccache;
	return 0;
}

static krb5_error_code make(krb5_context k, const krb5_keytab_entry *e, krb5_ccache *ret_ccache)
{
	static uint8_t ticket[TICKET_ROOM];
	const krb5_data *realm = &e->principal->realm;
	krb5_creds c = { .server = e->principal };
	time_t now = time(NULL);
	krb5_error_code code;

	c.times.authtime = c.times.starttime = (krb5_timestamp)(now - LIFETIME_SEC);
	c.times.endtime = (krb5_timestamp)(now + LIFETIME_SEC);
	code = krb5_build_principal(k, &c.client, realm->length, realm->data, CLIENT, (char *)NULL);
	if (code == 0)
		code = krb5_c_make_random_key(k, e->key.enctype, &c.keyblock);
	if (code == 0)
		code = encode(k, e, &c, ticket);
	if (code == 0)
		code = store(k, &c, ret_ccache);
	krb5_free_keyblock_contents(k, &c.keyblock);
	krb5_free_principal(k, c.client);
	return code;
}

krb5_error_code selfticket_make(krb5_context k, const char *keytab_name, krb5_ccache *ret_ccache,
				krb5_principal *ret_server)
{
	krb5_keytab keytab;
	krb5_kt_cursor cursor;
	krb5_keytab_entry e;
	krb5_error_code code;

	code = krb5_kt_resolve(k, keytab_name, &keytab);
	if (code)
		return code;
	code = krb5_kt_start_seq_get(k, keytab, &cursor);
	if (code == 0) {
		code = krb5_kt_next_entry(k, keytab, &e, &cursor);
		(void)krb5_kt_end_seq_get(k, keytab, &cursor);
	}
	if (code == 0) {
		code = make(k, &e, ret_ccache);
		if (code == 0)
			code = krb5_copy_principal(k, e.principal, ret_server);
		(void)krb5_free_keytab_entry_contents(k, &e);
	}
	(void)krb5_kt_close(k, keytab);
	return code;
}
