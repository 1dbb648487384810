/* SPDX-License-Identifier: MIT */
/*
 * RFC 4120 5.3. libkrb5 exports encoders of tickets but declares them in no public
 * header, so the two structures are written here: DER from the end to the
 * beginning, where every length is known when it is written.
 */
#include "credsspd/auth/selfticket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "include/credssp/secret.h"

#define CLIENT "self-test"
#define LIFETIME_SEC 600
#define TICKET_ROOM 2048U
#define USAGE_TICKET 2 /* RFC 4120 7.5.1 */
#define NAME_TYPE_PRINCIPAL 1

enum { INTEGER = 0x02, BIT_STRING = 0x03, OCTETS = 0x04, TIME = 0x18, GENERAL = 0x1b, SEQUENCE = 0x30 };
#define CONTEXT(n) (0xa0U | (n))
#define APPLICATION(n) (0x60U | (n))

struct out {
	uint8_t octets[TICKET_ROOM];
	size_t left; /* what is free, at the beginning */
	int failed;
};

static void put(struct out *o, const void *p, size_t len)
{
	if (len > o->left) {
		o->failed = 1;
		return;
	}
	o->left -= len;
	if (len)
		memcpy(o->octets + o->left, p, len);
}

/* Puts tag and length before all that was written since @end was what was left. */
static void wrap(struct out *o, unsigned tag, size_t end)
{
	size_t len = end - o->left;
	uint8_t h[4] = { (uint8_t)tag, 0x82, (uint8_t)(len >> 8), (uint8_t)len };
	uint8_t s[2] = { (uint8_t)tag, (uint8_t)len };

	if (len < 128)
		put(o, s, sizeof s);
	else if (len < 256)
		put(o, (uint8_t[]){ (uint8_t)tag, 0x81, (uint8_t)len }, 3);
	else
		put(o, h, sizeof h);
}

/* A primitive element inside [n]. */
static void field(struct out *o, unsigned n, unsigned tag, const void *p, size_t len)
{
	size_t end = o->left;

	put(o, p, len);
	wrap(o, tag, end);
	wrap(o, CONTEXT(n), end);
}

static void integer_field(struct out *o, unsigned n, unsigned value)
{
	uint8_t v[3] = { 0, (uint8_t)(value >> 8), (uint8_t)value };

	if (value < 128)
		field(o, n, INTEGER, v + 2, 1);
	else
		field(o, n, INTEGER, v, sizeof v);
}

static void name_field(struct out *o, unsigned n, krb5_const_principal name)
{
	size_t end = o->left;

	for (krb5_int32 i = name->length; i-- > 0;) {
		size_t component = o->left;

		put(o, name->data[i].data, name->data[i].length);
		wrap(o, GENERAL, component);
	}
	wrap(o, SEQUENCE, end);
	wrap(o, CONTEXT(1), end);
	integer_field(o, 0, NAME_TYPE_PRINCIPAL);
	wrap(o, SEQUENCE, end);
	wrap(o, CONTEXT(n), end);
}

static void time_field(struct out *o, unsigned n, time_t t)
{
	char text[16] = "";
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &tm) != 15)
		o->failed = 1;
	field(o, n, TIME, text, 15);
}

/* EncTicketPart. */
static void write_encrypted_part(struct out *o, const krb5_creds *c)
{
	static const uint8_t flags[5] = { 0, 0, 0xa0, 0, 0 }; /* pre-authenticated, no unused bits */
	size_t all = o->left, part;

	time_field(o, 7, c->times.endtime);
	time_field(o, 5, c->times.authtime);
	part = o->left;
	field(o, 1, OCTETS, "", 0); /* transited: nothing, in domain-X500-compress */
	integer_field(o, 0, 1);
	wrap(o, SEQUENCE, part);
	wrap(o, CONTEXT(4), part);
	name_field(o, 3, c->client);
	field(o, 2, GENERAL, c->client->realm.data, c->client->realm.length);
	part = o->left;
	field(o, 1, OCTETS, c->keyblock.contents, c->keyblock.length);
	integer_field(o, 0, (unsigned)c->keyblock.enctype);
	wrap(o, SEQUENCE, part);
	wrap(o, CONTEXT(1), part);
	field(o, 0, BIT_STRING, flags, sizeof flags);
	wrap(o, SEQUENCE, all);
	wrap(o, APPLICATION(3), all);
}

static void write_ticket(struct out *o, const krb5_keytab_entry *e, const krb5_enc_data *encrypted)
{
	size_t all = o->left;

	field(o, 2, OCTETS, encrypted->ciphertext.data, encrypted->ciphertext.length);
	integer_field(o, 1, e->vno);
	integer_field(o, 0, (unsigned)e->key.enctype);
	wrap(o, SEQUENCE, all);
	wrap(o, CONTEXT(3), all);
	name_field(o, 2, e->principal);
	field(o, 1, GENERAL, e->principal->realm.data, e->principal->realm.length);
	integer_field(o, 0, 5);
	wrap(o, SEQUENCE, all);
	wrap(o, APPLICATION(1), all);
}

static krb5_error_code seal(krb5_context k, const krb5_keytab_entry *e, const struct out *clear, krb5_enc_data *ret_)
{
	krb5_data in = { .length = (unsigned)(TICKET_ROOM - clear->left),
			 .data = (char *)(uintptr_t)(clear->octets + clear->left) };
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
static krb5_error_code encode(krb5_context k, const krb5_keytab_entry *e, krb5_creds *c, struct out *ticket)
{
	static struct out clear; /* too large for the stack; wiped */
	krb5_enc_data encrypted = { .enctype = e->key.enctype };
	krb5_error_code code;

	clear = (struct out){ .left = TICKET_ROOM };
	*ticket = (struct out){ .left = TICKET_ROOM };
	write_encrypted_part(&clear, c);
	code = clear.failed ? EOVERFLOW : seal(k, e, &clear, &encrypted);
	secret_wipe(&clear, sizeof clear);
	if (code == 0)
		write_ticket(ticket, e, &encrypted);
	free(encrypted.ciphertext.data);
	if (code == 0 && ticket->failed)
		code = EOVERFLOW;
	c->ticket = (krb5_data){ .length = (unsigned)(TICKET_ROOM - ticket->left),
				 .data = (char *)ticket->octets + ticket->left };
	return code;
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
	static struct out ticket;
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
		code = encode(k, e, &c, &ticket);
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
