/* SPDX-License-Identifier: MIT */
/*
 * For the tests of user-to-user: the keeper's side of a krb5 template, with ticket-granting tickets whose session keys
 * the test has made, and a client that has a ticket under one of these keys. No KDC has seen any of them.
 */
#pragma once

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <time.h>

#include "common/ipc/keeper-msg.h"
#include "common/wire/spnego.h"
#include "common/wire/usertouser.h"
#include "tests/unit/build.h"
#include "tests/unit/talk.h"

#define HOST "rdp.test.example"

static krb5_context krb5_lib;

/* ---- the keeper ---- */

struct tgt {
	struct keeper_tgt record;
	char keytab[32]; /* in memory, with the session key: what clients' tickets are made with */
	krb5_keytab open;
};

/* A ticket of @principal with an own session key, which ends in @seconds. Its bytes are never parsed. */
static inline void tgt_make(struct tgt *t, const char *principal, krb5_enctype enctype, int64_t seconds)
{
	static unsigned last;
	krb5_keytab_entry e = { .vno = 1 };

	*t = (struct tgt){ .record = { .type = KEEPER_TGT, .ticket_len = 300 } };
	(void)snprintf(t->keytab, sizeof t->keytab, "MEMORY:tgt-%u", ++last);
	assert_int_equal(krb5_kt_resolve(krb5_lib, t->keytab, &t->open), 0);
	assert_int_equal(krb5_parse_name(krb5_lib, PRINCIPAL, &e.principal), 0);
	assert_int_equal(krb5_c_make_random_key(krb5_lib, enctype, &e.key), 0);
	assert_int_equal(krb5_kt_add_entry(krb5_lib, t->open, &e), 0);
	t->record.enctype = enctype;
	t->record.key_len = (uint8_t)e.key.length;
	memcpy(t->record.key, e.key.contents, e.key.length);
	krb5_free_keytab_entry_contents(krb5_lib, &e);
	t->record.ends = (int64_t)time(NULL) + seconds;
	(void)snprintf(t->record.principal, sizeof t->record.principal, "%s", principal);
	for (size_t i = 0; i < t->record.ticket_len; i++)
		t->record.ticket[i] = (uint8_t)(i + last);
}

static inline void tgt_done(struct tgt *t)
{
	(void)krb5_kt_close(krb5_lib, t->open);
	t->open = NULL;
}

/* Gives @t a keeper: its end of the socket. */
static inline int keeper_attach(struct template *t)
{
	struct template_record r = { .type = TEMPLATE_KEEPER };
	const uint8_t sent = KEEPER_SENT;
	int pair[2];

	assert_int_equal(packet_pair(0, pair), 0);
	assert_int_equal(packet_send(t->control, &r, sizeof r, &pair[1], 1), 0);
	(void)close(pair[1]);
	(void)packet_send(pair[0], &sent, sizeof sent, NULL, 0); /* a template that takes no keeper has gone */
	return pair[0];
}

/* Waits until the template has read all that was sent: it does it before the next thing that it is told. */
static inline void keeper_wait(int keeper)
{
	const struct timespec little = { .tv_nsec = 1000000 };
	int left = 1;

	for (unsigned i = 0; left && i < DEADLINE_MSEC; i++) {
		assert_int_equal(ioctl(keeper, SIOCOUTQ, &left), 0);
		if (left)
			(void)nanosleep(&little, NULL);
	}
	assert_int_equal(left, 0);
}

static inline void keeper_give(int keeper, const struct tgt *t)
{
	assert_int_equal(
	    packet_send(keeper, &t->record, offsetof(struct keeper_tgt, ticket) + t->record.ticket_len, NULL, 0), 0);
	keeper_wait(keeper);
}

/* ---- the client ---- */

struct offer {
	size_t n;
	enum gss_mech mechs[4];
};

static const struct offer as_mstsc = { 4, { GSS_MECH_MS_KRB5, GSS_MECH_KRB5, GSS_MECH_NEGOEX, GSS_MECH_NTLM } };
static const struct offer as_freerdp = { 3, { GSS_MECH_USER_TO_USER, GSS_MECH_KRB5, GSS_MECH_NTLM } };

/* A client of @template with a ticket under the key of @tgt. */
static inline struct talk *u2u_talk(struct template *template, const struct tgt *tgt, const struct offer *offer)
{
	struct talk *t = spawn(template);

	assert_int_equal(initiator_new_user_to_user(tgt->keytab, offer->mechs, offer->n, &t->initiator), 0);
	return t;
}

/* A client of @template with a service ticket under the first key in @keytab. */
static inline struct talk *service_talk(struct template *template, bool spnego, const char *keytab)
{
	struct talk *t = spawn(template);

	assert_int_equal(initiator_new_krb5(keytab, spnego, &t->initiator), 0);
	return t;
}

/* As whole(), and it is one of user-to-user. */
static inline void u2u_whole(struct talk *t)
{
	whole(t, CLIENT);
	assert_int_equal(t->authenticated.user_to_user, 1);
}

/* The client's next token, after what the worker has replied. */
static inline struct buf next_token(struct talk *t)
{
	struct view v = VIEW_NULL;

	assert_true(initiator_step(t->initiator, t->reply.nego_token, &v) >= 0);
	assert_non_null(v.p);
	return buf_copy(v.p, v.len);
}

/* Sends @token, which is freed, with or without pubKeyAuth: the type of the worker's answer. */
static inline uint8_t give(struct talk *t, struct buf token, struct view pub_key_auth)
{
	struct tsrequest out = { .nego_token = { token.p, token.len }, .pub_key_auth = pub_key_auth };

	send_tsrequest(t, &out);
	buf_free(&token);
	return receive(t);
}

/* ---- tokens ---- */

static inline struct view buf_view(const struct buf *b)
{
	return (struct view){ b->p, b->len };
}

static inline struct buf view_buf(struct view v)
{
	return buf_copy(v.p, v.len);
}

static inline struct buf mech(enum gss_mech m)
{
	return tlv(0x06, view_buf(gss_mech_oid(m)));
}

/* RFC 2743 3.1. @message is freed. */
static inline struct buf frame(enum gss_mech m, enum user_to_user_id id, struct buf message)
{
	const uint8_t tok_id[2] = { (uint8_t)(id >> 8), (uint8_t)id };

	return tlv(0x60, JOIN(mech(m), buf_copy(tok_id, 2), message));
}

/* NegTokenInit, with a frame. @list: OIDs; all are freed. */
static inline struct buf neg_init(struct buf list, struct buf token)
{
	return tlv(0x60, JOIN(mech(GSS_MECH_SPNEGO),
			      context(0, sequence(JOIN(context(0, sequence(list)), context(2, octets(token)))))));
}

/* NegTokenResp; empty ones of @token and @mic, which are freed, are left out. */
static inline struct buf neg_resp(enum spnego_state state, struct buf token, struct buf mic)
{
	const uint8_t value = (uint8_t)state;

	return context(
	    1, sequence(JOIN(context(0, tlv(0x0a, buf_copy(&value, 1))), token.len ? context(2, octets(token)) : token,
			     mic.len ? context(3, octets(mic)) : mic)));
}

/* KERB-TGT-REQUEST for @components, which are freed. */
static inline struct buf tgt_req_of(struct buf components)
{
	struct buf name = sequence(JOIN(context(0, LIT("\x02\x01\x02")), context(1, sequence(components))));

	return sequence(JOIN(LIT("\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x10"), context(2, name)));
}

static inline struct buf component(struct buf text)
{
	return tlv(0x1b, text);
}

/* mstsc's list, and a TGT-REQ for @components. */
static inline struct buf mstsc_init(struct buf components)
{
	struct buf list = JOIN(mech(GSS_MECH_MS_KRB5), mech(GSS_MECH_KRB5), mech(GSS_MECH_NEGOEX), mech(GSS_MECH_NTLM));

	return neg_init(list, frame(GSS_MECH_USER_TO_USER, USER_TO_USER_TGT_REQ, tgt_req_of(components)));
}

/* What is in a NegTokenResp. */
static inline struct spnego_resp read_resp(struct view token)
{
	struct spnego_resp r;

	assert_int_equal(spnego_resp_read(token, &r), 0);
	return r;
}

/* The message in @token, which is framed as @id of user-to-user. */
static inline struct view unframe(struct view token, enum user_to_user_id id)
{
	enum gss_mech m;
	struct view message;
	uint16_t got;

	assert_int_equal(gss_frame_read(token, &m, &got, &message), 0);
	assert_int_equal(m, GSS_MECH_USER_TO_USER);
	assert_int_equal(got, id);
	return message;
}
