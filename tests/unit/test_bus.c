/* SPDX-License-Identifier: MIT */
/*
 * The D-Bus handlers, against a bus that this test plays: it accepts credsspd's connection, answers the calls to
 * org.freedesktop.DBus, and sends calls in the name of any caller. Behind the handlers is the supervisor of supervisor.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "credsspd/bus/bus.h"
#include "include/credssp/bus-api.h"
#include "tests/unit/supervisor.h"

#define FRONT_END ":1.43"
#define OTHER_FRONT_END ":1.44"
#define REDEEMER ":1.45"
#define ROOT ":1.46"
#define NOBODY ":1.47"
#define UNKNOWN ":1.48"

static int bus_listener;
static sd_bus *server; /* the bus's end of credsspd's connection */
static struct bus *bus;
static unsigned owned_calls, lost_calls;
static uint32_t name_reply; /* to RequestName; 0: an error */
static const char *intruder;
static bool no_uids; /* GetConnectionUnixUser is not answered */

/* ---- the bus ---- */

static uint32_t uid_of(const char *sender)
{
	static const struct {
		const char *sender;
		uint32_t uid;
	} row[] = { { FRONT_END, 4243 }, { OTHER_FRONT_END, 4244 }, { REDEEMER, 4245 }, { ROOT, 0 }, { NOBODY, 9999 } };

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (strcmp(row[i].sender, sender) == 0)
			return row[i].uid;
	return UINT32_MAX;
}

static int answer_call(sd_bus_message *m)
{
	const char *word;

	if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus", "Hello"))
		return sd_bus_reply_method_return(m, "s", ":1.1");
	if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus", "RequestName"))
		return name_reply ? sd_bus_reply_method_return(m, "u", name_reply)
				  : sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED, "not yours");
	if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus", "ListQueuedOwners"))
		return sd_bus_reply_method_return(m, "as", intruder ? 2 : 1, ":1.1", intruder);
	if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus", "GetConnectionUnixUser")) {
		assert_true(sd_bus_message_read(m, "s", &word) >= 0);
		if (no_uids)
			return 0;
		if (uid_of(word) == UINT32_MAX)
			return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_NAME_HAS_NO_OWNER, "no such name");
		return sd_bus_reply_method_return(m, "u", uid_of(word));
	}
	return sd_bus_reply_method_return(m, ""); /* AddMatch */
}

static sd_bus_message *reply;

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	if (sd_bus_message_is_method_call(m, NULL, NULL) && sd_bus_message_get_destination(m) &&
	    strcmp(sd_bus_message_get_destination(m), "org.freedesktop.DBus") == 0) {
		assert_true(answer_call(m) >= 0);
		return 1;
	}
	return 0;
}

static void accept_connection(void)
{
	static const sd_id128_t id = SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 0);
	int fd = -1;

	for (unsigned i = 0; fd < 0 && i < 500; i++) {
		fd = accept4(bus_listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			turn(10);
	}
	assert_true(fd >= 0);
	assert_true(sd_bus_new(&server) >= 0);
	assert_true(sd_bus_set_fd(server, fd, fd) >= 0);
	assert_true(sd_bus_set_server(server, 1, id) >= 0);
	assert_true(sd_bus_set_anonymous(server, 1) >= 0);
	assert_true(sd_bus_set_trusted(server, 1) >= 0);
	assert_true(sd_bus_negotiate_fds(server, 1) >= 0);
	assert_true(sd_bus_add_filter(server, NULL, on_message, NULL) >= 0);
	assert_true(sd_bus_start(server) >= 0);
	assert_true(sd_bus_attach_event(server, event, 0) >= 0);
}

static void drop_connection(void)
{
	sd_bus_close(server);
	server = sd_bus_unref(server);
	settle_down();
}

/* ---- calls ---- */

static sd_bus_message *new_call(const char *sender, const char *interface, const char *member)
{
	sd_bus_message *m = NULL;

	assert_true(
	    sd_bus_message_new_method_call(server, &m, CREDSSP_BUS_NAME, CREDSSP_OBJECT_PATH, interface, member) >= 0);
	assert_true(sd_bus_message_set_sender(m, sender) >= 0);
	return m;
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	(void)sd_bus_message_unref(reply);
	reply = sd_bus_message_ref(m);
	return 1;
}

/* Sends the call; the answer comes in reply. */
static void send_call_(sd_bus_message *m)
{
	reply = sd_bus_message_unref(reply);
	assert_true(sd_bus_call_async(server, NULL, m, on_reply, NULL, 60 * USEC_PER_SEC) >= 0);
	(void)sd_bus_message_unref(m);
}

static sd_bus_message *wait_reply(void)
{
	for (unsigned i = 0; !reply && i < 1000; i++)
		turn(10);
	assert_non_null(reply);
	return reply;
}

static void assert_error(const char *name)
{
	sd_bus_message *m = wait_reply();

	if (!sd_bus_message_is_method_error(m, name))
		fail_msg("%s expected, and %s came", name,
			 sd_bus_message_is_method_error(m, NULL) ? sd_bus_message_get_error(m)->name : "an answer");
}

static sd_bus_message *assert_ok(void)
{
	sd_bus_message *m = wait_reply();

	if (sd_bus_message_is_method_error(m, NULL))
		fail_msg("%s: %s", sd_bus_message_get_error(m)->name, sd_bus_message_get_error(m)->message);
	return m;
}

static void call(const char *sender, const char *interface, const char *member, const char *types, ...)
{
	sd_bus_message *m = new_call(sender, interface, member);
	va_list ap;

	va_start(ap, types);
	assert_true(sd_bus_message_appendv(m, types, ap) >= 0);
	va_end(ap);
	send_call_(m);
}

static sd_bus_message *begin_call(const char *sender, const char *rhost)
{
	sd_bus_message *m = new_call(sender, CREDSSP_ACCEPTOR_INTERFACE, CREDSSP_METHOD_BEGIN);

	assert_true(sd_bus_message_append(m, "s", "xrdp-sesman") >= 0);
	assert_true(sd_bus_message_append_array(m, 'y', public_key, sizeof public_key) >= 0);
	assert_true(sd_bus_message_append(m, "a{sv}", 5, CREDSSP_PEER_RHOST, "s", rhost, CREDSSP_PEER_RPORT, "q", 7,
					  CREDSSP_PEER_RESTRICTED_ADMIN, "b", 1, CREDSSP_PEER_REMOTE_GUARD, "b", 0,
					  CREDSSP_PEER_EARLY_AUTHORIZATION, "b", 1) >= 0);
	return m;
}

/* ---- life ---- */

static void on_owned(void *userdata)
{
	owned_calls++;
}

static void on_lost(void *userdata)
{
	lost_calls++;
}

static int setup_bus(void **unused)
{
	start_all(" backoff_failures = 1\n backoff_max = 60\n");
	owned_calls = lost_calls = 0;
	name_reply = 1;
	intruder = NULL;
	no_uids = false;
	if (bus_new(event, supervisor, on_owned, on_lost, NULL, &bus) < 0)
		return -1;
	accept_connection();
	while (!owned_calls)
		turn(10);
	settle_down();
	return 0;
}

static int teardown_bus(void **unused)
{
	reply = sd_bus_message_unref(reply);
	close_control();
	supervisor_stop(supervisor);
	bus_free(bus);
	if (server)
		drop_connection();
	stop_all();
	return 0;
}

/* ---- who may call what ---- */

static void test_access(void **unused)
{
	static const struct {
		const char *interface, *member, *allowed;
	} row[] = {
		{ CREDSSP_ACCEPTOR_INTERFACE, CREDSSP_METHOD_BEGIN, FRONT_END },
		{ CREDSSP_VAULT_INTERFACE, CREDSSP_METHOD_REDEEM, REDEEMER },
		{ CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_STATUS, ROOT },
		{ CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_RELOAD, ROOT },
		{ CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_SET_VERIFIER, ROOT },
		{ CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_UPDATE_VERIFIER, ROOT },
		{ CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_DELETE_VERIFIER, ROOT },
		{ CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_LIST_VERIFIERS, ROOT },
	};
	static const char *const senders[] = { FRONT_END, REDEEMER, ROOT, NOBODY, UNKNOWN };

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		for (size_t k = 0; k < sizeof senders / sizeof *senders; k++) {
			sd_bus_message *m;
			int fds[2];

			if (strcmp(senders[k], row[i].allowed) == 0)
				continue;
			if (strcmp(row[i].member, CREDSSP_METHOD_BEGIN) == 0) {
				send_call_(begin_call(senders[k], "192.0.2.1"));
				assert_error(CREDSSP_ERROR_ACCESS_DENIED);
				continue;
			}
			m = new_call(senders[k], row[i].interface, row[i].member);
			assert_int_equal(pipe(fds), 0);
			if (strcmp(row[i].member, CREDSSP_METHOD_REDEEM) == 0)
				(void)sd_bus_message_append(m, "sss", "a", "b", "c");
			else if (strcmp(row[i].member, CREDSSP_METHOD_SET_VERIFIER) == 0)
				(void)sd_bus_message_append(m, "sh", "alice", fds[0]);
			else if (strcmp(row[i].member, CREDSSP_METHOD_UPDATE_VERIFIER) == 0)
				(void)sd_bus_message_append(m, "sbh", "alice", 1, fds[0]);
			else if (strcmp(row[i].member, CREDSSP_METHOD_DELETE_VERIFIER) == 0)
				(void)sd_bus_message_append(m, "s", "alice");
			send_call_(m);
			assert_error(CREDSSP_ERROR_ACCESS_DENIED);
			(void)close(fds[0]);
			(void)close(fds[1]);
		}
	}
	call(ROOT, CREDSSP_MANAGER_INTERFACE, "NoSuchMethod", "");
	assert_error(SD_BUS_ERROR_UNKNOWN_METHOD);
	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_STATUS, "s", "too much");
	assert_error(SD_BUS_ERROR_INVALID_ARGS);
}

/* ---- Begin ---- */

static void test_begin(void **unused)
{
	const struct logon *h;
	sd_bus_message *m;
	uint64_t id;
	int fd;

	send_call_(begin_call(FRONT_END, "192.0.2.1"));
	m = assert_ok();
	assert_true(sd_bus_message_read(m, "th", &id, &fd) >= 0);
	h = TAILQ_FIRST(&supervisor->logons.list);
	assert_int_equal(h->id, id);
	assert_int_equal(h->caller, 4243);
	assert_string_equal(h->peer.rhost, "192.0.2.1");
	assert_int_equal(h->peer.rport, 7);
	assert_true(h->peer.restricted_admin && h->peer.early_authorization && !h->peer.remote_guard);
	assert_memory_equal(h->public_key, public_key, sizeof public_key);
	reply = sd_bus_message_unref(reply); /* closes the channel */
	settle_down();
	assert_int_equal(supervisor->logons.refusals[REFUSAL_CANCELLED], 1);
}

static void bad_peer(const char *key, const char *type, const void *value)
{
	sd_bus_message *m = new_call(FRONT_END, CREDSSP_ACCEPTOR_INTERFACE, CREDSSP_METHOD_BEGIN);

	assert_true(sd_bus_message_append(m, "s", "xrdp-sesman") >= 0);
	assert_true(sd_bus_message_append_array(m, 'y', public_key, sizeof public_key) >= 0);
	assert_true(sd_bus_message_append(m, "a{sv}", 1, key, type, value) >= 0);
	send_call_(m);
	assert_error(CREDSSP_ERROR_INVALID_ARGUMENT);
}

static void test_bad_begin(void **unused)
{
	char long_address[RHOST_MAX + 2];
	struct backoff_key key = backoff_key(4243, "192.0.2.1");
	sd_bus_message *m;

	memset(long_address, '1', sizeof long_address - 1);
	long_address[sizeof long_address - 1] = '\0';
	bad_peer(CREDSSP_PEER_RHOST, "s", "host.example");
	bad_peer(CREDSSP_PEER_RHOST, "s", long_address);
	bad_peer(CREDSSP_PEER_RPORT, "s", "7");
	bad_peer(CREDSSP_PEER_REMOTE_GUARD, "s", "yes");
	bad_peer(CREDSSP_PEER_RHOST, "b", (void *)1);
	bad_peer("other", "s", "x");
	/* a service that is not its own, and a key that is empty */
	m = new_call(FRONT_END, CREDSSP_ACCEPTOR_INTERFACE, CREDSSP_METHOD_BEGIN);
	assert_true(sd_bus_message_append(m, "saya{sv}", "other", 1, 1, 0) >= 0);
	send_call_(m);
	assert_error(CREDSSP_ERROR_ACCESS_DENIED);
	m = new_call(FRONT_END, CREDSSP_ACCEPTOR_INTERFACE, CREDSSP_METHOD_BEGIN);
	assert_true(sd_bus_message_append(m, "saya{sv}", "xrdp-sesman", 0, 0) >= 0);
	send_call_(m);
	assert_error(CREDSSP_ERROR_INVALID_ARGUMENT);
	/* an address that has to wait */
	send_call_(begin_call(FRONT_END, "192.0.2.1"));
	(void)assert_ok();
	backoff_end(supervisor->backoff, &key, clock_usec(), 1);
	send_call_(begin_call(FRONT_END, "192.0.2.1"));
	assert_error(CREDSSP_ERROR_BACKOFF);
	/* all slots are taken */
	supervisor->logons.live = HANDSHAKES_MAX;
	send_call_(begin_call(FRONT_END, "192.0.2.2"));
	assert_error(CREDSSP_ERROR_LIMIT);
	supervisor->logons.live = 0;
}

/* A front end with many Begins waits; another one does not, and the first continues in order. */
static void test_begin_waits(void **unused)
{
	sd_bus_message *held[HANDSHAKES_BEGUN_MAX + 2];
	struct fake_logon first;
	struct logon *oldest;
	uint64_t id;
	int fd;

	for (unsigned i = 0; i < HANDSHAKES_BEGUN_MAX; i++) {
		send_call_(begin_call(FRONT_END, "192.0.2.1"));
		held[i] = sd_bus_message_ref(assert_ok());
	}
	send_call_(begin_call(FRONT_END, "192.0.2.7"));
	settle_down();
	assert_null(reply);
	/* it is answered when another one has sent its TSRequest */
	assert_true(sd_bus_message_read(held[0], "th", &id, &fd) >= 0);
	first = (struct fake_logon){ .id = id, .channel = fd };
	send_tsrequest(&first, "AP-REQ");
	held[HANDSHAKES_BEGUN_MAX] = sd_bus_message_ref(assert_ok());
	oldest = TAILQ_FIRST(&supervisor->logons.list);
	assert_string_equal(oldest->peer.rhost, "192.0.2.7");
	send_call_(begin_call(OTHER_FRONT_END, "192.0.2.9"));
	held[HANDSHAKES_BEGUN_MAX + 1] = sd_bus_message_ref(assert_ok());
	/* a call may not wait for ever: there is a limit for one connection */
	for (unsigned i = 0; i < CALLS_PER_CONNECTION_MAX; i++)
		send_call_(begin_call(FRONT_END, "192.0.2.8"));
	settle_down();
	assert_null(reply);
	send_call_(begin_call(FRONT_END, "192.0.2.8"));
	assert_error(CREDSSP_ERROR_LIMIT);
	for (unsigned i = 0; i < HANDSHAKES_BEGUN_MAX + 2; i++)
		(void)sd_bus_message_unref(held[i]);
	settle_down();
}

/* No more than CALLS_PER_CONNECTION_MAX calls wait for the uid of their caller. */
static void test_uid_unanswered(void **unused)
{
	no_uids = true;
	for (unsigned i = 0; i < CALLS_PER_CONNECTION_MAX; i++)
		call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_STATUS, "");
	settle_down();
	assert_null(reply);
	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_STATUS, "");
	assert_error(CREDSSP_ERROR_LIMIT);
}

/* ---- Redeem ---- */

static void redeem(const char *ticket, const char *service, const char *user)
{
	call(REDEEMER, CREDSSP_VAULT_INTERFACE, CREDSSP_METHOD_REDEEM, "sss", ticket, service, user);
}

static void test_redeem(void **unused)
{
	char ticket[TICKET_LEN + 1], secret[32];
	struct fake_logon l = log_on(ticket);
	const char *key, *value = NULL;
	sd_bus_message *m;
	int fd;

	redeem("credssp1:no", "xrdp-sesman", "alice");
	assert_error(CREDSSP_ERROR_NO_TICKET);
	redeem(ticket, "xrdp-sesman", "alice");
	m = assert_ok();
	assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
	while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		assert_true(sd_bus_message_read_basic(m, 's', &key) > 0);
		if (strcmp(key, CREDSSP_ABOUT_USER) == 0)
			assert_true(sd_bus_message_read(m, "v", "s", &value) > 0);
		else
			assert_true(sd_bus_message_skip(m, "v") >= 0);
		assert_true(sd_bus_message_exit_container(m) >= 0);
	}
	assert_true(sd_bus_message_exit_container(m) >= 0);
	assert_string_equal(value, "alice");
	assert_true(sd_bus_message_read_basic(m, 'h', &fd) > 0);
	assert_int_equal(read(fd, secret, sizeof secret), 10);
	assert_memory_equal(secret, "0123456789", 10);
	close_logon(&l);
	l = log_on(ticket);
	redeem(ticket, "xrdp-sesman", "bob");
	assert_error(CREDSSP_ERROR_TICKET_MISMATCH);
	close_logon(&l);
}

/* ---- Manager ---- */

/* Asks for the status, and compares the mechanisms that are on, then after ! those that are off. */
static void assert_mechanisms(const char *wanted)
{
	char got[256] = "";
	const char *key, *name, *reason;
	sd_bus_message *m;

	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_STATUS, "");
	m = assert_ok();
	assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
	while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		assert_true(sd_bus_message_read_basic(m, 's', &key) > 0);
		if (strcmp(key, "mechanisms") == 0) {
			assert_true(sd_bus_message_enter_container(m, 'v', "as") > 0);
			assert_true(sd_bus_message_enter_container(m, 'a', "s") >= 0);
			while (sd_bus_message_read_basic(m, 's', &name) > 0)
				(void)snprintf(got + strlen(got), sizeof got - strlen(got), "%s ", name);
			assert_true(sd_bus_message_exit_container(m) >= 0);
			assert_true(sd_bus_message_exit_container(m) >= 0);
		} else if (strcmp(key, "mechanisms-off") == 0) {
			assert_true(sd_bus_message_enter_container(m, 'v', "a{ss}") > 0);
			assert_true(sd_bus_message_enter_container(m, 'a', "{ss}") >= 0);
			while (sd_bus_message_read(m, "{ss}", &name, &reason) > 0)
				(void)snprintf(got + strlen(got), sizeof got - strlen(got), "!%s ", name);
			assert_true(sd_bus_message_exit_container(m) >= 0);
			assert_true(sd_bus_message_exit_container(m) >= 0);
		} else {
			assert_true(sd_bus_message_skip(m, "v") >= 0);
		}
		assert_true(sd_bus_message_exit_container(m) >= 0);
	}
	assert_string_equal(got, wanted);
}

static void test_status(void **unused)
{
	struct fake_logon l;
	sd_bus_message *m;
	uint32_t handshakes = 9;
	const char *key;
	unsigned keys = 0;
	char ticket[TICKET_LEN + 1];

	l = log_on(ticket);
	close_logon(&l);
	l = begin("192.0.2.1");
	supervisor->logons.refusals[REFUSAL_NAME] = 2;
	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_STATUS, "");
	m = assert_ok();
	assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
	while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		assert_true(sd_bus_message_read_basic(m, 's', &key) > 0);
		if (strcmp(key, "handshakes") == 0)
			assert_true(sd_bus_message_read(m, "v", "u", &handshakes) > 0);
		else
			assert_true(sd_bus_message_skip(m, "v") >= 0);
		assert_true(sd_bus_message_exit_container(m) >= 0);
		keys++;
	}
	assert_int_equal(handshakes, 1);
	assert_int_equal(keys, 20);
	close_logon(&l);
	assert_mechanisms("krb5 ntlm ");
	supervisor->services.verifier->was_ready = false;
	supervisor->services.verifier->start_failed = true;
	assert_mechanisms("krb5 !ntlm ");
	supervisor->services.keeper->was_ready = false;
	supervisor->services.keeper->start_failed = true;
	assert_mechanisms("krb5 !ntlm !user-to-user ");
	supervisor->services.krb5->was_ready = false;
	supervisor->services.krb5->start_failed = true;
	assert_mechanisms("!krb5 !ntlm "); /* user-to-user is part of Kerberos */
	/* one mechanism, no keeper */
	supervisor->config.ntlm = CONFIG_NTLM_OFF;
	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_STATUS, "");
	(void)assert_ok();
}

static void test_reload(void **unused)
{
	write_config("");
	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_RELOAD, "");
	for (unsigned i = 0; i < 2; i++)
		say_ready(play(RESOLVER), RESOLVER);
	play_role(KRB5);
	(void)assert_ok();
	write_config(" kerberos = off\n ntlm = local\n");
	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_RELOAD, "");
	for (unsigned i = 0; i < 2; i++)
		say_ready(play(RESOLVER), RESOLVER);
	play_role(NTLM);
	(void)close(play(VERIFIER));
	assert_error(CREDSSP_ERROR_NOT_RENEWED);
	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_STATUS, "");
	(void)assert_ok();
	write_config(" ntlm = nonsense\n");
	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_RELOAD, "");
	assert_error(CREDSSP_ERROR_INVALID_ARGUMENT);
}

/* Answers the call that the verifier gets. */
static void verifier_answers(int result)
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
}

static void test_store(void **unused)
{
	struct verifier_listed item = { .type = VERIFIER_LISTED, .more = 1, .name = "alice" };
	struct verifier_control c;
	char long_name[ACCOUNT_NAME_MAX + 2];
	const char *name;
	sd_bus_message *m;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	memset(long_name, 'x', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_SET_VERIFIER, "sh", "alice", fds[0]);
	(void)resolver_answers(REFUSAL_NONE, 1000, "alice");
	verifier_answers(0);
	(void)assert_ok();
	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_SET_VERIFIER, "sh", long_name, fds[0]);
	assert_error(CREDSSP_ERROR_INVALID_ARGUMENT);
	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_UPDATE_VERIFIER, "sbh", "alice", 0, fds[0]);
	(void)resolver_answers(REFUSAL_NONE, 1000, "alice");
	verifier_answers(-ENOENT);
	assert_error(CREDSSP_ERROR_UNKNOWN_USER);
	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_UPDATE_VERIFIER, "sbh", long_name, 0, fds[0]);
	assert_error(CREDSSP_ERROR_INVALID_ARGUMENT);
	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_DELETE_VERIFIER, "s", "alice");
	verifier_answers(-EIO); /* an error without a row of its own */
	assert_error(CREDSSP_ERROR_INTERNAL);
	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_DELETE_VERIFIER, "s", long_name);
	assert_error(CREDSSP_ERROR_INVALID_ARGUMENT);

	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_LIST_VERIFIERS, "");
	do
		assert_int_equal(take(control[VERIFIER], &c, sizeof c, NULL, 0), sizeof c);
	while (c.type != VERIFIER_LIST);
	item.id = c.id;
	assert_int_equal(packet_send(control[VERIFIER], &item, sizeof item, NULL, 0), 0);
	item.more = 0;
	assert_int_equal(packet_send(control[VERIFIER], &item, sizeof item, NULL, 0), 0);
	m = assert_ok();
	assert_true(sd_bus_message_enter_container(m, 'a', "s") > 0);
	assert_true(sd_bus_message_read_basic(m, 's', &name) > 0);
	assert_string_equal(name, "alice");
	assert_int_equal(sd_bus_message_read_basic(m, 's', &name), 0);
	/* the verifier ends without an answer, and then there is none */
	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_LIST_VERIFIERS, "");
	settle_down();
	control[VERIFIER] = close_fd(control[VERIFIER]);
	assert_error(CREDSSP_ERROR_UNAVAILABLE);
	service_free(supervisor->services.verifier);
	supervisor->services.verifier = NULL;
	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_LIST_VERIFIERS, "");
	assert_error(CREDSSP_ERROR_UNAVAILABLE);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* ---- the connection ---- */

/* The bus goes and comes again: the daemon has the name again. */
static void test_reconnect(void **unused)
{
	no_uids = true;
	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_STATUS, ""); /* is lost */
	settle_down();
	drop_connection();
	no_uids = false;
	accept_connection();
	while (owned_calls < 2)
		turn(10);
	assert_int_equal(lost_calls, 0);
	call(ROOT, CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_STATUS, "");
	(void)assert_ok();
	/* it goes before it has answered */
	drop_connection();
	accept_connection();
	drop_connection();
	accept_connection();
	while (owned_calls < 3)
		turn(10);
}

/* Another owner of the name, or a bus that refuses it. */
static void test_name(void **unused)
{
	drop_connection();
	name_reply = 3;
	accept_connection();
	while (!lost_calls)
		turn(10);
	drop_connection();
	name_reply = 0;
	accept_connection();
	while (lost_calls < 2)
		turn(10);
	assert_int_equal(owned_calls, 1);
}

/* Another process in the queue for the name is reported with each ticket. */
static void test_intruder(void **unused)
{
	intruder = ":1.99";
	redeem("credssp1:no", "xrdp-sesman", "alice");
	assert_error(CREDSSP_ERROR_NO_TICKET);
}

static int setup_bus_group(void **unused)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char address[128];

	if (setup_group(unused) < 0)
		return -1;
	(void)snprintf(at.sun_path, sizeof at.sun_path, "%s/bus", directory);
	(void)snprintf(address, sizeof address, "unix:path=%s", at.sun_path);
	bus_listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bus_listener < 0 || bind(bus_listener, (const struct sockaddr *)&at, sizeof at) < 0)
		return -1;
	return listen(bus_listener, 8) < 0 ? -1 : setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
}

static int teardown_bus_group(void **unused)
{
	(void)close(bus_listener);
	(void)unlink("bus");
	return teardown_group(unused);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_bus, teardown_bus)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_access),         TEST(test_begin),     TEST(test_bad_begin), TEST(test_begin_waits),
		TEST(test_uid_unanswered), TEST(test_redeem),    TEST(test_status),    TEST(test_reload),
		TEST(test_store),          TEST(test_reconnect), TEST(test_name),      TEST(test_intruder),
	};

	if (argc > 2 && strcmp(argv[1], "--template") == 0)
		return template_main_(argv[2]);
	(void)alarm(100);
	return cmocka_run_group_tests(tests, setup_bus_group, teardown_bus_group);
}
