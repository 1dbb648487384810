/* SPDX-License-Identifier: MIT */
/* The supervisor's processes: start, reload, end, the resolvers' questions, and the calls about the NTLM store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/supervisor.h"

/* ---- the log ---- */

static int old_stderr = -1;

static void record_log(void)
{
	int fd = open("log", O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	old_stderr = dup(2);
	assert_int_equal(dup2(fd, 2), 2);
	(void)close(fd);
}

/* Ends the recording; the log must have @text. */
static void assert_logged(const char *text)
{
	static char log[65536];
	FILE *f = fopen("log", "re");
	size_t n;

	(void)dup2(old_stderr, 2);
	old_stderr = close_fd(old_stderr);
	assert_non_null(f);
	n = fread(log, 1, sizeof log - 1, f);
	log[n] = '\0';
	(void)fclose(f);
	(void)unlink("log");
	if (!strstr(log, text))
		fail_msg("\"%s\" is not in the log:\n%s", text, log);
}

/* ---- start ---- */

static void test_not_ready(void **unused)
{
	start_supervisor(" ntlm = local\n");
	for (enum role role = 0; role < RESOLVER; role++)
		play_role(role);
	settle_down();
	assert_int_equal(ready_calls, 0); /* no resolver yet */
	play_role(RESOLVER);
	while (!ready_calls)
		turn(10);
	second_resolver = play(RESOLVER);
	say_ready(second_resolver, RESOLVER);
	settle_down();
	assert_int_equal(ready_calls, 1);
	stop_all();
}

/* A mechanism that cannot start is off, and the rest runs; the other template gets its tokens. */
static void test_ntlm_off(void **unused)
{
	struct fake_logon l;

	start_supervisor(" ntlm = local\n");
	(void)close(play(VERIFIER)); /* before it is ready */
	(void)close(play(NTLM));
	play_role(KRB5);
	(void)close(play(KEEPER));
	play_role(RESOLVER);
	record_log();
	while (!ready_calls)
		turn(10);
	assert_logged("NTLM is off, because its process did not start");
	l = begin("192.0.2.1");
	send_tsrequest(&l, "NTLMSSP");
	assert_int_equal(take_spawn(&l, KRB5, "NTLMSSP").flags & WORKER_LAST_RESORT, WORKER_LAST_RESORT);
	close_logon(&l);
	stop_all();
}

static void test_failed(void **unused)
{
	start_supervisor("");
	(void)close(play(KRB5));
	while (!failed_calls)
		turn(10);
	assert_int_equal(ready_calls, 0);
	stop_all();
}

static void test_bad_config(void **unused)
{
	struct supervisor *s;
	char *error = NULL;

	write_config(" ntlm = nonsense\n");
	assert_true(supervisor_new(event, "credsspd.conf", NULL, NULL, NULL, &s, &error) < 0);
	assert_non_null(strstr(error, "nonsense"));
	free(error);
}

static void test_not_ready_in_time(void **unused)
{
	struct process *p;

	start_supervisor("");
	control[KEEPER] = play(KEEPER);
	TAILQ_FOREACH(p, &supervisor->services.keeper->processes, entry)
		assert_int_equal(sd_event_source_set_time(p->timer, 1), 0);
	record_log();
	while (!service_failed_to_start(supervisor->services.keeper))
		turn(10);
	assert_logged("keeper ended after it was killed for the reason logged above");
	stop_all();
}

/* ---- messages that are not allowed ---- */

static void bad_record(enum role role, const void *record, size_t len)
{
	start_all("");
	record_log();
	assert_int_equal(packet_send(control[role], record, len, NULL, 0), 0);
	for (unsigned i = 0; i < 20 && services_ready(&supervisor->services); i++)
		turn(10);
	assert_logged("killed");
	assert_false(services_ready(&supervisor->services) && role != RESOLVER);
	stop_all();
}

static void test_bad_records(void **unused)
{
	struct template_record exited = { .type = TEMPLATE_EXITED };
	struct resolver_answer answer = { .type = RESOLVER_ANSWER };
	struct verifier_changed changed = { .type = VERIFIER_CHANGED };
	struct verifier_listed listed = { .type = VERIFIER_LISTED };

	bad_record(KRB5, &exited, sizeof exited); /* it has no worker */
	bad_record(NTLM, "\x63", 1);
	bad_record(KRB5, &(struct template_record){ .type = TEMPLATE_READY }, sizeof exited); /* was not pinged */
	bad_record(VERIFIER, &changed, sizeof changed);                                       /* no call has that id */
	bad_record(VERIFIER, &changed, 3);
	bad_record(VERIFIER, &listed, sizeof listed);
	bad_record(VERIFIER, &listed, 3);
	bad_record(VERIFIER, "\x63", 1);
	bad_record(VERIFIER, &(uint8_t){ VERIFIER_RESULT }, 1);
	bad_record(KEEPER, "\x63", 1);
	bad_record(RESOLVER, &answer, sizeof answer); /* it was not asked */
}

static void test_too_long(void **unused)
{
	uint8_t large[sizeof(struct keeper_state) + 1] = { KEEPER_STATE };

	bad_record(KEEPER, large, sizeof large);
}

/* ---- signs of life ---- */

static void test_suspect(void **unused)
{
	struct process *p = service_current(supervisor->services.verifier);
	struct verifier_control ping;

	process_suspect(NULL);
	process_suspect(p);
	process_suspect(p); /* it has a deadline already */
	assert_int_equal(take(control[VERIFIER], &ping, sizeof ping, NULL, 0), sizeof ping);
	assert_int_equal(ping.type, VERIFIER_PING);
	assert_no_packet(control[VERIFIER]);
	say_ready(control[VERIFIER], VERIFIER);
	settle_down();
	assert_null(p->timer);
	process_suspect(p);
	assert_int_equal(sd_event_source_set_time(p->timer, 1), 0);
	record_log();
	settle_down();
	assert_logged("verifier ended after it was killed for the reason logged above");
	(void)close(control[VERIFIER]);
	play_role(VERIFIER); /* another one is started */
	settle_down();
	assert_true(services_ready(&supervisor->services));
	assert_int_equal(ready_calls, 1);
}

/* ---- the keeper ---- */

static void test_keeper(void **unused)
{
	struct keeper_state state = { .type = KEEPER_STATE, .tgts = 3, .until = 9 };
	char keys[16];
	uint8_t type;
	int fd = -1;

	assert_int_equal(services_keeper_state(&supervisor->services)->tgts, 0);
	assert_int_equal(take(control[KEEPER], &type, 1, &fd, 1), 1);
	assert_int_equal(type, KEEPER_REREAD);
	assert_int_equal(pread(fd, keys, sizeof keys, 0), 4);
	assert_memory_equal(keys, "keys", 4);
	assert_int_equal(write(fd, "x", 1), -1); /* sealed */
	(void)close(fd);
	assert_int_equal(take(control[KEEPER], &type, 1, &fd, 1), 1);
	assert_int_equal(type, KEEPER_ATTACH);
	(void)close(fd);
	assert_int_equal(packet_send(control[KEEPER], &state, sizeof state, NULL, 0), 0);
	settle_down();
	assert_int_equal(services_keeper_state(&supervisor->services)->tgts, 3);
	/* another keeper: connected to the template, its state is not known yet */
	control[KEEPER] = close_fd(control[KEEPER]);
	play_role(KEEPER);
	settle_down();
	assert_int_equal(services_keeper_state(&supervisor->services)->tgts, 0);
	assert_int_equal(take(control[KEEPER], &type, 1, &fd, 1), 1);
	assert_int_equal(type, KEEPER_REREAD);
	(void)close_fd(fd);
	assert_int_equal(take(control[KEEPER], &type, 1, &fd, 1), 1);
	assert_int_equal(type, KEEPER_ATTACH);
	(void)close_fd(fd);
}

/* The keytab changes: the keeper reads it, and a new template. */
static void test_new_keys(void **unused)
{
	uint64_t serial = 0;
	uint8_t type = 0;
	int fd = -1, old = control[KRB5];

	write_file("keytab", "new keys");
	assert_true(keytab_watch_pending(supervisor->keytab));
	control[KRB5] = play(KRB5);
	assert_true(keytab_watch_pending(supervisor->keytab));
	say_ready(control[KRB5], KRB5);
	for (unsigned i = 0; keytab_watch_pending(supervisor->keytab) && i < 400; i++)
		turn(10);
	assert_int_equal(service_current(supervisor->services.krb5)->serial, 2);
	(void)close(old);
	while (type != KEEPER_ATTACH) { /* REREAD, ATTACH, REREAD, ATTACH */
		assert_int_equal(take(control[KEEPER], &type, 1, &fd, 1), 1);
		(void)close_fd(fd);
	}
	/* no keeper: it is started again */
	control[KEEPER] = close_fd(control[KEEPER]);
	while (service_current(supervisor->services.keeper))
		turn(10);
	assert_int_equal(services_renew_keys(&supervisor->services, &serial), 0);
	assert_true(serial > 1);
	write_file("keytab", "keys");
}

/* A logon that comes while the new template is starting waits for it. */
static void test_logon_waits_for_keys(void **unused)
{
	struct fake_logon l = begin("192.0.2.1");
	int old = control[KRB5];

	write_file("keytab", "new keys again");
	send_tsrequest(&l, "AP-REQ");
	settle_down();
	assert_true(TAILQ_FIRST(&supervisor->logons.list)->waits);
	play_role(KRB5);
	(void)close(old);
	(void)take_spawn(&l, KRB5, "AP-REQ");
	assert_false(TAILQ_FIRST(&supervisor->logons.list)->waits);
	close_logon(&l);
	write_file("keytab", "keys");
}

/* ---- reload ---- */

static unsigned reloads;
static enum reload_result reload_result;
static char reload_stale[128];

static void on_reloaded(enum reload_result result, const char *stale, void *userdata)
{
	reloads++;
	reload_result = result;
	(void)snprintf(reload_stale, sizeof reload_stale, "%s", stale ? stale : "");
}

static void reload(const char *more)
{
	char *error = NULL;

	write_config(more);
	reloads = 0;
	if (supervisor_reload(supervisor, on_reloaded, NULL, &error) < 0)
		fail_msg("reload: %s", error ? error : "");
}

static void run_until_reloaded(void)
{
	while (!reloads)
		turn(10);
	assert_int_equal(reloads, 1);
}

static void replay(enum role role)
{
	control[role] = close_fd(control[role]);
	play_role(role);
}

static void test_reload(void **unused)
{
	char stale[128] = "x", *error = NULL;

	reload(" ntlm = local\n");
	replay(KRB5);
	replay(NTLM);
	replay(VERIFIER);
	settle_down();
	assert_int_equal(reloads, 0); /* the resolvers are starting */
	replay(RESOLVER);
	(void)close(second_resolver);
	second_resolver = play(RESOLVER);
	say_ready(second_resolver, RESOLVER);
	run_until_reloaded();
	assert_int_equal(reload_result, RELOAD_DONE);
	supervisor_stale(supervisor, stale, sizeof stale);
	assert_string_equal(stale, "");
	/* a mistake: all stays as it is */
	write_config(" ntlm = nonsense\n");
	assert_true(supervisor_reload(supervisor, on_reloaded, NULL, &error) < 0);
	assert_non_null(error);
	free(error);
	assert_int_equal(supervisor->config.ntlm, CONFIG_NTLM_LOCAL);
}

static void test_reload_fails(void **unused)
{
	char stale[128];

	reload(" ntlm = off\n"); /* ntlm template and verifier end */
	assert_null(supervisor->services.ntlm);
	assert_null(supervisor->services.verifier);
	(void)close(play(KRB5)); /* does not become ready */
	(void)close(play(RESOLVER));
	(void)close(play(RESOLVER));
	run_until_reloaded();
	assert_int_equal(reload_result, RELOAD_STALE);
	assert_string_equal(reload_stale, "krb5 template, resolver");
	assert_non_null(service_current(supervisor->services.krb5)); /* the old one continues */
	supervisor_stale(supervisor, stale, sizeof stale);
	assert_string_equal(stale, "krb5 template, resolver");
	reload(" kerberos = off\n ntlm = local\n");
	assert_null(supervisor->services.krb5);
	assert_null(services_keeper_state(&supervisor->services));
	/* and on again, while the daemon stops */
	reload(" ntlm = local\n");
	stop_all();
	assert_int_equal(reloads, 2);
	assert_int_equal(reload_result, RELOAD_STOPPED);
	start_all("");
}

/* Two reloads in a row: the second process of each service is that of the second one. */
static void test_reload_twice(void **unused)
{
	reload(" ntlm = local\n");
	reload(" ntlm = local\n");
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(reloads, 0);
		replay(KRB5);
		replay(NTLM);
		replay(VERIFIER);
		replay(RESOLVER);
		(void)close(second_resolver);
		second_resolver = play(RESOLVER);
		say_ready(second_resolver, RESOLVER);
		settle_down();
	}
	while (reloads < 2)
		turn(10);
}

/* A retired template ends with its last worker. */
static void test_retired(void **unused)
{
	struct template_record exited = { .type = TEMPLATE_EXITED };
	struct fake_logon l = begin("192.0.2.1");
	struct process *old;
	int old_control = control[KRB5];
	uint64_t serial;

	send_tsrequest(&l, "AP-REQ");
	(void)take_spawn(&l, KRB5, "AP-REQ");
	old = service_current(supervisor->services.krb5);
	assert_int_equal(service_renew(supervisor->services.krb5, &serial), 0);
	play_role(KRB5);
	while (service_current(supervisor->services.krb5) == old)
		turn(10);
	assert_ptr_not_equal(service_current(supervisor->services.krb5), old);
	assert_true(old->retired && old->control >= 0);
	worker_replies(&l, "AP-REP");
	assert_reply(&l, "AP-REP");
	close_logon(&l);
	exited.logon = l.id;
	assert_int_equal(packet_send(old_control, &exited, sizeof exited, NULL, 0), 0);
	for (;;) { /* TEMPLATE_KILL, then the end of the template */
		struct template_record r;

		if (take(old_control, &r, sizeof r, &(int){ -1 }, 1) == 0)
			break;
	}
	(void)close(old_control);
}

/* ---- resolvers ---- */

static unsigned answers, no_answers;

static void on_answer(const struct resolver_answer *answer, void *userdata)
{
	answers++;
	no_answers += !answer;
}

static struct resolve *ask_for(const char *user)
{
	struct resolver_request q = { .type = RESOLVE_NAME };
	struct resolve *r = NULL;

	(void)snprintf(q.user, sizeof q.user, "%s", user);
	assert_int_equal(resolve(supervisor->resolvers, &q, on_answer, NULL, &r), 0);
	return r;
}

/* Both resolvers hang: the question is given up, the log names the name service, and the resolver is killed. */
static void test_hung(void **unused)
{
	struct resolve *asked = ask_for("alice"), *cancelled;

	answers = no_answers = 0;
	assert_int_equal(sd_event_source_set_time(asked->deadline, 1), 0);
	record_log();
	settle_down();
	assert_logged("the name service (nsswitch.conf) did not answer a lookup of an account within 10 s; killed");
	assert_int_equal(no_answers, 1);
	cancelled = ask_for("bob");
	resolve_cancel(cancelled);
	resolve_cancel(NULL);
	settle_down();
	assert_int_equal(answers, 1);
}

static void test_queue(void **unused)
{
	struct resolve *r[RESOLVER_POOL + 2], *last;
	int more[RESOLVER_POOL];
	struct resolver_request q = { .type = RESOLVE_NAME };

	answers = no_answers = 0;
	/* a domain's names take all but the reserved resolvers */
	for (unsigned i = 0; i < RESOLVER_POOL + 2; i++)
		r[i] = ask_for("DOM\\alice");
	for (unsigned i = 2; i < RESOLVER_POOL - RESOLVER_RESERVED; i++) {
		more[i] = play(RESOLVER);
		say_ready(more[i], RESOLVER);
		settle_down();
	}
	assert_non_null(r[RESOLVER_POOL - RESOLVER_RESERVED - 1]->resolver);
	assert_null(r[RESOLVER_POOL - RESOLVER_RESERVED]->resolver);
	last = ask_for("local"); /* need not wait behind them */
	more[RESOLVER_POOL - RESOLVER_RESERVED] = play(RESOLVER);
	say_ready(more[RESOLVER_POOL - RESOLVER_RESERVED], RESOLVER);
	settle_down();
	assert_non_null(last->resolver);
	/* a question that waits for too long is given up, and the log says what for */
	assert_int_equal(sd_event_source_set_time(r[RESOLVER_POOL + 1]->deadline, 1), 0);
	record_log();
	settle_down();
	assert_logged(
	    "resolver: the name service (nsswitch.conf) is too slow: a lookup of an account of a domain was given "
	    "up after 30 s in the queue");
	assert_int_equal(no_answers, 1);
	resolve_cancel(r[RESOLVER_POOL]);
	/* the queue has an end */
	supervisor->resolvers->n_waiting = RESOLVER_QUEUE_MAX;
	assert_int_equal(resolve(supervisor->resolvers, &q, on_answer, NULL, &last), -EBUSY);
	supervisor->resolvers->n_waiting = 1;
	for (unsigned i = 2; i <= RESOLVER_POOL - RESOLVER_RESERVED; i++)
		(void)close(more[i]);
}

/* ---- the NTLM store ---- */

static int changed;
static unsigned listed;
static int list_result;

static void on_store_changed(int result, void *userdata)
{
	changed = result;
}

static void on_store_listed(const char *name, int result, void *userdata)
{
	if (name)
		listed++;
	else
		list_result = result;
}

/* Takes the call that the verifier gets and answers it. */
static struct verifier_control verifier_answers(int result)
{
	struct verifier_control c;
	struct verifier_changed r = { .type = VERIFIER_CHANGED, .result = result };
	int fd = -1;

	do
		assert_int_equal(take(control[VERIFIER], &c, sizeof c, &fd, 1), sizeof c);
	while (c.type == VERIFIER_PING);
	(void)close_fd(fd);
	r.id = c.id;
	assert_int_equal(packet_send(control[VERIFIER], &r, sizeof r, NULL, 0), 0);
	settle_down();
	return c;
}

static void test_store(void **unused)
{
	struct ntlm_store *store = supervisor->store;
	struct verifier_control c;
	char long_name[ACCOUNT_NAME_MAX + 2];
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	memset(long_name, 'x', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	assert_int_equal(ntlm_store_set(store, long_name, fds[0], on_store_changed, NULL), -EINVAL);
	assert_int_equal(ntlm_store_delete(store, long_name, on_store_changed, NULL), -EINVAL);
	assert_int_equal(ntlm_store_set(store, "alice", -1, on_store_changed, NULL), -EBADF);

	changed = 1;
	assert_int_equal(ntlm_store_set(store, "ALICE", fds[0], on_store_changed, NULL), 0);
	assert_int_equal(resolver_answers(REFUSAL_NONE, 1000, "alice").type, RESOLVE_NAME);
	c = verifier_answers(0);
	assert_int_equal(c.type, VERIFIER_SET);
	assert_int_equal(c.uid, 1000);
	assert_string_equal(c.name, "alice");
	assert_int_equal(changed, 0);

	assert_int_equal(ntlm_store_set(store, "bob", fds[0], on_store_changed, NULL), 0);
	(void)resolver_answers(REFUSAL_UNKNOWN_USER, 0, "bob");
	assert_int_equal(changed, -ENOENT);
	assert_int_equal(ntlm_store_set(store, "bob", fds[0], on_store_changed, NULL), 0);
	(void)resolver_answers(REFUSAL_UNAVAILABLE, 0, "bob");
	assert_int_equal(changed, -ENETDOWN);

	/* a record is made for an account that may log on, and no other */
	assert_int_equal(ntlm_store_update(store, "alice", true, fds[0], on_store_changed, NULL), 0);
	(void)resolver_answers(REFUSAL_NONE, 1000, "alice");
	assert_int_equal(verifier_answers(0).type, VERIFIER_SET);
	assert_int_equal(ntlm_store_update(store, "root", true, fds[0], on_store_changed, NULL), 0);
	(void)resolver_answers(REFUSAL_NONE, 0, "root");
	assert_int_equal(verifier_answers(-ENOENT).type, VERIFIER_UPDATE);
	assert_int_equal(changed, -ENOENT);

	assert_int_equal(ntlm_store_delete(store, "gone", on_store_changed, NULL), 0);
	assert_int_equal(verifier_answers(0).type, VERIFIER_DELETE);
	assert_int_equal(changed, 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void test_store_list(void **unused)
{
	struct verifier_listed r = { .type = VERIFIER_LISTED, .more = 1, .name = "alice" };
	struct verifier_control c;

	listed = 0;
	list_result = 1;
	assert_int_equal(ntlm_store_list(supervisor->store, on_store_listed, NULL), 0);
	assert_int_equal(take(control[VERIFIER], &c, sizeof c, NULL, 0), sizeof c);
	assert_int_equal(c.type, VERIFIER_LIST);
	r.id = c.id;
	assert_int_equal(packet_send(control[VERIFIER], &r, sizeof r, NULL, 0), 0);
	assert_int_equal(packet_send(control[VERIFIER], &r, sizeof r, NULL, 0), 0);
	r.more = 0;
	r.name[0] = '\0';
	assert_int_equal(packet_send(control[VERIFIER], &r, sizeof r, NULL, 0), 0);
	settle_down();
	assert_int_equal(listed, 2);
	assert_int_equal(list_result, 0);
	/* the verifier ends without an answer */
	assert_int_equal(ntlm_store_list(supervisor->store, on_store_listed, NULL), 0);
	control[VERIFIER] = close_fd(control[VERIFIER]);
	while (list_result == 0)
		turn(10);
	assert_int_equal(list_result, -ENETDOWN);
	/* there is no verifier now */
	changed = 0;
	assert_int_equal(ntlm_store_delete(supervisor->store, "alice", on_store_changed, NULL), 0);
	assert_int_equal(changed, -ENETDOWN);
}

/* The name service does not answer, and the daemon stops meanwhile. */
static void test_store_ends(void **unused)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(ntlm_store_set(supervisor->store, "alice", fds[0], on_store_changed, NULL), 0);
	changed = 0;
	control[RESOLVER] = close_fd(control[RESOLVER]);
	second_resolver = close_fd(second_resolver);
	while (changed == 0)
		turn(10);
	assert_int_equal(changed, -ENETDOWN);
	changed = 0;
	assert_int_equal(ntlm_store_set(supervisor->store, "alice", fds[0], on_store_changed, NULL), 0);
	stop_all();
	assert_int_equal(changed, -ENETDOWN);
	start_all("");
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void test_store_off(void **unused)
{
	struct ntlm_store *store;

	start_supervisor("");
	store = supervisor->store;
	assert_int_equal(ntlm_store_set(store, "alice", 0, on_store_changed, NULL), -ENETDOWN);
	assert_int_equal(ntlm_store_update(store, "alice", true, 0, on_store_changed, NULL), -ENOENT);
	assert_int_equal(ntlm_store_delete(store, "alice", on_store_changed, NULL), -ENETDOWN);
	assert_int_equal(ntlm_store_list(store, on_store_listed, NULL), -ENETDOWN);
	stop_all();
	supervisor_stop(NULL);
	supervisor_free(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_all, teardown_all)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_not_ready),
	cmocka_unit_test(test_ntlm_off),
	cmocka_unit_test(test_failed),
	cmocka_unit_test(test_bad_config),
	cmocka_unit_test(test_not_ready_in_time),
	cmocka_unit_test(test_bad_records),
	cmocka_unit_test(test_too_long),
	cmocka_unit_test(test_store_off),
	TEST(test_suspect),
	TEST(test_keeper),
	TEST(test_new_keys),
	TEST(test_logon_waits_for_keys),
	TEST(test_reload),
	TEST(test_reload_fails),
	TEST(test_reload_twice),
	TEST(test_retired),
	TEST(test_hung),
	TEST(test_queue),
	TEST(test_store),
	TEST(test_store_list),
	TEST(test_store_ends),
};

SUPERVISOR_TEST_MAIN(tests)
