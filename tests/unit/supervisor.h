/* SPDX-License-Identifier: MIT */
/*
 * A whole supervisor in the test's own process and event loop, without root. The test plays its processes: wardens are
 * sockets in a directory of the test's, and a template is this program exec'ed again, which passes everything between
 * its control socket and a socket of the test.
 *
 * The roles are in the order of enum role. play() waits for the next process of a role and returns the test's end of
 * its control socket.
 */
#pragma once

#pragma GCC diagnostic ignored "-Wunused-function"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/refusal.h"
#include "common/ipc/handover.h"
#include "common/ipc/packet.h"
#include "credsspd/supervisor/admission.h"
#include "credsspd/supervisor/supervisor.h"
#include "include/credssp/channel.h"

/* the wardens' directory is the current one */
#undef WARDEN_SOCKETS
#define WARDEN_SOCKETS "."
#define on_record service_on_record
#include "credsspd/supervisor/service.c"
#undef on_record
#include "credsspd/supervisor/services.c"
#define on_record resolver_on_record
#define on_gone resolver_on_gone
#define on_ready resolver_on_ready
#include "credsspd/supervisor/resolver-pool.c"
#undef on_record
#undef on_gone
#undef on_ready

enum role { KRB5, NTLM, VERIFIER, KEEPER, RESOLVER, ROLES };

static const char *const role_names[ROLES] = { "krb5", "ntlm", "verifier", "keeper", "resolver" };
static const uint8_t role_ready[ROLES] = { TEMPLATE_READY, TEMPLATE_READY, VERIFIER_READY, KEEPER_READY,
					   RESOLVER_READY };

static sd_event *event;
static struct supervisor *supervisor;
static int listener[ROLES];
static int control[ROLES]; /* of the process that play_all() has played last */
static int second_resolver;
static unsigned ready_calls, failed_calls;
static char directory[] = "/tmp/test_supervisor.XXXXXX";
static const uint8_t public_key[] = "a public key";

/* ---- the exec'ed template ---- */

static int connect_to(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	return fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof at) == 0 ? fd : -1;
}

/* Passes one packet on; returns false at the end of file. */
static bool pass_on(int from, int to)
{
	uint8_t packet[512];
	int fds[2];
	ssize_t n = packet_recv(from, packet, sizeof packet, fds, 2);

	if (n > 0)
		(void)packet_send(to, packet, (size_t)n, fds, fds[0] < 0 ? 0 : fds[1] < 0 ? 1 : 2);
	(void)close_fd(fds[0]);
	(void)close_fd(fds[1]);
	return n > 0;
}

static int template_main_(const char *name)
{
	int to_test = connect_to(name);
	struct pollfd p[2] = { { .fd = 3, .events = POLLIN }, { .fd = to_test, .events = POLLIN } };

	if (to_test < 0)
		return 1;
	while (poll(p, 2, -1) > 0) {
		if (p[0].revents && !pass_on(3, to_test))
			return 0;
		if (p[1].revents && !pass_on(to_test, 3))
			return 7;
	}
	return 1;
}

/* ---- the processes that the test plays ---- */

static void turn(unsigned msec)
{
	assert_true(sd_event_run(event, msec * 1000ULL) >= 0);
}

/* Runs the event loop until nothing happens any more. */
static void settle_down(void)
{
	while (sd_event_run(event, 10000) > 0)
		;
}

static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

static int play(enum role role)
{
	for (unsigned i = 0; i < 1000; i++) {
		int fd = accept4(listener[role], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0)
			return fd;
		turn(10);
	}
	fail_msg("no process of role %s", role_names[role]);
	return -1;
}

static void say_ready(int fd, enum role role)
{
	uint8_t record[sizeof(struct template_record)] = { role_ready[role] };

	assert_int_equal(packet_send(fd, record, role <= NTLM ? sizeof record : 1, NULL, 0), 0);
}

/* Waits for the next packet on @fd; returns its length, 0 at end of file. */
static size_t take(int fd, void *packet, size_t size, int *fds, size_t n_fds)
{
	for (unsigned i = 0; i < 1000; i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, 0) == 1) {
			ssize_t n = packet_recv(fd, packet, size, fds, n_fds);

			assert_true(n >= 0);
			return (size_t)n;
		}
		turn(10);
	}
	fail_msg("no packet");
	return 0;
}

static void assert_no_packet(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	settle_down();
	assert_int_equal(poll(&p, 1, 0), 0);
}

static void on_supervisor_ready(void *userdata)
{
	ready_calls++;
}

static void on_supervisor_failed(void *userdata)
{
	failed_calls++;
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "we");

	assert_non_null(f);
	(void)fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void write_config(const char *more)
{
	char text[2048];

	(void)snprintf(
	    text, sizeof text,
	    "[credsspd]\n keytab = %s/keytab\n front_ends = {\n 4243 = xrdp-sesman\n 4244 = xrdp-sesman\n }\n "
	    "redeemers = 4245\n%s",
	    directory, more);
	write_file("credsspd.conf", text);
}

/* Starts the supervisor with these lines more in its configuration; none of its processes is ready yet. */
static void start_supervisor(const char *more)
{
	char *error = NULL;
	int r;

	write_config(more);
	ready_calls = failed_calls = 0;
	r = supervisor_new(event, "credsspd.conf", on_supervisor_ready, on_supervisor_failed, NULL, &supervisor,
			   &error);
	if (r < 0)
		fail_msg("supervisor_new: %d %s", r, error ? error : "");
}

static void play_role(enum role role)
{
	control[role] = play(role);
	say_ready(control[role], role);
}

/* Plays the process that replaces the current one of the service. */
static void play_next(enum role role, struct service *service)
{
	const struct process *current = service_current(service);
	int old = control[role];

	play_role(role);
	for (unsigned i = 0; service_current(service) == current && i < 1000; i++)
		turn(10);
	assert_ptr_not_equal(service_current(service), current);
	(void)close(old);
	settle_down();
}

/* Starts a supervisor with Kerberos, user-to-user and the local NTLM store, all ready. */
static void start_all(const char *more)
{
	char text[1024];

	(void)snprintf(text, sizeof text, " ntlm = local\n%s", more);
	start_supervisor(text);
	for (enum role role = 0; role < ROLES; role++)
		play_role(role);
	second_resolver = play(RESOLVER);
	say_ready(second_resolver, RESOLVER);
	while (!ready_calls)
		turn(10);
	settle_down();
}

static void close_control(void)
{
	for (enum role role = 0; role < ROLES; role++)
		control[role] = close_fd(control[role]);
	second_resolver = close_fd(second_resolver);
}

/* The sockets go first: wardens close them when the supervisor hangs up, and it waits for that. */
static void stop_all(void)
{
	close_control();
	supervisor_free(supervisor);
	supervisor = NULL;
	for (enum role role = 0; role < ROLES; role++)
		for (int fd; (fd = accept(listener[role], NULL, NULL)) >= 0;)
			(void)close(fd);
}

static int setup_group(void **unused)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || sd_event_new(&event) < 0 || !mkdtemp(directory) ||
	    chdir(directory) < 0)
		return -1;
	write_file("keytab", "keys");
	for (enum role role = 0; role < ROLES; role++) {
		control[role] = -1;
		listener[role] = listen_at(role_names[role]);
	}
	second_resolver = -1;
	return 0;
}

static int teardown_group(void **unused)
{
	for (enum role role = 0; role < ROLES; role++) {
		(void)close(listener[role]);
		(void)unlink(role_names[role]);
	}
	(void)unlink("keytab");
	(void)unlink("credsspd.conf");
	(void)rmdir(directory);
	(void)sd_event_unref(event);
	return 0;
}

/* ---- a logon ---- */

struct fake_logon {
	uint64_t id;
	int channel;  /* the front end's end */
	int worker;   /* the worker's end */
	int verifier; /* the worker's end of its socket to the verifier, -1 without */
};

static int begin_from(uid_t caller, const struct logon_peer *peer, struct fake_logon *l)
{
	*l = (struct fake_logon){ .channel = -1, .worker = -1, .verifier = -1 };
	return admission_begin(&supervisor->logons, caller, "xrdp-sesman", public_key, sizeof public_key, peer, &l->id,
			       &l->channel);
}

static struct fake_logon begin(const char *rhost)
{
	struct logon_peer peer = { .rport = 1 };
	struct fake_logon l;

	(void)snprintf(peer.rhost, sizeof peer.rhost, "%s", rhost);
	assert_int_equal(begin_from(4243, &peer, &l), 0);
	return l;
}

static void close_logon(struct fake_logon *l)
{
	l->channel = close_fd(l->channel);
	l->worker = close_fd(l->worker);
	l->verifier = close_fd(l->verifier);
	settle_down();
}

/* @text with its terminator: an NTLMSSP signature has one. */
static void send_tsrequest(const struct fake_logon *l, const char *text)
{
	const uint8_t type = CHANNEL_TSREQUEST;

	assert_int_equal(packet_send2(l->channel, &type, 1, text, strlen(text) + 1, NULL, 0), 0);
}

/* Takes TEMPLATE_SPAWN for the logon and what a worker is sent first. */
static struct worker_start take_spawn(struct fake_logon *l, enum role template, const char *text)
{
	static struct worker_start start;
	struct template_record spawn = { 0 };
	uint8_t packet[512];
	int fds[2] = { -1, -1 };

	do
		assert_int_equal(take(control[template], &spawn, sizeof spawn, fds, 2), sizeof spawn);
	while (spawn.type != TEMPLATE_SPAWN);
	assert_int_equal(spawn.logon, l->id);
	l->worker = fds[0];
	l->verifier = fds[1];
	assert_int_equal(l->verifier >= 0, template == NTLM);
	assert_int_equal(take(l->worker, &start, sizeof start, NULL, 0), 24 + sizeof public_key);
	assert_int_equal(start.type, WORKER_START);
	assert_int_equal(start.logon, l->id);
	assert_memory_equal(start.public_key, public_key, sizeof public_key);
	assert_int_equal(take(l->worker, packet, sizeof packet, NULL, 0), 1 + strlen(text) + 1);
	assert_int_equal(packet[0], WORKER_TSREQUEST);
	assert_memory_equal(packet + 1, text, strlen(text));
	return start;
}

static void worker_says(const struct fake_logon *l, const void *record, size_t len)
{
	assert_int_equal(packet_send(l->worker, record, len, NULL, 0), 0);
	settle_down();
}

static void worker_replies(const struct fake_logon *l, const char *text)
{
	uint8_t packet[512] = { WORKER_REPLY };

	memcpy(packet + 1, text, strlen(text));
	worker_says(l, packet, 1 + strlen(text));
}

static void assert_reply(const struct fake_logon *l, const char *text)
{
	uint8_t packet[512];

	assert_int_equal(take(l->channel, packet, sizeof packet, NULL, 0), 1 + strlen(text));
	assert_int_equal(packet[0], CHANNEL_REPLY);
	assert_memory_equal(packet + 1, text, strlen(text));
}

static void assert_worker_gets(const struct fake_logon *l, const char *text)
{
	uint8_t packet[512];

	assert_int_equal(take(l->worker, packet, sizeof packet, NULL, 0), 1 + strlen(text) + 1);
	assert_int_equal(packet[0], WORKER_TSREQUEST);
	assert_memory_equal(packet + 1, text, strlen(text));
}

/* The front end is told that the logon has failed, and the channel is closed. */
static struct channel_failed assert_failed(const struct fake_logon *l, enum refusal refusal)
{
	struct channel_failed f = { 0 };

	assert_int_equal(take(l->channel, &f, sizeof f, NULL, 0), sizeof f);
	assert_int_equal(f.type, CHANNEL_FAILED);
	assert_string_equal(f.reason, refusal_word(refusal));
	assert_int_equal(f.failure, refusal_weight(refusal) > 0);
	assert_int_equal(take(l->channel, &f, sizeof f, NULL, 0), 0);
	return f;
}

static void worker_authenticates(const struct fake_logon *l, uint8_t mechanism, const char *principal)
{
	struct worker_authenticated a = { .type = WORKER_AUTHENTICATED, .mechanism = mechanism, .version = 6 };

	(void)snprintf(a.principal, sizeof a.principal, "%s", principal);
	worker_says(l, &a, sizeof a);
}

static void worker_delegates(const struct fake_logon *l, uint8_t kind, const char *user)
{
	struct worker_delegated d = { .type = WORKER_DELEGATED, .kind = kind, .handover_len = 10 };

	(void)snprintf(d.user, sizeof d.user, "%s", user);
	worker_says(l, &d, sizeof d);
}

/* Answers the next question of the first resolver or the second; returns the question. */
static struct resolver_request resolver_answers(enum refusal refusal, uint32_t uid, const char *name)
{
	struct resolver_answer a = { .type = RESOLVER_ANSWER, .refusal = (uint16_t)refusal, .uid = uid };
	struct resolver_request q = { 0 };
	struct pollfd p[2] = { { .fd = control[RESOLVER], .events = POLLIN },
			       { .fd = second_resolver, .events = POLLIN } };
	int fd;

	for (unsigned i = 0; poll(p, 2, 0) == 0 && i < 1000; i++)
		turn(10);
	fd = p[0].revents ? p[0].fd : p[1].fd;
	assert_int_equal(take(fd, &q, sizeof q, NULL, 0), sizeof q);
	a.id = q.id;
	(void)snprintf(a.name, sizeof a.name, "%s", name);
	assert_int_equal(packet_send(fd, &a, sizeof a, NULL, 0), 0);
	settle_down();
	return q;
}

static struct worker_verdict take_verdict(const struct fake_logon *l, int *ret_pipe)
{
	struct worker_verdict v = { 0 };

	assert_int_equal(take(l->worker, &v, sizeof v, ret_pipe, 1), sizeof v);
	assert_int_equal(v.type, WORKER_VERDICT);
	return v;
}

/* From Begin to the client's pubKeyAuth, by Kerberos. */
static struct fake_logon authenticate_krb5(const char *rhost)
{
	struct fake_logon l = begin(rhost);

	send_tsrequest(&l, "AP-REQ");
	(void)take_spawn(&l, KRB5, "AP-REQ");
	worker_replies(&l, "AP-REP");
	assert_reply(&l, "AP-REP");
	send_tsrequest(&l, "pubKeyAuth");
	assert_worker_gets(&l, "pubKeyAuth");
	worker_authenticates(&l, MECHANISM_KRB5, "alice@R.TEST");
	return l;
}

/* From there to the worker's reply to pubKeyAuth; the hand-over is in the pipe. */
static void confirm(struct fake_logon *l)
{
	int pipe_fd = -1;

	(void)resolver_answers(REFUSAL_NONE, 1000, "alice");
	assert_int_equal(take_verdict(l, &pipe_fd).granted, 1);
	assert_true(pipe_fd >= 0);
	assert_int_equal(write(pipe_fd, "0123456789", 10), 10);
	(void)close(pipe_fd);
	worker_replies(l, "confirmed");
	assert_reply(l, "confirmed");
	send_tsrequest(l, "authInfo");
	assert_worker_gets(l, "authInfo");
}

/* From there to the ticket, which the front end has. */
static struct channel_done finish_logon(const struct fake_logon *l)
{
	static struct channel_done done;

	worker_delegates(l, CREDENTIAL_PASSWORD, "alice");
	(void)resolver_answers(REFUSAL_NONE, 1000, "alice");
	assert_int_equal(take(l->channel, &done, sizeof done, NULL, 0), sizeof done);
	assert_int_equal(done.type, CHANNEL_DONE);
	return done;
}

/* A whole logon; the ticket as a string. */
static struct fake_logon log_on(char ret_ticket[TICKET_LEN + 1])
{
	struct fake_logon l = authenticate_krb5("192.0.2.1");
	struct channel_done done;

	confirm(&l);
	done = finish_logon(&l);
	memcpy(ret_ticket, done.ticket, TICKET_LEN);
	ret_ticket[TICKET_LEN] = '\0';
	return l;
}

static int setup_all(void **unused)
{
	start_all("");
	return 0;
}

static int teardown_all(void **unused)
{
	stop_all();
	return 0;
}

#define SUPERVISOR_TEST_MAIN(tests) \
	int main(int argc, char **argv) \
	{ \
		if (argc > 2 && strcmp(argv[1], "--template") == 0) \
			return template_main_(argv[2]); \
		(void)alarm(100); \
		return cmocka_run_group_tests(tests, setup_group, teardown_group); \
	}
