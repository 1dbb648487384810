/* SPDX-License-Identifier: MIT */
/* Not under valgrind: it is too slow for the delays that are measured. */
/* When a worker hears what the domain says. The domain is a function here. */
#include "tests/unit/templates.h"

#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#include "common/base/refusal.h"
#include "common/initiator/initiator.h"
#include "credsspd/ntlm-verifier/ntlm-verifier-private.h"

#define SID "S-1-5-21-1-2-3-1104"
#define FIRST_DELAY_MSEC 250

static char *domains[] = { (char[]){ "CORP" }, (char[]){ "ad.example" }, NULL };
static const struct config config = { .ntlm = CONFIG_NTLM_WINBIND, .domains = domains };

static struct verifier v;
static int control = -1;
static bool is_account;
static unsigned takes_msec;

/* In a process of its own. */
static void ask_domain(const void *context, const struct winbind_question *question, struct winbind_reply *r)
{
	(void)usleep(takes_msec * 1000);
	*r = (struct winbind_reply){ .refusal = is_account ? REFUSAL_BAD_PASSWORD : REFUSAL_UNKNOWN_USER,
				     .uid = (uid_t)-1 };
	if (is_account)
		memcpy(r->account, SID, sizeof SID);
}

static int set_up(void **unused)
{
	int pair[2];

	assert_true(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
	assert_int_equal(packet_pair(0, pair), 0);
	control = pair[0];
	v = (struct verifier){ .control = pair[1], .config = &config };
	assert_true(sd_event_new(&v.event) >= 0);
	v.askers = askers_new(v.event, ask_domain, NULL);
	v.throttle = throttle_new();
	assert_non_null(v.askers);
	assert_non_null(v.throttle);
	assert_int_equal(ntlm_host_names(NULL, &v.names), 0);
	assert_int_equal(domains_load(&config, &v.domains), 0);
	is_account = true;
	takes_msec = 0;
	return 0;
}

static int tear_down(void **unused)
{
	while (!LIST_EMPTY(&v.questions))
		question_free(LIST_FIRST(&v.questions));
	askers_free(v.askers);
	throttle_free(v.throttle);
	domains_done(&v.domains);
	(void)sd_event_unref(v.event);
	(void)close_fd(v.control);
	control = close_fd(control);
	return 0;
}

static unsigned now_msec(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
	return (unsigned)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

static size_t make_query(const struct verifier_challenge *c, const char *domain, const char *user,
			 struct verifier_query *q)
{
	struct initiator *i;
	struct ntlm_authenticate a;
	uint8_t message[NTLM_CHALLENGE_MAX];
	struct view token;
	size_t n;

	assert_int_equal(initiator_new_ntlm(user, "a guess", false, &i), 0);
	assert_int_equal(initiator_step(i, VIEW_NULL, &token), 1);
	assert_int_equal(ntlm_challenge_write(NTLM_REQUIRED, &v.names, c->server_challenge, c->timestamp, message,
					      sizeof message, &n),
			 0);
	assert_int_equal(initiator_step(i, (struct view){ message, n }, &token), 0);
	assert_int_equal(ntlm_authenticate_read(token, &a), 0);
	*q = (struct verifier_query){ .type = VERIFIER_QUERY, .nt_response_len = (uint32_t)a.nt_response.len };
	(void)snprintf(q->user, sizeof q->user, "%s", user);
	(void)snprintf(q->domain, sizeof q->domain, "%s", domain);
	memcpy(q->nt_response, a.nt_response.p, a.nt_response.len);
	initiator_free(i);
	return offsetof(struct verifier_query, nt_response) + a.nt_response.len;
}

/* A wrong guess; the milliseconds until the worker hears that. */
static unsigned guess(const char *domain, const char *user)
{
	static struct verifier_query q;
	struct verifier_challenge c;
	struct verifier_answer a;
	struct verifier_result r;
	unsigned began;
	int pair[2];

	assert_int_equal(packet_pair(SOCK_NONBLOCK, pair), 0);
	question_attach(&v, 1, &pair[1]);
	assert_int_equal(packet_recv(pair[0], &c, sizeof c, NULL, 0), sizeof c);
	size_t len = make_query(&c, domain, user, &q);

	began = now_msec();
	assert_int_equal(packet_send(pair[0], &q, len, NULL, 0), 0);
	while (packet_recv(pair[0], &a, sizeof a, NULL, 0) < 0)
		assert_true(sd_event_run(v.event, 20000) >= 0);
	assert_int_equal(a.granted, 0);
	(void)close(pair[0]);
	/* it asks, and what it hears */
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(packet_recv(control, &r, sizeof r, NULL, 0), sizeof r);
	assert_string_equal(refusal_word(r.refusal),
			    refusal_word(is_account ? REFUSAL_BAD_PASSWORD : REFUSAL_UNKNOWN_USER));
	return now_msec() - began;
}

/* ---- tests ---- */

/* Together they would be longer than a worker may take: WORKER_STEP_TIMEOUT_SEC. */
static void test_delay_while_the_domain_is_asked(void **unused)
{
	const unsigned delay = FIRST_DELAY_MSEC << 3;
	unsigned took;

	for (unsigned i = 0; i < ACCOUNT_DELAY_FREE_FAILURES + 3; i++)
		(void)throttle_charge(v.throttle, true, SID, (uint64_t)now_msec() * 1000);
	takes_msec = delay - 500;
	took = guess("CORP", "alice");
	assert_true(took >= delay);
	if (took > delay + takes_msec / 2)
		fail_msg("%u ms", took);
	assert_true(WINBIND_TIMEOUT_SEC * 1000 < WORKER_STEP_TIMEOUT_SEC * 1000 &&
		    ACCOUNT_DELAY_MAX_MSEC < WORKER_STEP_TIMEOUT_SEC * 1000);
}

/* However the name is written, an account that there is is answered as late as one that there is not. */
static void test_forms_of_a_name(void **unused)
{
	static const struct {
		const char *domain, *user;
	} form[] = {
		{ "CORP", "bob" },        { "ad.example", "Bob" },      { "", "bob" },
		{ "", "bob@ad.example" }, { "CORP", "bob@ad.EXAMPLE" }, { "", "CORP\\bob" },
	};

	for (int exists = 0; exists < 2; exists++) {
		is_account = exists;
		for (size_t i = 0; i < ACCOUNT_DELAY_FREE_FAILURES; i++)
			assert_true(guess(form[i].domain, form[i].user) < FIRST_DELAY_MSEC);
		assert_true(guess(form[5].domain, form[5].user) >= FIRST_DELAY_MSEC);
		(void)tear_down(unused);
		(void)set_up(unused);
	}
	/* another domain's is counted apart */
	is_account = false;
	for (size_t i = 0; i <= ACCOUNT_DELAY_FREE_FAILURES; i++)
		(void)guess("CORP", "bob");
	assert_true(guess("OTHER", "bob") < FIRST_DELAY_MSEC);
}

/* Names that contradict each other are refused without a question to the domain; the line names both. */
static void test_contradiction(void **unused)
{
	static struct verifier_query q;
	struct verifier_challenge c;
	struct verifier_answer a;
	struct verifier_result r;
	int pair[2];

	assert_int_equal(packet_pair(SOCK_NONBLOCK, pair), 0);
	question_attach(&v, 1, &pair[1]);
	assert_int_equal(packet_recv(pair[0], &c, sizeof c, NULL, 0), sizeof c);
	size_t len = make_query(&c, "FOREIGN", "bob@ad.example", &q);

	assert_int_equal(packet_send(pair[0], &q, len, NULL, 0), 0);
	while (packet_recv(pair[0], &a, sizeof a, NULL, 0) < 0)
		assert_true(sd_event_run(v.event, 5000000) > 0);
	assert_int_equal(a.granted, 0);
	(void)close(pair[0]);
	assert_int_equal(packet_recv(control, &r, sizeof r, NULL, 0), sizeof r);
	assert_int_equal(r.asked, 0);
	assert_string_equal(refusal_word(r.refusal), "name");
	assert_non_null(strstr(r.detail, "domain \"FOREIGN\", user \"bob@ad.example\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_delay_while_the_domain_is_asked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_forms_of_a_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_contradiction, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
