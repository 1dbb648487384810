/* SPDX-License-Identifier: MIT */
/* One logon from Begin to the ticket, and each way that it can end before: see supervisor.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/supervisor.h"

static struct logon *newest(void)
{
	return TAILQ_FIRST(&supervisor->logons.list);
}

/* Nothing is left of any logon, and the verifier's and the templates' uses of it are over. */
static void assert_nothing_left(void)
{
	settle_down();
	assert_null(newest());
	assert_int_equal(supervisor->logons.live, 0);
}

/* Lets a deadline of the logon pass. */
static void pass(sd_event_source *deadline)
{
	assert_int_equal(sd_event_source_set_time(deadline, 1), 0);
	settle_down();
}

static void test_kerberos(void **unused)
{
	struct resolver_request q;
	struct fake_logon l = begin("192.0.2.1");
	struct worker_asked asked = { .type = WORKER_ASKED, .server = "TERMSRV/host" };
	struct worker_start start;
	struct channel_done done;
	int pipe_fd = -1;

	assert_int_equal(newest()->state, LOGON_FIRST);
	send_tsrequest(&l, "TGT-REQ");
	start = take_spawn(&l, KRB5, "TGT-REQ");
	assert_int_equal(start.flags & WORKER_LAST_RESORT, 0);
	worker_says(&l, &asked, sizeof asked);
	worker_replies(&l, "TGT-REP");
	assert_reply(&l, "TGT-REP");
	send_tsrequest(&l, "AP-REQ");
	assert_worker_gets(&l, "AP-REQ");
	worker_replies(&l, ""); /* the client continues without an answer */
	send_tsrequest(&l, "pubKeyAuth");
	assert_worker_gets(&l, "pubKeyAuth");
	worker_authenticates(&l, MECHANISM_KRB5, "alice@R.TEST");
	assert_int_equal(newest()->state, LOGON_RESOLVING);
	q = resolver_answers(REFUSAL_NONE, 1000, "alice");
	assert_int_equal(q.type, RESOLVE_PRINCIPAL);
	assert_string_equal(q.principal, "alice@R.TEST");
	assert_int_equal(newest()->state, LOGON_CONFIRMING);
	assert_int_equal(take_verdict(&l, &pipe_fd).granted, 1);
	(void)close(pipe_fd);
	worker_replies(&l, "confirmed");
	assert_reply(&l, "confirmed");
	send_tsrequest(&l, "authInfo");
	assert_worker_gets(&l, "authInfo");
	worker_delegates(&l, CREDENTIAL_PASSWORD, "alice");
	l.worker = close_fd(l.worker); /* its end is expected now */
	settle_down();
	assert_int_equal(newest()->state, LOGON_COMPARING);
	q = resolver_answers(REFUSAL_NONE, 1000, "alice");
	assert_int_equal(q.type, RESOLVE_DELEGATED);
	assert_string_equal(q.user, "alice");
	assert_int_equal(take(l.channel, &done, sizeof done, NULL, 0), sizeof done);
	assert_string_equal(done.user, "alice");
	assert_string_equal(done.mechanism, "krb5");
	assert_int_equal(done.version, 6);
	assert_int_equal(supervisor->logons.granted, 1);
	assert_int_equal(tickets_outstanding(supervisor->tickets), 1);
	assert_nothing_left();
	close_logon(&l);
	assert_int_equal(tickets_counters(supervisor->tickets)->revoked, 1);
}

/* ---- NTLM ---- */

static struct fake_logon begin_ntlm(void)
{
	struct verifier_control attach = { 0 };
	struct fake_logon l = begin("192.0.2.1");
	int fds[1] = { -1 };

	send_tsrequest(&l, "xNTLMSSP");
	(void)take_spawn(&l, NTLM, "xNTLMSSP");
	assert_int_equal(take(control[VERIFIER], &attach, sizeof attach, fds, 1), sizeof attach);
	assert_int_equal(attach.type, VERIFIER_ATTACH);
	assert_int_equal(attach.id, l.id);
	(void)close(fds[0]);
	worker_replies(&l, "CHALLENGE");
	assert_reply(&l, "CHALLENGE");
	send_tsrequest(&l, "AUTHENTICATE");
	assert_worker_gets(&l, "AUTHENTICATE");
	return l;
}

static void verifier_says(const struct verifier_result *r)
{
	assert_int_equal(packet_send(control[VERIFIER], r, sizeof *r, NULL, 0), 0);
	settle_down();
}

static void test_ntlm(void **unused)
{
	struct fake_logon l = begin_ntlm();
	struct verifier_result r = {
		.type = VERIFIER_RESULT, .granted = 1, .uid = 1000, .logon = l.id, .name = "alice"
	};
	struct resolver_request q;
	struct channel_done done;

	r.asked = 1; /* a domain is being asked */
	verifier_says(&r);
	assert_false(newest()->proved);
	r.asked = 0;
	verifier_says(&r);
	worker_authenticates(&l, MECHANISM_NTLM, "ALICE");
	q = resolver_answers(REFUSAL_NONE, 1000, "alice");
	assert_int_equal(q.type, RESOLVE_ACCOUNT);
	assert_int_equal(q.uid, 1000);
	assert_int_equal(take_verdict(&l, &(int){ -1 }).granted, 1);
	worker_replies(&l, "confirmed");
	assert_reply(&l, "confirmed");
	send_tsrequest(&l, "authInfo");
	assert_worker_gets(&l, "authInfo");
	done = finish_logon(&l);
	assert_string_equal(done.mechanism, "ntlm");
	close_logon(&l);
	assert_nothing_left();
}

/* The worker's claim counts for nothing without the verifier. */
static void test_unproved(void **unused)
{
	struct fake_logon l = begin_ntlm();

	worker_authenticates(&l, MECHANISM_NTLM, "ALICE");
	(void)assert_failed(&l, REFUSAL_CRASHED);
	close_logon(&l);
	assert_nothing_left();
}

/* The verifier's no stands, whatever the worker says or does not say. */
static void test_wrong_password(void **unused)
{
	struct fake_logon l = begin_ntlm();
	struct verifier_result r = {
		.type = VERIFIER_RESULT, .refusal = REFUSAL_BAD_PASSWORD, .logon = l.id, .name = "alice"
	};
	struct worker_failed f = { .type = WORKER_FAILED, .refusal = REFUSAL_PROTOCOL, .version = 6 };

	verifier_says(&r);
	memcpy(f.reply, "code", 4);
	worker_says(&l, &f, offsetof(struct worker_failed, reply) + 4);
	assert_reply(&l, "code");
	assert_int_equal(assert_failed(&l, REFUSAL_BAD_PASSWORD).alert, 0); /* told by errorCode */
	close_logon(&l);
	l = begin_ntlm();
	r.logon = l.id;
	verifier_says(&r);
	l.channel = close_fd(l.channel); /* not read in the worker's turn */
	worker_says(&l, &f, offsetof(struct worker_failed, reply));
	assert_int_equal(supervisor->logons.refusals[REFUSAL_BAD_PASSWORD], 2);
	close_logon(&l);
	r.logon = 1; /* of a logon that is over: ignored */
	verifier_says(&r);
	assert_nothing_left();
}

/* A client that leaves before its guess was answered has made the guess. */
static void test_abandoned(void **unused)
{
	struct fake_logon l = begin_ntlm();

	l.channel = close_fd(l.channel);
	settle_down();
	assert_int_equal(supervisor->logons.refusals[REFUSAL_ABANDONED], 1);
	close_logon(&l);
	assert_nothing_left();
}

static void test_bad_result(void **unused)
{
	struct verifier_result r = { .type = VERIFIER_RESULT };
	struct fake_logon l = begin_ntlm();

	memset(r.name, 'x', sizeof r.name);
	verifier_says(&r); /* the verifier is killed for it */
	assert_null(service_current(supervisor->services.verifier));
	assert_null(newest()->worker.verifier);
	close_logon(&l);
	assert_nothing_left();
}

/* ---- the template ---- */

/* A worker that does not know the token: the same bytes go to the other template, once. */
static void test_not_mine(void **unused)
{
	struct worker_not_mine n = { .type = WORKER_NOT_MINE, .no_tgt = 1 };
	struct fake_logon l = begin("192.0.2.1");
	struct worker_start start;
	uint8_t ping;

	send_tsrequest(&l, "SPNEGO");
	start = take_spawn(&l, KRB5, "SPNEGO");
	worker_says(&l, &n, sizeof n);
	/* without a ticket-granting ticket the keeper is suspect */
	do
		assert_int_equal(take(control[KEEPER], &ping, 1, &(int){ -1 }, 1), 1);
	while (ping != KEEPER_PING);
	start = take_spawn(&l, NTLM, "SPNEGO");
	assert_int_equal(start.flags & WORKER_LAST_RESORT, WORKER_LAST_RESORT);
	n.no_tgt = 0;
	worker_says(&l, &n, sizeof n);
	(void)assert_failed(&l, REFUSAL_MECHANISM);
	close_logon(&l);
	assert_nothing_left();
}

static void test_no_template(void **unused)
{
	struct fake_logon l;

	control[KRB5] = close_fd(control[KRB5]);
	settle_down();
	while (service_current(supervisor->services.krb5))
		turn(10);
	l = begin("192.0.2.1");
	send_tsrequest(&l, "AP-REQ");
	(void)assert_failed(&l, REFUSAL_UNAVAILABLE);
	close_logon(&l);
	control[VERIFIER] = close_fd(control[VERIFIER]);
	while (service_current(supervisor->services.verifier))
		turn(10);
	l = begin("192.0.2.1");
	send_tsrequest(&l, "NTLMSSP");
	(void)assert_failed(&l, REFUSAL_UNAVAILABLE);
	close_logon(&l);
	assert_nothing_left();
}

/* The end of a worker: its own fault, or its template's. */
static void test_worker_ends(void **unused)
{
	struct template_record exited = { .type = TEMPLATE_EXITED, .status = SIGSEGV };
	struct fake_logon l = begin("192.0.2.1");

	send_tsrequest(&l, "AP-REQ");
	(void)take_spawn(&l, KRB5, "AP-REQ");
	l.worker = close_fd(l.worker);
	(void)assert_failed(&l, REFUSAL_CRASHED);
	close_logon(&l);
	exited.logon = l.id;
	assert_int_equal(packet_send(control[KRB5], &exited, sizeof exited, NULL, 0), 0);
	settle_down();
	assert_int_equal(supervisor->services.crashes, 1);
	play_next(KRB5, supervisor->services.krb5); /* with another layout */

	l = begin("192.0.2.2");
	send_tsrequest(&l, "AP-REQ");
	(void)take_spawn(&l, KRB5, "AP-REQ");
	control[KRB5] = close_fd(control[KRB5]);
	while (newest()->worker.template)
		turn(10);
	l.worker = close_fd(l.worker);
	(void)assert_failed(&l, REFUSAL_UNAVAILABLE);
	close_logon(&l);
	assert_nothing_left();
}

/* ---- malformed, and out of order ---- */

static struct fake_logon begin_krb5(void)
{
	struct fake_logon l = begin("192.0.2.1");

	send_tsrequest(&l, "AP-REQ");
	(void)take_spawn(&l, KRB5, "AP-REQ");
	return l;
}

static void test_malformed(void **unused)
{
	struct worker_authenticated a = { .type = WORKER_AUTHENTICATED, .mechanism = MECHANISM_KRB5, .version = 6 };
	struct worker_delegated d = { .type = WORKER_DELEGATED, .kind = CREDENTIAL_PASSWORD };
	struct fake_logon l = begin_krb5();
	static uint8_t large[WORKER_PACKET_MAX + 100];

	backoff_configure(supervisor->backoff, 1000, 0);
	worker_says(&l, "\x63", 1);
	(void)assert_failed(&l, REFUSAL_CRASHED);
	close_logon(&l);
	l = begin_krb5();
	worker_says(&l, &d, 10);
	(void)assert_failed(&l, REFUSAL_CRASHED);
	close_logon(&l);
	l = begin_krb5();
	worker_says(&l, &d, sizeof d); /* out of order */
	(void)assert_failed(&l, REFUSAL_CRASHED);
	close_logon(&l);
	l = begin_krb5();
	large[0] = WORKER_REPLY;
	worker_says(&l, large, sizeof large);
	(void)assert_failed(&l, REFUSAL_CRASHED);
	close_logon(&l);
	/* strings that do not end, a mechanism and a version that are not the worker's */
	for (unsigned i = 0; i < 4; i++) {
		struct worker_authenticated bad = a;

		if (i == 0)
			memset(bad.principal, 'x', sizeof bad.principal);
		else if (i == 1)
			memset(bad.account, 'x', sizeof bad.account);
		else if (i == 2)
			bad.mechanism = MECHANISM_NTLM;
		else
			bad.version = 7;
		l = begin_krb5();
		worker_replies(&l, "AP-REP");
		send_tsrequest(&l, "pubKeyAuth");
		settle_down();
		worker_says(&l, &bad, sizeof bad);
		assert_reply(&l, "AP-REP");
		(void)assert_failed(&l, REFUSAL_CRASHED);
		close_logon(&l);
	}
	l = authenticate_krb5("192.0.2.1");
	confirm(&l);
	memset(d.user, 'x', sizeof d.user);
	worker_says(&l, &d, sizeof d);
	(void)assert_failed(&l, REFUSAL_CRASHED);
	close_logon(&l);
	assert_nothing_left();
}

static void test_front_end(void **unused)
{
	struct fake_logon l = begin("192.0.2.1");

	assert_int_equal(packet_send(l.channel, "\x63x", 2, NULL, 0), 0); /* no TSRequest */
	(void)assert_failed(&l, REFUSAL_PROTOCOL);
	close_logon(&l);
	l = begin("192.0.2.1");
	l.channel = close_fd(l.channel);
	settle_down();
	assert_int_equal(supervisor->logons.refusals[REFUSAL_CANCELLED], 1);
	/* it leaves as the worker's reply is on its way */
	l = begin_krb5();
	l.channel = close_fd(l.channel);
	{
		uint8_t reply[] = { WORKER_REPLY, 'x' };

		assert_int_equal(packet_send(l.worker, reply, sizeof reply, NULL, 0), 0);
	}
	settle_down();
	assert_int_equal(supervisor->logons.refusals[REFUSAL_CANCELLED], 2);
	close_logon(&l);
	/* the client waits for its account's answer and leaves */
	l = authenticate_krb5("192.0.2.1");
	l.channel = close_fd(l.channel);
	settle_down();
	assert_int_equal(supervisor->logons.refusals[REFUSAL_CANCELLED], 3);
	(void)resolver_answers(REFUSAL_NONE, 1000, "alice"); /* is dropped */
	close_logon(&l);
	assert_nothing_left();
}

/* ---- the account ---- */

static void test_no_account(void **unused)
{
	struct worker_failed f = { .type = WORKER_FAILED, .refusal = REFUSAL_INTERNAL, .version = 6 };
	struct fake_logon l = authenticate_krb5("192.0.2.1");
	struct worker_verdict v;

	(void)resolver_answers(REFUSAL_NOT_ALLOWED, 0, "alice");
	v = take_verdict(&l, &(int){ -1 });
	assert_int_equal(v.granted, 0);
	assert_int_equal(v.refusal, REFUSAL_NOT_ALLOWED);
	worker_says(&l, &f, offsetof(struct worker_failed, reply));
	assert_int_equal(assert_failed(&l, REFUSAL_NOT_ALLOWED).alert, 49);
	close_logon(&l);
	/* the worker has ended meanwhile */
	l = authenticate_krb5("192.0.2.1");
	(void)sd_event_source_set_enabled(newest()->worker.io, SD_EVENT_OFF);
	l.worker = close_fd(l.worker);
	(void)resolver_answers(REFUSAL_NOT_ALLOWED, 0, "alice");
	(void)assert_failed(&l, REFUSAL_NOT_ALLOWED);
	close_logon(&l);
	l = authenticate_krb5("192.0.2.1");
	(void)sd_event_source_set_enabled(newest()->worker.io, SD_EVENT_OFF);
	l.worker = close_fd(l.worker);
	(void)resolver_answers(REFUSAL_NONE, 1000, "alice");
	(void)assert_failed(&l, REFUSAL_CRASHED);
	close_logon(&l);
	assert_nothing_left();
}

/* No answer of the name service: the log names it, the worker is told no. */
static void test_no_answer(void **unused)
{
	struct fake_logon l = authenticate_krb5("192.0.2.1");

	control[RESOLVER] = close_fd(control[RESOLVER]);
	second_resolver = close_fd(second_resolver);
	settle_down();
	assert_int_equal(newest()->state, LOGON_REFUSING);
	assert_string_equal(newest()->detail, "no answer from the name service (nsswitch.conf)");
	assert_int_equal(take_verdict(&l, &(int){ -1 }).refusal, REFUSAL_UNAVAILABLE);
	close_logon(&l);
	assert_nothing_left();
}

static void test_mismatch(void **unused)
{
	struct fake_logon l = authenticate_krb5("192.0.2.1");

	confirm(&l);
	worker_delegates(&l, CREDENTIAL_PASSWORD, "bob");
	(void)resolver_answers(REFUSAL_NONE, 1001, "bob");
	(void)assert_failed(&l, REFUSAL_MISMATCH);
	close_logon(&l);
	l = authenticate_krb5("192.0.2.1");
	confirm(&l);
	worker_delegates(&l, CREDENTIAL_PASSWORD, "bob");
	(void)resolver_answers(REFUSAL_UNKNOWN_USER, 0, "bob");
	(void)assert_failed(&l, REFUSAL_UNKNOWN_USER);
	close_logon(&l);
	assert_int_equal(tickets_outstanding(supervisor->tickets), 0);
	assert_nothing_left();
}

/* ---- the credentials ---- */

static void test_kinds(void **unused)
{
	struct logon_peer guard = { .rhost = "192.0.2.1", .remote_guard = true };
	struct worker_failed f = { .type = WORKER_FAILED,
				   .refusal = REFUSAL_CREDENTIAL_KIND,
				   .kind = CREDENTIAL_SMARTCARD };
	struct fake_logon l = authenticate_krb5("192.0.2.1");
	struct resolver_request q;

	confirm(&l);
	worker_delegates(&l, CREDENTIAL_REMOTE_GUARD, ""); /* was not negotiated */
	(void)assert_failed(&l, REFUSAL_CREDENTIAL_KIND);
	close_logon(&l);
	/* the worker refuses a card by the flags that it was given; the reason is the supervisor's */
	supervisor->config.smartcard = CONFIG_SMARTCARD_REFUSE;
	l = authenticate_krb5("192.0.2.1");
	confirm(&l);
	worker_says(&l, &f, offsetof(struct worker_failed, reply));
	(void)assert_failed(&l, REFUSAL_CREDENTIAL_KIND);
	close_logon(&l);
	supervisor->config.smartcard = CONFIG_SMARTCARD_PKINIT;
	/* a card with a domain and no user: the authenticated name has to belong to it */
	l = authenticate_krb5("192.0.2.1");
	confirm(&l);
	{
		struct worker_delegated d = { .type = WORKER_DELEGATED, .kind = CREDENTIAL_SMARTCARD, .domain = "R" };

		worker_says(&l, &d, sizeof d);
	}
	q = resolver_answers(REFUSAL_NONE, 1000, "alice");
	assert_string_equal(q.user, "alice");
	assert_string_equal(q.domain, "R");
	close_logon(&l);
	/* text of a worker that was taken over, after the end of its empty name, is no part of the name */
	l = authenticate_krb5("192.0.2.1");
	confirm(&l);
	{
		struct worker_delegated d = { .type = WORKER_DELEGATED, .kind = CREDENTIAL_SMARTCARD, .domain = "R" };

		memset(d.user + 1, 'x', sizeof d.user - 1);
		worker_says(&l, &d, sizeof d);
	}
	q = resolver_answers(REFUSAL_NONE, 1000, "alice");
	assert_string_equal(q.user, "alice");
	close_logon(&l);
	/* a card without any hint: the authenticated account alone */
	l = authenticate_krb5("192.0.2.1");
	confirm(&l);
	worker_delegates(&l, CREDENTIAL_SMARTCARD, "");
	q = resolver_answers(REFUSAL_NONE, 1000, "alice");
	assert_int_equal(q.type, RESOLVE_ACCOUNT);
	close_logon(&l);
	/* remote guard was negotiated and is switched off: refused before the client is confirmed */
	supervisor->config.remote_guard = CONFIG_REMOTE_GUARD_REFUSE;
	assert_int_equal(begin_from(4243, &guard, &l), 0);
	send_tsrequest(&l, "AP-REQ");
	(void)take_spawn(&l, KRB5, "AP-REQ");
	worker_replies(&l, "AP-REP");
	assert_reply(&l, "AP-REP");
	send_tsrequest(&l, "pubKeyAuth");
	assert_worker_gets(&l, "pubKeyAuth");
	worker_authenticates(&l, MECHANISM_KRB5, "alice@R.TEST");
	(void)resolver_answers(REFUSAL_NONE, 1000, "alice");
	assert_int_equal(take_verdict(&l, &(int){ -1 }).refusal, REFUSAL_CREDENTIAL_KIND);
	close_logon(&l);
	assert_nothing_left();
}

/* With HYBRID_EX a refusal after authInfo is told by an early result. */
static void test_early(void **unused)
{
	struct logon_peer early = { .rhost = "192.0.2.1", .early_authorization = true };
	struct fake_logon l;
	struct worker_start start;

	assert_int_equal(begin_from(4243, &early, &l), 0);
	send_tsrequest(&l, "AP-REQ");
	start = take_spawn(&l, KRB5, "AP-REQ");
	assert_int_equal(start.flags & WORKER_EARLY_AUTHORIZATION, WORKER_EARLY_AUTHORIZATION);
	worker_replies(&l, "AP-REP");
	assert_reply(&l, "AP-REP");
	send_tsrequest(&l, "pubKeyAuth");
	assert_worker_gets(&l, "pubKeyAuth");
	worker_authenticates(&l, MECHANISM_KRB5, "alice@R.TEST");
	confirm(&l);
	worker_delegates(&l, CREDENTIAL_PASSWORD, "bob");
	(void)resolver_answers(REFUSAL_NONE, 1001, "bob");
	assert_int_equal(assert_failed(&l, REFUSAL_MISMATCH).early_result, CHANNEL_EARLY_ACCESS_DENIED);
	close_logon(&l);
	assert_nothing_left();
}

/* The front end has left when the ticket is issued: it is revoked. */
static void test_front_end_gone_at_the_end(void **unused)
{
	struct fake_logon l = authenticate_krb5("192.0.2.1");

	confirm(&l);
	worker_delegates(&l, CREDENTIAL_PASSWORD, "alice");
	(void)sd_event_source_set_enabled(newest()->channel_io, SD_EVENT_OFF);
	l.channel = close_fd(l.channel);
	(void)resolver_answers(REFUSAL_NONE, 1000, "alice");
	assert_int_equal(tickets_outstanding(supervisor->tickets), 0);
	assert_int_equal(tickets_counters(supervisor->tickets)->revoked, 1);
	close_logon(&l);
	assert_nothing_left();
}

/* ---- deadlines ---- */

static void test_deadlines(void **unused)
{
	struct fake_logon l = begin("192.0.2.1");
	struct template_record ping = { 0 };
	uint64_t left;

	pass(newest()->turn); /* no first TSRequest */
	(void)assert_failed(&l, REFUSAL_TIMEOUT);
	close_logon(&l);
	/* the client's turn: a person and a KDC have two minutes, and it is no failure */
	l = begin_krb5();
	worker_replies(&l, "AP-REP");
	assert_reply(&l, "AP-REP");
	assert_int_equal(sd_event_source_get_time(newest()->turn, &left), 0);
	assert_true(left - clock_usec() > 60 * USEC_PER_SEC);
	pass(newest()->turn);
	assert_int_equal(assert_failed(&l, REFUSAL_TIMEOUT).failure, 0);
	close_logon(&l);
	/* the worker's turn */
	l = begin_krb5();
	pass(newest()->turn);
	(void)assert_failed(&l, REFUSAL_UNAVAILABLE);
	do
		assert_int_equal(take(control[KRB5], &ping, sizeof ping, NULL, 0), sizeof ping);
	while (ping.type != TEMPLATE_PING);
	close_logon(&l);
	/* the whole */
	l = begin_krb5();
	worker_replies(&l, "AP-REP");
	assert_reply(&l, "AP-REP");
	assert_int_equal(sd_event_source_get_time(newest()->deadline, &left), 0);
	assert_true(left - clock_usec() > 500 * USEC_PER_SEC);
	pass(newest()->deadline);
	(void)assert_failed(&l, REFUSAL_TIMEOUT);
	close_logon(&l);
	l = authenticate_krb5("192.0.2.1");
	pass(newest()->deadline); /* the resolver's turn has no deadline here */
	(void)assert_failed(&l, REFUSAL_UNAVAILABLE);
	close_logon(&l);
	assert_nothing_left();
}

/* ---- answers of one address are judged one after the other ---- */

static void test_judging(void **unused)
{
	struct fake_logon a, b;
	struct worker_failed f = { .type = WORKER_FAILED, .refusal = REFUSAL_BAD_CREDENTIALS };

	backoff_configure(supervisor->backoff, 1, 60);
	a = begin_krb5();
	worker_replies(&a, "AP-REP");
	assert_reply(&a, "AP-REP");
	b = begin("192.0.2.1");
	send_tsrequest(&b, "AP-REQ");
	(void)take_spawn(&b, KRB5, "AP-REQ");
	worker_replies(&b, "AP-REP");
	assert_reply(&b, "AP-REP");
	send_tsrequest(&a, "pubKeyAuth");
	assert_worker_gets(&a, "pubKeyAuth");
	send_tsrequest(&b, "pubKeyAuth");
	assert_no_packet(b.worker);
	assert_true(newest()->queued);
	worker_says(&a, &f, offsetof(struct worker_failed, reply));
	(void)assert_failed(&a, REFUSAL_BAD_CREDENTIALS);
	(void)assert_failed(&b, REFUSAL_BACKOFF); /* the free failure is used up */
	close_logon(&a);
	close_logon(&b);
	/* one that waits and leaves */
	backoff_configure(supervisor->backoff, 2, 60);
	a = begin_krb5();
	worker_replies(&a, "AP-REP");
	b = begin("192.0.2.1");
	send_tsrequest(&b, "AP-REQ");
	(void)take_spawn(&b, KRB5, "AP-REQ");
	worker_replies(&b, "AP-REP");
	send_tsrequest(&a, "pubKeyAuth");
	settle_down();
	send_tsrequest(&b, "pubKeyAuth");
	settle_down();
	assert_true(newest()->queued);
	b.channel = close_fd(b.channel);
	settle_down();
	assert_int_equal(supervisor->logons.refusals[REFUSAL_CANCELLED], 1);
	close_logon(&a);
	close_logon(&b);
	assert_nothing_left();
}

static void test_states(void **unused)
{
	unsigned count[LOGON_STATES_];
	struct fake_logon l = begin_krb5();

	logons_states(&supervisor->logons, count);
	assert_int_equal(count[LOGON_OPENING], 1);
	assert_int_equal(count[LOGON_FIRST], 0);
	close_logon(&l);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_all, teardown_all)

static const struct CMUnitTest tests[] = {
	TEST(test_kerberos),
	TEST(test_ntlm),
	TEST(test_unproved),
	TEST(test_wrong_password),
	TEST(test_abandoned),
	TEST(test_bad_result),
	TEST(test_not_mine),
	TEST(test_no_template),
	TEST(test_worker_ends),
	TEST(test_malformed),
	TEST(test_front_end),
	TEST(test_no_account),
	TEST(test_no_answer),
	TEST(test_mismatch),
	TEST(test_kinds),
	TEST(test_early),
	TEST(test_front_end_gone_at_the_end),
	TEST(test_deadlines),
	TEST(test_judging),
	TEST(test_states),
};

SUPERVISOR_TEST_MAIN(tests)
