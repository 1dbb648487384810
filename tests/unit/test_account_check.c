/* SPDX-License-Identifier: MIT */
/* A logon and the answer of an account checker, which this program plays: see supervisor.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <security/pam_appl.h>

#include "tests/unit/supervisor.h"

static int checker_listener = -1, checker = -1;

static int setup_check(void **unused)
{
	start_all("");
	checker_listener = listen_at("account-checker");
	account_pool_free(supervisor->accounts);
	assert_int_equal(account_pool_new(event, "account-checker", &supervisor->accounts), 0);
	supervisor->logons.accounts = supervisor->accounts;
	account_check_reset(&supervisor->logons);
	checker = accept4(checker_listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(checker >= 0);
	return 0;
}

static int teardown_check(void **unused)
{
	checker = close_fd(checker);
	checker_listener = close_fd(checker_listener);
	(void)unlink("account-checker");
	stop_all();
	return 0;
}

static struct logon *newest(void)
{
	return TAILQ_FIRST(&supervisor->logons.list);
}

/* From Begin to the question about the account. */
static struct fake_logon begin_check(struct account_question *ret_question)
{
	struct fake_logon l = authenticate_krb5("192.0.2.1");

	(void)resolver_answers(REFUSAL_NONE, 1000, "alice");
	assert_int_equal(newest()->state, LOGON_CHECKING);
	assert_int_equal(take(checker, ret_question, sizeof *ret_question, NULL, 0), sizeof *ret_question);
	assert_no_packet(l.worker); /* no verdict before the answer */
	return l;
}

static void checker_answers(const struct account_question *q, int pam, enum refusal refusal, const char *detail)
{
	struct account_answer a = { .type = ACCOUNT_ANSWER, .id = q->id, .pam = pam, .refusal = (uint16_t)refusal };

	(void)snprintf(a.detail, sizeof a.detail, "%s", detail);
	assert_int_equal(packet_send(checker, &a, sizeof a, NULL, 0), 0);
	settle_down();
}

static void assert_granted(struct fake_logon *l)
{
	int pipe_fd = -1;

	assert_int_equal(take_verdict(l, &pipe_fd).granted, 1);
	(void)close_fd(pipe_fd);
	close_logon(l);
}

static void test_agrees(void **unused)
{
	struct account_question q;
	struct fake_logon l = begin_check(&q);

	assert_string_equal(q.service, "xrdp-sesman");
	assert_string_equal(q.user, "alice");
	assert_string_equal(q.rhost, "192.0.2.1");
	assert_int_equal(q.local_password, 0);
	checker_answers(&q, PAM_SUCCESS, REFUSAL_NONE, "");
	assert_granted(&l);
	assert_int_equal(supervisor->logons.account_check_log.results, 0);
}

static void test_refuses(void **unused)
{
	struct worker_failed f = { .type = WORKER_FAILED, .refusal = REFUSAL_INTERNAL, .version = 6 };
	struct account_question q;
	struct fake_logon l = begin_check(&q);
	struct worker_verdict v;
	int pipe_fd = -1;

	checker_answers(&q, PAM_ACCT_EXPIRED, REFUSAL_ACCOUNT_EXPIRED, "chage -E changes the date");
	v = take_verdict(&l, &pipe_fd);
	assert_int_equal(v.granted, 0);
	assert_int_equal(v.refusal, REFUSAL_ACCOUNT_EXPIRED);
	assert_int_equal(pipe_fd, -1);
	assert_string_equal(newest()->detail, "chage -E changes the date");
	worker_says(&l, &f, offsetof(struct worker_failed, reply));
	(void)assert_failed(&l, REFUSAL_ACCOUNT_EXPIRED);
	close_logon(&l);
}

/* Whose password it is decides whether a lock of this host's password counts. */
static void test_local_password(void **unused)
{
	for (unsigned by_domain = 0; by_domain < 2; by_domain++) {
		struct fake_logon l = authenticate_krb5("192.0.2.1");
		struct account_question q;

		newest()->worker.mechanism = MECHANISM_NTLM;
		newest()->proof.by_domain = (uint8_t)by_domain;
		(void)resolver_answers(REFUSAL_NONE, 1000, "alice");
		assert_int_equal(take(checker, &q, sizeof q, NULL, 0), sizeof q);
		assert_int_equal(q.local_password, !by_domain);
		checker_answers(&q, PAM_SUCCESS, REFUSAL_NONE, "");
		assert_granted(&l);
	}
}

/* The answer comes after the logon has ended: it is dropped, and the next logon gets its own. */
static void test_ended(void **unused)
{
	struct account_question q, later;
	struct fake_logon l = begin_check(&q);

	l.channel = close_fd(l.channel);
	settle_down();
	assert_int_equal(supervisor->logons.refusals[REFUSAL_CANCELLED], 1);
	assert_null(newest());
	checker_answers(&q, PAM_SUCCESS, REFUSAL_NONE, "");
	close_logon(&l);
	l = begin_check(&later);
	assert_int_not_equal(later.id, q.id);
	checker_answers(&later, PAM_PERM_DENIED, REFUSAL_ACCOUNT_RESTRICTION, "no");
	assert_int_equal(take_verdict(&l, &(int){ -1 }).granted, 0);
	close_logon(&l);
	/* the worker ends */
	l = begin_check(&q);
	l.worker = close_fd(l.worker);
	settle_down();
	(void)assert_failed(&l, REFUSAL_CRASHED);
	checker_answers(&q, PAM_SUCCESS, REFUSAL_NONE, "");
	assert_null(newest());
	close_logon(&l);
}

/* Neither a yes nor a no: the logon continues, and what has been logged is not logged again. */
static void test_no_verdict(void **unused)
{
	const struct account_check_log *log = &supervisor->logons.account_check_log;
	struct account_question q;
	struct fake_logon l = begin_check(&q);

	checker = close_fd(checker); /* the process ends */
	settle_down();
	assert_true(log->failing);
	assert_granted(&l);
	l = authenticate_krb5("192.0.2.1");
	(void)resolver_answers(REFUSAL_NONE, 1000, "alice");
	checker = accept4(checker_listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_int_equal(take(checker, &q, sizeof q, NULL, 0), sizeof q);
	checker_answers(&q, PAM_USER_UNKNOWN, REFUSAL_NONE, "PAM_USER_UNKNOWN");
	assert_false(log->failing);
	assert_int_equal(log->results, 1ULL << PAM_USER_UNKNOWN);
	assert_granted(&l);
	l = begin_check(&q);
	checker_answers(&q, -1, REFUSAL_NONE, "an undocumented result"); /* the last bit is for all others */
	assert_int_equal(log->results, 1ULL << PAM_USER_UNKNOWN | 1ULL << 63);
	assert_granted(&l);
	/* nothing listens: the logon does not wait */
	checker = close_fd(checker);
	checker_listener = close_fd(checker_listener);
	settle_down();
	l = authenticate_krb5("192.0.2.1");
	(void)resolver_answers(REFUSAL_NONE, 1000, "alice");
	assert_true(log->failing);
	assert_granted(&l);
}

static void test_off(void **unused)
{
	struct fake_logon l;
	char octet;

	supervisor->config.account_check = false;
	account_check_reset(&supervisor->logons);
	assert_int_equal(take(checker, &octet, 1, NULL, 0), 0);
	l = authenticate_krb5("192.0.2.1");
	(void)resolver_answers(REFUSAL_NONE, 1000, "alice");
	assert_granted(&l);
	assert_true(accept4(checker_listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) < 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_check, teardown_check)

static const struct CMUnitTest tests[] = {
	TEST(test_agrees), TEST(test_refuses),    TEST(test_local_password),
	TEST(test_ended),  TEST(test_no_verdict), TEST(test_off),
};

SUPERVISOR_TEST_MAIN(tests)
