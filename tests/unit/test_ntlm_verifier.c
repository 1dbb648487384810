/* SPDX-License-Identifier: MIT */
/* Not with sanitizers: the processes of the real program are under filters, which the runtime does not survive. */
/*
 * The process that holds the NTLM store, as a worker sees it that was taken over: it may send what it likes over its
 * socket. The test is supervisor, worker and client.
 */
#include "tests/unit/templates.h"

#include <sys/random.h>

#include "common/base/refusal.h"
#include "common/initiator/initiator.h"
#include "common/ipc/ntlm-verifier-msg.h"
#include "common/wire/ntlm-names.h"

#define PASSWORD "Passw0rd"

static char verifier_config[96], store[96];
static int control = -1;
static pid_t pid;
static uint64_t last; /* logon */

static void start_verifier(const char *more)
{
	char lines[400];
	uint8_t ready;
	int pair[2];

	(void)snprintf(lines, sizeof lines, "\tkerberos = off\n\tntlm = local\n\tntlm_store = %s\n%s", store, more);
	make_config(verifier_config, lines);
	assert_int_equal(packet_pair(0, pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		exec_role("--verifier", NULL, verifier_config, pair[1]);
	(void)close(pair[1]);
	control = pair[0];
	readable(control);
	assert_int_equal(packet_recv(control, &ready, 1, NULL, 0), 1);
	assert_int_equal(ready, VERIFIER_READY);
}

static void stop_verifier(void)
{
	int status;

	control = close_fd(control);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void set_record(const char *name)
{
	struct verifier_control c = { .type = VERIFIER_SET, .uid = 1001, .id = 7 };
	struct verifier_changed changed;
	int fds[2];

	(void)snprintf(c.name, sizeof c.name, "%s", name);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], PASSWORD, strlen(PASSWORD)), strlen(PASSWORD));
	(void)close(fds[1]);
	assert_int_equal(packet_send(control, &c, sizeof c, fds, 1), 0);
	(void)close(fds[0]);
	readable(control);
	assert_int_equal(packet_recv(control, &changed, sizeof changed, NULL, 0), sizeof changed);
	assert_int_equal(changed.result, 0);
}

static int set_up(void **unused)
{
	talk_set_up();
	(void)snprintf(verifier_config, sizeof verifier_config, "%s/verifier.conf", talk_dir);
	(void)snprintf(store, sizeof store, "%s/store", talk_dir);
	start_verifier("");
	set_record("alice");
	return 0;
}

static int tear_down(void **unused)
{
	stop_verifier();
	(void)unlink(store);
	(void)unlink(verifier_config);
	return talk_tear_down();
}

/* ---- one handshake ---- */

struct exchange {
	int fd;
	struct verifier_challenge challenge;
	struct verifier_query query;
	size_t len;
};

static struct exchange attach(void)
{
	struct verifier_control c = { .type = VERIFIER_ATTACH, .id = ++last };
	struct exchange e = { .len = 0 };
	int pair[2];

	assert_int_equal(packet_pair(0, pair), 0);
	assert_int_equal(packet_send(control, &c, sizeof c, &pair[1], 1), 0);
	(void)close(pair[1]);
	e.fd = pair[0];
	readable(e.fd);
	assert_int_equal(packet_recv(e.fd, &e.challenge, sizeof e.challenge, NULL, 0), sizeof e.challenge);
	assert_int_equal(e.challenge.type, VERIFIER_CHALLENGE);
	return e;
}

/* The client's answer to a CHALLENGE with the challenge and the timestamp that are in @e. */
static void respond_as(const char *name, struct exchange *e, const char *password)
{
	struct initiator *i;
	struct ntlm_authenticate a;
	struct ntlm_names names;
	uint8_t message[NTLM_CHALLENGE_MAX];
	struct view token;
	size_t n;

	assert_int_equal(ntlm_host_names(NULL, &names), 0);
	assert_int_equal(initiator_new_ntlm(name, password, false, &i), 0);
	assert_int_equal(initiator_step(i, VIEW_NULL, &token), 1);
	assert_int_equal(ntlm_challenge_write(NTLM_REQUIRED, &names, e->challenge.server_challenge,
					      e->challenge.timestamp, message, sizeof message, &n),
			 0);
	assert_int_equal(initiator_step(i, (struct view){ message, n }, &token), 0);
	assert_int_equal(ntlm_authenticate_read(token, &a), 0);
	e->query = (struct verifier_query){ .type = VERIFIER_QUERY, .nt_response_len = (uint32_t)a.nt_response.len };
	(void)snprintf(e->query.user, sizeof e->query.user, "%s", name);
	memcpy(e->query.nt_response, a.nt_response.p, a.nt_response.len);
	e->len = offsetof(struct verifier_query, nt_response) + a.nt_response.len;
	initiator_free(i);
}

static void respond(struct exchange *e, const char *password)
{
	respond_as("alice", e, password);
}

/* What the supervisor hears of it, and then the worker. */
static struct verifier_result ask(struct exchange *e, struct verifier_answer *ret_answer)
{
	struct verifier_result r;

	assert_int_equal(packet_send(e->fd, &e->query, e->len, NULL, 0), 0);
	readable(e->fd);
	/* a worker never has a yes that the supervisor has not */
	assert_int_equal(packet_recv(control, &r, sizeof r, NULL, 0), sizeof r);
	assert_int_equal(r.type, VERIFIER_RESULT);
	assert_int_equal(r.logon, last);
	assert_int_equal(packet_recv(e->fd, ret_answer, sizeof *ret_answer, NULL, 0), sizeof *ret_answer);
	assert_int_equal(ret_answer->granted, r.granted);
	return r;
}

static void expect(struct exchange *e, enum refusal refusal, const char *detail)
{
	static const uint8_t no_key[16];
	struct verifier_answer a;
	struct verifier_result r = ask(e, &a);

	assert_string_equal(refusal_word(r.refusal), refusal_word(refusal));
	assert_int_equal(r.granted, refusal == REFUSAL_NONE);
	assert_int_equal(r.uid, refusal == REFUSAL_NONE ? 1001 : (uint32_t)-1);
	if (refusal != REFUSAL_NONE) {
		assert_memory_equal(a.session_key, no_key, sizeof no_key);
		assert_int_equal(a.ntstatus, refusal_ntstatus(refusal));
	}
	if (!strstr(r.detail, detail))
		fail_msg("%s", r.detail);
	e->fd = close_fd(e->fd);
}

/* ---- tests ---- */

static void test_right_and_wrong(void **unused)
{
	struct exchange e = attach();

	respond(&e, PASSWORD);
	expect(&e, REFUSAL_NONE, "");
	e = attach();
	respond(&e, "another");
	expect(&e, REFUSAL_BAD_PASSWORD, "");
	e = attach();
	respond(&e, PASSWORD);
	(void)snprintf(e.query.user, sizeof e.query.user, "bob");
	expect(&e, REFUSAL_UNKNOWN_USER, "no record");
}

/* Every handshake has a challenge of its own. */
static void test_challenges(void **unused)
{
	struct exchange e[64];

	for (size_t i = 0; i < 64; i++) {
		e[i] = attach();
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(e[i].challenge.server_challenge, e[j].challenge.server_challenge, 8);
	}
	for (size_t i = 0; i < 64; i++)
		(void)close(e[i].fd);
}

/* An exchange that was right elsewhere, or for a challenge of the worker's own choice, proves nothing here. */
static void test_exchange_from_elsewhere(void **unused)
{
	struct exchange old = attach(), e;

	respond(&old, PASSWORD);
	e = attach();
	e.query = old.query;
	e.len = old.len;
	expect(&e, REFUSAL_REPLAY, "another MsvAvTimestamp");
	old.fd = close_fd(old.fd);
	/* with our timestamp, but another challenge */
	e = attach();
	e.challenge.server_challenge[0] ^= 1;
	respond(&e, PASSWORD);
	expect(&e, REFUSAL_BAD_PASSWORD, "");
	/* the other way round */
	e = attach();
	e.challenge.timestamp[0] ^= 1;
	respond(&e, PASSWORD);
	expect(&e, REFUSAL_REPLAY, "another MsvAvTimestamp");
}

/* One question for each challenge: after a no there is no second guess, and after a yes nothing either. */
static void test_one_question(void **unused)
{
	for (int right = 0; right < 2; right++) {
		struct exchange e = attach();
		struct verifier_answer a;

		respond(&e, right ? PASSWORD : "another");
		(void)ask(&e, &a);
		respond(&e, PASSWORD);
		(void)packet_send(e.fd, &e.query, e.len, NULL, 0);
		readable(e.fd);
		assert_true(packet_recv(e.fd, &a, sizeof a, NULL, 0) <= 0);
		(void)close(e.fd);
	}
}

/* carol's next answers are delayed */
static void guess_at_carol(void)
{
	set_record("carol");
	for (unsigned i = 0; i < ACCOUNT_DELAY_FREE_FAILURES; i++) {
		struct exchange e = attach();

		respond_as("carol", &e, "another");
		expect(&e, REFUSAL_BAD_PASSWORD, "");
	}
}

/* Asks, leaves as soon as the supervisor knows, which it does without delay. */
static struct verifier_result ask_and_leave(const char *password)
{
	struct exchange e = attach();
	struct pollfd p[] = { { .fd = control, .events = POLLIN }, { .fd = e.fd, .events = POLLIN } };
	struct verifier_result r;

	respond_as("carol", &e, password);
	assert_int_equal(packet_send(e.fd, &e.query, e.len, NULL, 0), 0);
	assert_int_equal(poll(p, 1, 200), 1);
	assert_int_equal(packet_recv(control, &r, sizeof r, NULL, 0), sizeof r);
	assert_string_equal(r.name, "carol");
	assert_int_equal(poll(&p[1], 1, 0), 0);
	(void)close(e.fd);
	return r;
}

static bool is_answered_at_once(const char *name, const char *password)
{
	struct exchange e = attach();
	struct pollfd p = { .fd = e.fd, .events = POLLIN };
	struct verifier_answer a;
	int at_once;

	respond_as(name, &e, password);
	assert_int_equal(packet_send(e.fd, &e.query, e.len, NULL, 0), 0);
	at_once = poll(&p, 1, 200);
	readable(e.fd);
	assert_int_equal(packet_recv(e.fd, &a, sizeof a, NULL, 0), sizeof a);
	readable(control);
	assert_int_equal(
	    packet_recv(control, &(struct verifier_result){ .type = 0 }, sizeof(struct verifier_result), NULL, 0),
	    sizeof(struct verifier_result));
	(void)close(e.fd);
	return at_once == 1;
}

/* A right guess whose answer was not waited for shortens no later delay; one that was does. */
static void test_guesses_of_a_client_that_leaves(void **unused)
{
	guess_at_carol();
	assert_int_equal(ask_and_leave("another").refusal, REFUSAL_BAD_PASSWORD);
	assert_int_equal(ask_and_leave(PASSWORD).granted, 1);
	assert_false(is_answered_at_once("carol", PASSWORD));
	assert_true(is_answered_at_once("carol", PASSWORD));
}

/*
 * Guesses under a form of the name that is no account's delay neither the account nor, which would tell that there is
 * none, a name without one.
 */
static void test_guesses_at_another_form(void **unused)
{
	static const char *const names[] = { "alice", "dave" };

	for (size_t i = 0; i < 2; i++) {
		for (unsigned n = 0; n <= ACCOUNT_DELAY_FREE_FAILURES; n++) {
			struct exchange e = attach();

			respond_as(names[i], &e, "another");
			(void)snprintf(e.query.domain, sizeof e.query.domain, "no@domain");
			expect(&e, REFUSAL_NAME, "");
		}
		assert_true(is_answered_at_once(names[i], "another"));
	}
}

/* A delayed answer to a worker that has ended takes no slot: no later worker is refused because of it. */
static void test_gone(void **unused)
{
	guess_at_carol();
	for (unsigned i = 0; i < 2 * HANDSHAKES_MAX + 1; i++)
		(void)ask_and_leave("another");
	/* it takes until then to forget */
	stop_verifier();
	start_verifier("");
}

static void test_malformed(void **unused)
{
	for (unsigned i = 0; i < 6; i++) {
		struct exchange e = attach();
		uint8_t nothing;

		respond(&e, PASSWORD);
		switch (i) {
		case 0:
			e.len--;
			break;
		case 1:
			e.query.type = VERIFIER_ANSWER;
			break;
		case 2:
			memset(e.query.user, 'a', sizeof e.query.user);
			break;
		case 3:
			e.query.nt_response_len = NTLM_RESPONSE_MAX + 1;
			break;
		case 4:
			e.query.pad_[0] = 1;
			break;
		default:
			e.len = 1;
			break;
		}
		assert_int_equal(packet_send(e.fd, &e.query, e.len, NULL, 0), 0);
		readable(e.fd);
		assert_true(packet_recv(e.fd, &nothing, 1, NULL, 0) <= 0);
		(void)close(e.fd);
	}
}

/* The response that the initiator makes claims a MIC; its flags are the last pair before the end. */
static void test_mic_flag(void **unused)
{
	struct exchange e = attach();
	struct verifier_answer a;

	respond(&e, PASSWORD);
	(void)ask(&e, &a);
	assert_int_equal(a.mic, 1);
	(void)close(e.fd);
	stop_verifier();
	start_verifier("\tntlm_mic = require\n");
	e = attach();
	respond(&e, PASSWORD);
	expect(&e, REFUSAL_NONE, "");
	e = attach();
	respond(&e, PASSWORD);
	/* without the flag: then the proof is wrong as well, but what is missing is told first */
	uint8_t *flags = memmem(e.query.nt_response, e.query.nt_response_len, "\6\0\4\0\2\0\0\0", 8);

	assert_non_null(flags);
	flags[4] = 0;
	expect(&e, REFUSAL_WEAK_NTLM, "ntlm_mic = require");
	stop_verifier();
	start_verifier("");
	e = attach();
	respond(&e, PASSWORD);
	flags = memmem(e.query.nt_response, e.query.nt_response_len, "\6\0\4\0\2\0\0\0", 8);
	assert_non_null(flags);
	flags[4] = 0;
	expect(&e, REFUSAL_BAD_PASSWORD, ""); /* a man in the middle who takes the flag out breaks the proof */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right_and_wrong),
		cmocka_unit_test(test_challenges),
		cmocka_unit_test(test_exchange_from_elsewhere),
		cmocka_unit_test(test_one_question),
		cmocka_unit_test(test_guesses_of_a_client_that_leaves),
		cmocka_unit_test(test_guesses_at_another_form),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_mic_flag),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
