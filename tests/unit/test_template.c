/* SPDX-License-Identifier: MIT */
/* Not with sanitizers: the processes of the real program are under filters, which the runtime does not survive. */
/* Templates and their workers as processes. */
#include "tests/unit/talk.h"

/* Forked from one template with one generator in memory. */
static void test_challenges_differ(void **unused)
{
	static uint8_t seen[40][8];

	for (size_t n = 0; n < sizeof seen / sizeof *seen; n++) {
		struct talk *t = ntlm_talk(false);
		struct view token;
		const uint8_t *challenge;

		assert_int_equal(initiator_step(t->initiator, VIEW_NULL, &token), 1);
		assert_int_equal(first(t, token), WORKER_REPLY);
		challenge = memmem(t->reply.nego_token.p, t->reply.nego_token.len, "NTLMSSP\0\2", 9);
		assert_non_null(challenge);
		memcpy(seen[n], challenge + 24, 8);
		for (size_t i = 0; i < n; i++)
			assert_memory_not_equal(seen[i], seen[n], 8);
		assert_int_equal(finish(t), 0);
	}
}

/* Names and time are there, MsvAvTargetName (9) is not; MsvAvFlags (6) says nothing: MS-NLMP 2.2.2.1. */
static void test_challenge_contents(void **unused)
{
	struct talk *t = ntlm_talk(false);
	const uint8_t *m, *av, *end;
	unsigned ids = 0;
	struct view token;

	assert_int_equal(initiator_step(t->initiator, VIEW_NULL, &token), 1);
	assert_int_equal(first(t, token), WORKER_REPLY);
	m = t->reply.nego_token.p;
	end = m + t->reply.nego_token.len;
	for (av = m + m[44]; av + 4 <= end && av[0]; av += 4 + av[2]) {
		ids |= 1U << av[0];
		if (av[0] == 6)
			assert_memory_equal(av + 4, "\0\0\0", 4);
	}
	assert_true(ids & (1U << 1)); /* MsvAvNbComputerName */
	assert_true(ids & (1U << 2)); /* MsvAvNbDomainName */
	assert_true(ids & (1U << 7)); /* MsvAvTimestamp */
	assert_false(ids & (1U << 9));
	assert_int_equal(finish(t), 0);
}

static void test_kill(void **unused)
{
	struct talk *t = ntlm_talk(false);
	struct template_record r = { .type = TEMPLATE_KILL, .logon = ntlm.last + 1 };
	int status;

	/* of another logon: nothing happens */
	assert_int_equal(packet_send(ntlm.control, &r, sizeof r, NULL, 0), 0);
	whole(t, "D\\alice");
	t = ntlm_talk(false);
	r.logon = ntlm.last;
	assert_int_equal(packet_send(ntlm.control, &r, sizeof r, NULL, 0), 0);
	assert_int_equal(receive(t), 0);
	status = finish(t);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* The supervisor closes a handshake in the middle: no crash. The same when the pipe has no reader any more. */
static void test_supervisor_leaves(void **unused)
{
	struct talk *t = ntlm_talk(false);

	assert_int_equal(finish(t), 0);
	t = ntlm_talk(false);
	send_start(t);
	assert_int_equal(finish(t), 0);
	t = ntlm_talk(false);
	send_start(t);
	assert_int_equal(authenticate(t), WORKER_AUTHENTICATED);
	assert_int_equal(finish(t), 0);
	t = ntlm_talk(false);
	send_start(t);
	assert_int_equal(authenticate(t), WORKER_AUTHENTICATED);
	send_verdict(t, REFUSAL_NONE);
	confirmed(t);
	t->pipe[0] = close_fd(t->pipe[0]);
	refused(t, delegate(t, password_creds, sizeof password_creds), REFUSAL_INTERNAL, 0);
}

/* With its control socket a template ends, and its workers with it. */
static void test_end_of_control(void **unused)
{
	struct talk *t;

	t = ntlm_talk(false);
	send_start(t);
	assert_int_equal(stop(&ntlm), 0);
	assert_int_equal(receive(t), 0);
	initiator_free(t->initiator);
	(void)close(t->worker);
	(void)close_fd(t->verifier);
	(void)close(t->pipe[0]);
	(void)close(t->pipe[1]);
	start(&ntlm);
}

/* A template that cannot work says so and ends. */
static void test_no_keys(void **unused)
{
	/* no such file, and a file with no key that is wanted */
	const char *const keytab[] = { "/nonexistent", host_keytab };
	struct template t = { .control = -1 };
	char path[128], lines[256];
	struct template_record r;
	int pair[2], err[2], status;

	(void)snprintf(path, sizeof path, "%s/no-keys.conf", talk_dir);
	for (size_t i = 0; i < sizeof keytab / sizeof *keytab; i++) {
		char text[1024] = "";

		(void)snprintf(lines, sizeof lines, "\tkerberos = any\n\tkeytab = %s\n", keytab[i]);
		make_config(path, lines);
		assert_int_equal(packet_pair(0, pair), 0);
		assert_int_equal(pipe(err), 0);
		t.control = pair[0];
		t.pid = fork();
		if (t.pid == 0) {
			(void)unsetenv("JOURNAL_STREAM");
			(void)dup2(err[1], 2);
			exec_role("--template", "krb5", path, pair[1]);
		}
		(void)close(pair[1]);
		(void)close(err[1]);
		readable(t.control);
		assert_int_equal(packet_recv(t.control, &r, sizeof r, NULL, 0), 0);
		status = stop(&t);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
		assert_true(read(err[0], text, sizeof text - 1) > 0);
		assert_non_null(strstr(text, keytab[i]));
		(void)close(err[0]);
	}
	assert_int_equal(unlink(path), 0);
}

/* `net ads keytab create` writes the service in lower case: clients have tickets for TERMSRV all the same. */
static void test_lower_case(void **unused)
{
	char config[128], keytab[96], lines[256];
	struct template t = { .mechanism = "krb5", .config = config, .control = -1 };
	struct talk *client;
	krb5_context k;

	(void)snprintf(config, sizeof config, "%s/lower.conf", talk_dir);
	(void)snprintf(keytab, sizeof keytab, "%s/lower.keytab", talk_dir);
	assert_int_equal(krb5_init_context(&k), 0);
	add_key(k, keytab, "termsrv/rdp.test.example@" REALM, ENCTYPE_AES256_CTS_HMAC_SHA1_96);
	krb5_free_context(k);
	(void)snprintf(lines, sizeof lines, "\tkerberos = any\n\tkeytab = %s\n", keytab);
	make_config(config, lines);
	start(&t);
	client = spawn(&t);
	(void)snprintf(lines, sizeof lines, "FILE:%s", keytab);
	assert_int_equal(initiator_new_krb5(lines, true, &client->initiator), 0);
	whole(client, CLIENT);
	assert_int_equal(stop(&t), 0);
	assert_int_equal(unlink(config), 0);
	assert_int_equal(unlink(keytab), 0);
}

/* A template that is killed leaves no workers either. */
static void test_killed_template(void **unused)
{
	struct talk *t;
	int status;

	t = ntlm_talk(false);
	send_start(t);
	assert_int_equal(kill(ntlm.pid, SIGKILL), 0);
	status = stop(&ntlm);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(receive(t), 0);
	initiator_free(t->initiator);
	(void)close(t->worker);
	(void)close_fd(t->verifier);
	(void)close(t->pipe[0]);
	(void)close(t->pipe[1]);
	start(&ntlm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_challenges_differ),
		cmocka_unit_test(test_challenge_contents),
		cmocka_unit_test(test_kill),
		cmocka_unit_test(test_supervisor_leaves),
		cmocka_unit_test(test_end_of_control),
		cmocka_unit_test(test_no_keys),
		cmocka_unit_test(test_lower_case),
		cmocka_unit_test(test_killed_template),
	};

	return cmocka_run_group_tests(tests, templates_set_up, templates_tear_down);
}
