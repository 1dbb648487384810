/* SPDX-License-Identifier: MIT */
/* Not with sanitizers: the processes of the real program are under filters, which the runtime does not survive. */
/* Kerberos user-to-user: exchanges as clients hold them, and the tickets that the keeper brings. */
#include "tests/unit/u2u.h"

static char u2u_config[96], service_config[96], long_term[112]; /* files; the last one with FILE: */
static struct template u2u_only = { .mechanism = "krb5", .config = u2u_config, .control = -1 };
static struct template service_only = { .mechanism = "krb5", .config = service_config, .control = -1 };
static struct template *const both[] = { &krb5, &u2u_only };
static const struct offer *const offers[] = { &as_mstsc, &as_freerdp };
#define FOR_BOTH(var) for (struct template *const *var = both; var < both + 2; var++)

static int keeper = -1; /* of the template that is tested */
static struct tgt tgt;  /* the one that it has been given */

/* A template without tickets, and its keeper. */
static void fresh(struct template *t)
{
	if (t->control >= 0)
		assert_int_equal(stop(t), 0);
	start(t);
	keeper = close_fd(keeper);
	keeper = keeper_attach(t);
}

static void fresh_with_tgt(struct template *t)
{
	fresh(t);
	tgt_done(&tgt);
	tgt_make(&tgt, PRINCIPAL, ENCTYPE_AES256_CTS_HMAC_SHA1_96, 3600);
	keeper_give(keeper, &tgt);
}

/* ---- exchanges ---- */

/* mstsc: the MIC together with pubKeyAuth; or alone, and pubKeyAuth after it. */
static void test_whole(void **unused)
{
	FOR_BOTH(template)
	{
		fresh_with_tgt(*template);
		for (unsigned i = 0; i < 4; i++) {
			struct talk *t = u2u_talk(*template, &tgt, offers[i % 2]);

			t->late_key = i / 2;
			u2u_whole(t);
			/* with pubKeyAuth there is no token left to send; without, nothing is */
			assert_int_equal(t->replies_with_both, 0);
			assert_int_equal(t->empty_replies, i / 2);
		}
	}
}

static void test_versions(void **unused)
{
	fresh_with_tgt(&krb5);
	for (unsigned v = 2; v <= 6; v++) {
		for (unsigned i = 0; i < 4; i++) {
			struct talk *t = u2u_talk(&krb5, &tgt, offers[i % 2]);

			t->version = v;
			t->late_key = i / 2;
			u2u_whole(t);
		}
	}
}

static void test_enctypes(void **unused)
{
	static const krb5_enctype enctype[] = { ENCTYPE_AES128_CTS_HMAC_SHA1_96, ENCTYPE_AES256_CTS_HMAC_SHA1_96,
						ENCTYPE_AES128_CTS_HMAC_SHA256_128,
						ENCTYPE_AES256_CTS_HMAC_SHA384_192 };

	fresh_with_tgt(&krb5);
	for (size_t i = 0; i < sizeof enctype / sizeof *enctype; i++) {
		struct tgt other;

		tgt_make(&other, PRINCIPAL, enctype[i], 3600);
		keeper_give(keeper, &other);
		u2u_whole(u2u_talk(&krb5, &other, &as_mstsc));
		tgt_done(&other);
	}
}

/* What goes over the wire, field by field: protocol of draft-swift-win2k-krb-user2user-03, RFC 4178. */
static void test_wire(void **unused)
{
	FOR_BOTH(template)
	{
		for (unsigned i = 0; i < 2; i++) {
			struct talk *t;
			struct spnego_resp r;
			struct view message, ticket;

			fresh_with_tgt(*template);
			t = u2u_talk(*template, &tgt, offers[i]);
			send_start(t);
			assert_int_equal(give(t, next_token(t), VIEW_NULL), WORKER_REPLY);
			r = read_resp(t->reply.nego_token);
			assert_int_equal(r.state, SPNEGO_ACCEPT_INCOMPLETE);
			assert_int_equal(gss_mech_of(r.supported_mech), offers[i]->mechs[0]);
			assert_null(r.mech_list_mic.p);
			message = unframe(r.response_token, USER_TO_USER_TGT_REP);
			assert_int_equal(tgt_reply_read(message, &ticket), 0);
			assert_int_equal(ticket.len, tgt.record.ticket_len);
			assert_memory_equal(ticket.p, tgt.record.ticket, ticket.len);

			assert_int_equal(give(t, next_token(t), VIEW_NULL), WORKER_REPLY);
			r = read_resp(t->reply.nego_token);
			assert_int_equal(r.state, SPNEGO_ACCEPT_INCOMPLETE);
			assert_null(r.supported_mech.p);
			assert_int_equal(unframe(r.response_token, USER_TO_USER_AP_REP).p[0], 0x6f);
			/* RFC 4121 4.2.6.1: sent by the acceptor, under its subkey */
			assert_memory_equal(r.mech_list_mic.p, "\4\4\5\xff\xff\xff\xff\xff", 8);

			assert_int_equal(give(t, next_token(t), VIEW_NULL), WORKER_REPLY);
			assert_int_equal(t->len, 1);
			assert_int_equal(finish(t), 0);
		}
	}
}

/* The largest ticket that the keeper can bring. */
static void test_largest_ticket(void **unused)
{
	struct talk *t;
	struct spnego_resp r;
	struct view ticket;

	fresh_with_tgt(&krb5);
	tgt.record.ticket_len = TGT_MAX;
	keeper_give(keeper, &tgt);
	t = u2u_talk(&krb5, &tgt, &as_mstsc);
	send_start(t);
	assert_int_equal(give(t, next_token(t), VIEW_NULL), WORKER_REPLY);
	r = read_resp(t->reply.nego_token);
	assert_int_equal(tgt_reply_read(unframe(r.response_token, USER_TO_USER_TGT_REP), &ticket), 0);
	assert_int_equal(ticket.len, TGT_MAX);
	assert_int_equal(finish(t), 0);
	u2u_whole(u2u_talk(&krb5, &tgt, &as_mstsc));
}

/* Service tickets are still for those who can have them. */
static void test_service_tickets(void **unused)
{
	fresh_with_tgt(&krb5);
	for (int spnego = 0; spnego < 2; spnego++) {
		struct talk *t = service_talk(&krb5, spnego, long_term);

		whole(t, CLIENT);
		assert_int_equal(t->authenticated.user_to_user, 0);
	}
	u2u_whole(u2u_talk(&krb5, &tgt, &as_mstsc));
}

/* A template for user-to-user has no other key: its keytab file need not even be there. */
static void test_no_long_term_key(void **unused)
{
	fresh_with_tgt(&u2u_only);
	for (int spnego = 0; spnego < 2; spnego++) {
		struct talk *t = service_talk(&u2u_only, spnego, long_term);

		send_start(t);
		assert_int_equal(authenticate(t), WORKER_NOT_MINE);
		assert_int_equal(t->packet[1], 0);
		assert_int_equal(finish(t), 0);
	}
	u2u_whole(u2u_talk(&u2u_only, &tgt, &as_mstsc));
}

/* One for service tickets takes no ticket-granting ticket, and what begins with TGT-REQ is not for it. */
static void test_service_tickets_only(void **unused)
{
	struct talk *t;

	fresh_with_tgt(&service_only);
	t = u2u_talk(&service_only, &tgt, &as_mstsc);
	send_start(t);
	assert_int_equal(authenticate(t), WORKER_NOT_MINE);
	assert_int_equal(t->packet[1], WORKER_NO_TGT_OFF);
	assert_int_equal(finish(t), 0);
	whole(service_talk(&service_only, true, long_term), CLIENT);
	assert_int_equal(stop(&service_only), 0);
}

/* The server's key is bound as everywhere. */
static void test_binding(void **unused)
{
	fresh_with_tgt(&krb5);
	for (unsigned i = 0; i < 4; i++) {
		struct talk *t = u2u_talk(&krb5, &tgt, offers[i % 2]);

		t->late_key = i / 2;
		t->key = (const uint8_t *)"the key of somebody in between";
		t->key_len = sizeof public_key;
		send_start(t);
		refused(t, authenticate(t), REFUSAL_BINDING, 0);
	}
}

/* ---- which ticket ---- */

static void assert_shown(const struct tgt *want, struct buf components)
{
	struct talk *t = spawn(&krb5);
	struct spnego_resp r;
	struct view ticket;

	send_start(t);
	assert_int_equal(give(t, mstsc_init(components), VIEW_NULL), WORKER_REPLY);
	r = read_resp(t->reply.nego_token);
	assert_int_equal(tgt_reply_read(unframe(r.response_token, USER_TO_USER_TGT_REP), &ticket), 0);
	assert_int_equal(ticket.len, want->record.ticket_len);
	assert_memory_equal(ticket.p, want->record.ticket, ticket.len);
	assert_int_equal(finish(t), 0);
}

/* The client goes on without, and the log can say what it asked for. */
static void assert_not_shown(struct buf components, const char *name)
{
	struct talk *t = spawn(&krb5);

	send_start(t);
	assert_int_equal(give(t, mstsc_init(components), VIEW_NULL), WORKER_NOT_MINE);
	assert_int_equal(t->packet[1], 1);
	assert_string_equal(t->asked.server, name);
	assert_int_equal(receive(t), 0);
	assert_int_equal(finish(t), 0);
}

static void test_which_ticket(void **unused)
{
	static const struct keeper_names names = { .type = KEEPER_NAMES,
						   .n = 1,
						   .name = { { "TERMSRV/other.test", "" } } };
	struct tgt farm, machine;

	fresh_with_tgt(&krb5);
	tgt_make(&farm, "TERMSRV/farm.test.example@" REALM, ENCTYPE_AES256_CTS_HMAC_SHA1_96, 3600);
	tgt_make(&machine, "RDP$@" REALM, ENCTYPE_AES256_CTS_HMAC_SHA1_96, 3600);
	keeper_give(keeper, &farm);
	assert_shown(&tgt, JOIN(component(LIT("TERMSRV")), component(LIT(HOST))));
	assert_shown(&farm, JOIN(component(LIT("TERMSRV")), component(LIT("farm.test.example"))));
	assert_shown(&farm, JOIN(component(LIT("TERMSRV")), component(LIT("FARM.test.example"))));
	assert_not_shown(JOIN(component(LIT("TERMSRV")), component(LIT("10.0.0.1"))), "TERMSRV/10.0.0.1");
	keeper_give(keeper, &machine);
	/* what the keytab says is stronger than what may be */
	assert_int_equal(packet_send(keeper, &names, offsetof(struct keeper_names, name) + sizeof *names.name, NULL, 0),
			 0);
	keeper_wait(keeper);
	assert_not_shown(JOIN(component(LIT("TERMSRV")), component(LIT("other.test"))), "TERMSRV/other.test");
	assert_shown(&farm, JOIN(component(LIT("TERMSRV")), component(LIT("farm.test.example"))));
	assert_shown(&machine, JOIN(component(LIT("TERMSRV")), component(LIT("10.0.0.1"))));
	assert_shown(&machine, buf_new(0));
	/* each with its key */
	u2u_whole(u2u_talk(&krb5, &tgt, &as_mstsc));
	u2u_whole(u2u_talk(&krb5, &farm, &as_mstsc));
	u2u_whole(u2u_talk(&krb5, &machine, &as_mstsc));
	tgt_done(&farm);
	tgt_done(&machine);
}

/* ---- renewal ---- */

static void assert_key_refused(struct template *template, const struct tgt *with)
{
	struct talk *t = u2u_talk(template, with, &as_mstsc);

	send_start(t);
	refused(t, authenticate(t), REFUSAL_BAD_CREDENTIALS, NTSTATUS_LOGON_FAILURE);
	assert_true(t->failed.detail[0] != '\0');
}

/* Clients keep tickets that they got with the one before; but not for ever. */
static void test_renewal(void **unused)
{
	struct tgt renewed[1 + 2 * TGTS_MAX];
	const size_t n = sizeof renewed / sizeof *renewed;

	FOR_BOTH(template)
	{
		fresh_with_tgt(*template);
		for (size_t i = 0; i < n; i++) {
			tgt_make(&renewed[i], PRINCIPAL, ENCTYPE_AES256_CTS_HMAC_SHA1_96, 3600);
			keeper_give(keeper, &renewed[i]);
			if (i == 0) {
				u2u_whole(u2u_talk(*template, &tgt, &as_mstsc));
				u2u_whole(u2u_talk(*template, &renewed[0], &as_mstsc));
			}
		}
		/* there is no room for so many: the first ones have gone */
		assert_key_refused(*template, &tgt);
		assert_key_refused(*template, &renewed[0]);
		u2u_whole(u2u_talk(*template, &renewed[1], &as_mstsc));
		u2u_whole(u2u_talk(*template, &renewed[n - 1], &as_mstsc));
		for (size_t i = 0; i < n; i++)
			tgt_done(&renewed[i]);
	}
}

/* A exchange that has begun goes on with the ticket that it was shown. */
static void test_renewal_in_between(void **unused)
{
	struct tgt renewed;
	struct talk *t;

	fresh_with_tgt(&u2u_only);
	tgt_make(&renewed, PRINCIPAL, ENCTYPE_AES256_CTS_HMAC_SHA1_96, 3600);
	t = u2u_talk(&u2u_only, &tgt, &as_mstsc);
	keeper_give(keeper, &renewed);
	u2u_whole(t);
	u2u_whole(u2u_talk(&u2u_only, &renewed, &as_mstsc));
	tgt_done(&renewed);
}

/* ---- without a live ticket ---- */

static void assert_no_tgt(struct template *template, const struct offer *offer)
{
	struct talk *t = u2u_talk(template, &tgt, offer);

	send_start(t);
	assert_int_equal(authenticate(t), WORKER_NOT_MINE);
	assert_int_equal(t->len, sizeof(struct worker_not_mine));
	assert_int_equal(t->packet[1], 1);
	assert_string_equal(t->asked.server, "TERMSRV/" HOST); /* for the log */
	assert_int_equal(receive(t), 0);
	assert_int_equal(finish(t), 0);
	/* no other template could know it */
	t = u2u_talk(template, &tgt, offer);
	t->flags = WORKER_LAST_RESORT;
	send_start(t);
	refused(t, authenticate(t), REFUSAL_MECHANISM, refusal_ntstatus(REFUSAL_MECHANISM));
	assert_non_null(strstr(t->failed.detail, "no valid TGT"));
}

static void test_no_tgt(void **unused)
{
	FOR_BOTH(template)
	{
		fresh(*template);
		assert_no_tgt(*template, &as_mstsc);
		if (*template == &u2u_only) /* the other one asks FreeRDP for a service ticket: test_worker */
			assert_no_tgt(*template, &as_freerdp);
		keeper_give(keeper, &tgt);
		u2u_whole(u2u_talk(*template, &tgt, &as_mstsc));
		u2u_whole(u2u_talk(*template, &tgt, &as_freerdp));
	}
}

/* What the template has made for its self-handshake is not one. */
static void test_own_tgt_is_gone(void **unused)
{
	fresh(&u2u_only);
	assert_no_tgt(&u2u_only, &as_mstsc);
	keeper_give(keeper, &tgt);
	assert_shown(&tgt, buf_new(0));
}

static void test_expired(void **unused)
{
	struct tgt ended, live;

	tgt_make(&ended, "TERMSRV/ended@" REALM, ENCTYPE_AES256_CTS_HMAC_SHA1_96, 0);
	tgt_make(&live, PRINCIPAL, ENCTYPE_AES256_CTS_HMAC_SHA1_96, 3600);
	FOR_BOTH(template)
	{
		fresh(*template);
		keeper_give(keeper, &ended);
		assert_no_tgt(*template, &as_mstsc);
		keeper_give(keeper, &live);
		keeper_give(keeper, &ended); /* nothing has come since that could have driven it out */
		u2u_whole(u2u_talk(*template, &live, &as_mstsc));
		assert_key_refused(*template, &ended);
		/* it replaces a live one of the same principal: then there is none */
		ended.record.ends = (int64_t)time(NULL);
		memcpy(ended.record.principal, live.record.principal, sizeof ended.record.principal);
		keeper_give(keeper, &ended);
		assert_no_tgt(*template, &as_mstsc);
		(void)snprintf(ended.record.principal, sizeof ended.record.principal, "TERMSRV/ended@" REALM);
	}
	tgt_done(&ended);
	tgt_done(&live);
}

/* ---- keepers ---- */

static void give_octets(const void *p, size_t len)
{
	assert_int_equal(packet_send(keeper, p, len, NULL, 0), 0);
	keeper_wait(keeper);
}

/* What a keeper sends wrongly is not taken, and the template goes on with what it has. */
static void test_malformed_records(void **unused)
{
	const size_t head = offsetof(struct keeper_tgt, ticket);
	static uint8_t longer[sizeof(struct keeper_tgt) + 1];
	struct tgt other;
	struct keeper_tgt *r = &other.record;

	fresh_with_tgt(&u2u_only);
	tgt_make(&other, PRINCIPAL, ENCTYPE_AES256_CTS_HMAC_SHA1_96, 3600);
	memcpy(longer, r, sizeof *r);
	for (size_t len = 1; len < head + r->ticket_len; len += len < 16 || (len > head - 4 && len < head + 4) ? 1 : 97)
		give_octets(r, len);
	give_octets(r, head + r->ticket_len + 1U);
	give_octets(longer, sizeof longer);
	r->type = KEEPER_STATE;
	give_octets(r, head + r->ticket_len);
	r->type = KEEPER_TGT;
	r->enctype = ENCTYPE_ARCFOUR_HMAC;
	give_octets(r, head + r->ticket_len);
	r->enctype = ENCTYPE_AES256_CTS_HMAC_SHA1_96;
	r->key_len = 16;
	give_octets(r, head + r->ticket_len);
	r->key_len = 32;
	r->ticket_len = 0;
	give_octets(r, head);
	r->ticket_len = 300;
	memset(r->principal, 'a', sizeof r->principal);
	give_octets(r, head + r->ticket_len);
	assert_key_refused(&u2u_only, &other);
	u2u_whole(u2u_talk(&u2u_only, &tgt, &as_mstsc));
	(void)snprintf(r->principal, sizeof r->principal, PRINCIPAL);
	keeper_give(keeper, &other);
	u2u_whole(u2u_talk(&u2u_only, &other, &as_mstsc));
	tgt_done(&other);
}

/* A keeper goes: its tickets stay. Another one takes its place, before or after. */
static void test_keepers_come_and_go(void **unused)
{
	struct tgt other;
	int old;

	fresh_with_tgt(&u2u_only);
	tgt_make(&other, PRINCIPAL, ENCTYPE_AES256_CTS_HMAC_SHA1_96, 3600);
	keeper = close_fd(keeper);
	u2u_whole(u2u_talk(&u2u_only, &tgt, &as_mstsc));
	old = keeper_attach(&u2u_only);
	keeper = keeper_attach(&u2u_only);
	keeper_give(keeper, &other);
	u2u_whole(u2u_talk(&u2u_only, &other, &as_mstsc));
	u2u_whole(u2u_talk(&u2u_only, &tgt, &as_mstsc));
	/* the template has closed its end of the other one */
	assert_int_equal(packet_send(old, &tgt.record, sizeof tgt.record, NULL, 0), -EPIPE);
	(void)close(old);
	tgt_done(&other);
}

/* Only a supervisor that is broken says this: the template ends. */
static void test_wrong_keeper(void **unused)
{
	struct template_record r = { .type = TEMPLATE_KEEPER };
	int status, fd;

	fresh(&u2u_only);
	assert_int_equal(packet_send(u2u_only.control, &r, sizeof r, NULL, 0), 0);
	assert_int_equal(packet_recv(u2u_only.control, &r, sizeof r, NULL, 0), 0);
	status = stop(&u2u_only);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
	start(&ntlm);
	fd = keeper_attach(&ntlm);
	assert_int_equal(packet_recv(ntlm.control, &r, sizeof r, NULL, 0), 0);
	status = stop(&ntlm);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
	(void)close(fd);
}

static int set_up(void **unused)
{
	char lines[256];

	talk_set_up();
	assert_int_equal(krb5_init_context(&krb5_lib), 0);
	(void)snprintf(long_term, sizeof long_term, "FILE:%s", keytab_path);
	(void)snprintf(u2u_config, sizeof u2u_config, "%s/u2u.conf", talk_dir);
	make_config(u2u_config, "\tkerberos = user-to-user\n\tkeytab = /nonexistent\n");
	(void)snprintf(service_config, sizeof service_config, "%s/service.conf", talk_dir);
	(void)snprintf(lines, sizeof lines, "\tkerberos = service-ticket\n\tkeytab = %s\n", keytab_path);
	make_config(service_config, lines);
	tgt_make(&tgt, PRINCIPAL, ENCTYPE_AES256_CTS_HMAC_SHA1_96, 3600);
	return 0;
}

static int tear_down(void **unused)
{
	keeper = close_fd(keeper);
	FOR_BOTH(template)
	if ((*template)->control >= 0)
		assert_int_equal(stop(*template), 0);
	tgt_done(&tgt);
	krb5_free_context(krb5_lib);
	(void)unlink(u2u_config);
	(void)unlink(service_config);
	return talk_tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_enctypes),
		cmocka_unit_test(test_wire),
		cmocka_unit_test(test_largest_ticket),
		cmocka_unit_test(test_service_tickets),
		cmocka_unit_test(test_no_long_term_key),
		cmocka_unit_test(test_service_tickets_only),
		cmocka_unit_test(test_binding),
		cmocka_unit_test(test_which_ticket),
		cmocka_unit_test(test_renewal),
		cmocka_unit_test(test_renewal_in_between),
		cmocka_unit_test(test_no_tgt),
		cmocka_unit_test(test_own_tgt_is_gone),
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_malformed_records),
		cmocka_unit_test(test_keepers_come_and_go),
		cmocka_unit_test(test_wrong_keeper),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
