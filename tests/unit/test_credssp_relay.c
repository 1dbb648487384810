/* SPDX-License-Identifier: MIT */
/*
 * The relay between a client behind real TLS and a credsspd of this file.
 * Not with sanitizers: it replaces clock_gettime(), and so do they.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/ipc/connection-msg.h"
#include "common/ipc/packet.h"
#include "credsspd-rdp/connection-private.h"
#include "credsspd-rdp/credssp-relay.h"
#include "credsspd-rdp/tls.h"
#include "credsspd-rdp/x224.h"

#define TICKET "credssp1:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
#define BYTES(s) s, sizeof(s) - 1
#define TSREQUEST "\x30\x05\xa0\x03\x02\x01\x06"
#define TSREQUEST2 "\x30\x09\xa0\x03\x02\x01\x06\xa3\x02\x04\x00"
#define MCS "\x03\x00\x00\x0c\x02\xf0\x80\x04\x01\x00\x01\x00"

static char dir[] = "/tmp/test_nla.XXXXXX";
static SSL_CTX *ctx, *client_ctx;
static struct connection child; /* large */
static struct connection_task task;
static SSL *client;
static int net, control, channel;
static int copy = -1; /* the listener's, of the process's end of the channel */
static volatile int result;
static pthread_t thread;

static volatile int64_t ahead_sec;

/* In place of libc's, for all of this program: minutes pass at once. */
int clock_gettime(clockid_t clock, struct timespec *t)
{
	int r = (int)syscall(SYS_clock_gettime, clock, t);

	t->tv_sec += ahead_sec;
	return r;
}

static volatile bool in_poll; /* the connection's side waits: it has set its deadline */

/* Likewise. */
int poll(struct pollfd *p, nfds_t n, int timeout)
{
	int r;

	in_poll = true;
	r = (int)syscall(SYS_poll, p, n, timeout);
	in_poll = false;
	return r;
}

static void *run(void *unused)
{
	int r = stream_accept(child.client.ssl, child.client.fd, clock_msec() + 5000);

	result = r < 0 ? r : credssp_relay_run(&child);
	child.channel = close_fd(child.channel); /* as the end of the process would */
	if (result < 0)
		(void)shutdown(task.net, SHUT_RDWR);
	return unused;
}

static void start(uint32_t selected, uint8_t flags)
{
	int sockets[2], records[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	assert_int_equal(packet_pair(0, records), 0);
	assert_int_equal(fcntl(sockets[0], F_SETFL, O_NONBLOCK), 0);
	net = sockets[1];
	control = records[1];
	task = (struct connection_task){ .net = sockets[0],
					 .control = records[0],
					 .selected = selected,
					 .request_flags = flags,
					 .service = "test" };
	memset(&child, 0, sizeof child);
	child.task = &task;
	child.client.fd = sockets[0];
	child.client.ssl = SSL_new(ctx);
	child.channel = -1;
	assert_int_equal(SSL_set_fd(child.client.ssl, sockets[0]), 1);
	client = SSL_new(client_ctx);
	assert_int_equal(SSL_set_fd(client, net), 1);
	result = 4711;
	assert_int_equal(pthread_create(&thread, NULL, run, NULL), 0);
	assert_int_equal(SSL_connect(client), 1);
}

static void clean_up(int expected)
{
	if (result != expected)
		fail_msg("%d, not %d", result, expected);
	SSL_free(client);
	SSL_free(child.client.ssl);
	channel = close_fd(channel);
	copy = close_fd(copy);
	(void)close(net);
	(void)close(control);
	(void)close(task.net);
	(void)close(task.control);
}

static void give(const void *p, size_t len)
{
	assert_int_equal(SSL_write(client, p, (int)len), (int)len);
}

static void take(const void *p, size_t len)
{
	uint8_t got[1024];

	/* one message is one record */
	assert_int_equal(SSL_read(client, got, sizeof got), (int)len);
	assert_memory_equal(got, p, len);
}

static void finish(int expected)
{
	assert_int_equal(pthread_join(thread, NULL), 0);
	clean_up(expected);
}

/* The listener: a channel for the first TSRequest. */
static void answer_begin(uint32_t selected, uint8_t flags)
{
	struct rdp_answer a = { .type = RDP_CHANNEL };
	static struct rdp_begin b;
	uint8_t *expected = NULL;
	int pair[2], len;
	X509 *x = SSL_get1_peer_certificate(client);

	memset(&b, 0, sizeof b);
	len = i2d_PublicKey(X509_get0_pubkey(x), &expected);
	assert_int_equal(packet_recv(control, &b, sizeof b, NULL, 0),
			 (ssize_t)offsetof(struct rdp_begin, public_key) + len);
	assert_int_equal(b.type, RDP_ASK_BEGIN);
	assert_int_equal(b.public_key_len, len);
	assert_memory_equal(b.public_key, expected, (size_t)len);
	assert_int_equal(b.early_authorization, selected == X224_PROTOCOL_HYBRID_EX);
	assert_int_equal(b.restricted_admin, (flags & X224_FLAG_RESTRICTED_ADMIN) != 0);
	assert_int_equal(b.remote_guard, (flags & X224_FLAG_REDIRECTED_AUTH) != 0);
	OPENSSL_free(expected);
	X509_free(x);
	assert_int_equal(packet_pair(0, pair), 0);
	assert_int_equal(packet_send(control, &a, sizeof a, &pair[0], 1), 0);
	copy = pair[0];
	channel = pair[1];
}

/* credsspd gets exactly @p. */
static void got(const void *p, size_t len)
{
	static uint8_t packet[CHANNEL_PACKET_MAX];

	assert_int_equal(packet_recv(channel, packet, sizeof packet, NULL, 0), (ssize_t)len + 1);
	assert_int_equal(packet[0], CHANNEL_TSREQUEST);
	assert_memory_equal(packet + 1, p, len);
}

static void reply(const void *p, size_t len)
{
	const uint8_t type = CHANNEL_REPLY;

	assert_int_equal(packet_send2(channel, &type, 1, p, len, NULL, 0), 0);
}

static struct channel_done done(void)
{
	struct channel_done d = { .type = CHANNEL_DONE, .kind = 1, .version = 6, .mechanism = "ntlm" };

	strcpy(d.ticket, TICKET);
	strcpy(d.user, "alice");
	return d;
}

static void begin(uint32_t selected, uint8_t flags)
{
	start(selected, flags);
	give(BYTES(TSREQUEST));
	answer_begin(selected, flags);
	got(BYTES(TSREQUEST));
}

static void test_granted(void **state)
{
	static const struct {
		uint32_t selected;
		uint8_t flags;
	} row[] = {
		{ X224_PROTOCOL_HYBRID, 0 },
		{ X224_PROTOCOL_HYBRID_EX, 0 },
		{ X224_PROTOCOL_HYBRID, X224_FLAG_RESTRICTED_ADMIN },
		{ X224_PROTOCOL_HYBRID_EX, X224_FLAG_REDIRECTED_AUTH },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct channel_done d = done();

		begin(row[i].selected, row[i].flags);
		reply(BYTES(TSREQUEST2));
		take(BYTES(TSREQUEST2));
		/* two of the client's without an answer between them, and MCS behind the last one */
		give(BYTES(TSREQUEST2 TSREQUEST MCS));
		got(BYTES(TSREQUEST2));
		got(BYTES(TSREQUEST));
		assert_int_equal(packet_send(channel, &d, sizeof d, NULL, 0), 0);
		if (row[i].selected == X224_PROTOCOL_HYBRID_EX)
			take(BYTES("\0\0\0\0"));
		assert_int_equal(pthread_join(thread, NULL), 0);
		/* the process leaves it for the listener */
		assert_int_equal(packet_peek(copy, &d, sizeof d), sizeof d);
		assert_int_equal(d.type, CHANNEL_DONE);
		clean_up(0);
		assert_string_equal(child.done.user, "alice");
		assert_string_equal(child.done.ticket, TICKET);
		assert_int_equal(child.client.end - child.client.start, sizeof MCS - 1);
	}
}

static void test_refused(void **state)
{
	static const struct {
		uint32_t selected;
		uint8_t early;
		const char *told;
	} row[] = {
		{ X224_PROTOCOL_HYBRID_EX, CHANNEL_EARLY_ACCESS_DENIED, "\x05\0\0\0" },
		{ X224_PROTOCOL_HYBRID_EX, CHANNEL_EARLY_NONE, NULL },
		/* a client that has not asked for it would not know what it is */
		{ X224_PROTOCOL_HYBRID, CHANNEL_EARLY_ACCESS_DENIED, NULL },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct channel_failed f = { .type = CHANNEL_FAILED,
					    .early_result = row[i].early,
					    .reason = "not-allowed" };
		uint8_t octet;

		begin(row[i].selected, 0);
		assert_int_equal(packet_send(channel, &f, sizeof f, NULL, 0), 0);
		if (row[i].told)
			take(row[i].told, 4);
		assert_true(SSL_read(client, &octet, 1) <= 0);
		assert_string_equal(child.reason, "not-allowed");
		finish(-ECANCELED);
	}
}

/* Until the connection's side waits in CredSSP: it has set its deadline by the clock of now. */
static void wait_for_poll(void)
{
	const char *const volatile *phase = &child.phase;
	struct timespec t = { .tv_nsec = 1000000 };

	while (!*phase || strcmp(*phase, "CredSSP") != 0)
		(void)nanosleep(&t, NULL);
	(void)nanosleep(&t, NULL);
	while (!in_poll)
		(void)nanosleep(&t, NULL);
}

/* The user answers prompts for minutes; then the client's KDC is slow. credsspd's deadlines count, not the front end's.
 */
static void test_patience(void **state)
{
	struct channel_done d = done();

	start(X224_PROTOCOL_HYBRID, 0);
	wait_for_poll();
	ahead_sec += RDP_PROMPT_TIMEOUT_SEC - 30;
	give(BYTES(TSREQUEST));
	answer_begin(X224_PROTOCOL_HYBRID, 0);
	got(BYTES(TSREQUEST));
	ahead_sec += HANDSHAKE_TIMEOUT_SEC;
	give(BYTES(TSREQUEST2));
	got(BYTES(TSREQUEST2));
	assert_int_equal(packet_send(channel, &d, sizeof d, NULL, 0), 0);
	finish(0);
}

static void test_no_patience(void **state)
{
	start(X224_PROTOCOL_HYBRID, 0);
	wait_for_poll();
	give(BYTES("\x30"));
	ahead_sec += RDP_PROMPT_TIMEOUT_SEC + 1;
	give(BYTES("\x05"));
	finish(-ETIMEDOUT);
	/* credsspd says nothing any more */
	begin(X224_PROTOCOL_HYBRID, 0);
	wait_for_poll();
	ahead_sec += RDP_NLA_TIMEOUT_SEC + 1;
	give(BYTES(TSREQUEST2));
	finish(-ETIMEDOUT);
}

/* Half a TSRequest does not delay messages of credsspd. */
static void test_half(void **state)
{
	struct channel_failed f = { .type = CHANNEL_FAILED, .early_result = CHANNEL_EARLY_NONE, .reason = "timeout" };

	begin(X224_PROTOCOL_HYBRID, 0);
	give(BYTES("\x30\x09\xa0"));
	reply(BYTES(TSREQUEST));
	take(BYTES(TSREQUEST));
	give(BYTES("\x03\x02\x01\x06\xa3\x02\x04\x00\x30"));
	got(BYTES(TSREQUEST2));
	assert_int_equal(packet_send(channel, &f, sizeof f, NULL, 0), 0);
	finish(-ECANCELED);
}

static void test_malformed(void **state)
{
	for (int i = 0; i < 8; i++) {
		struct channel_done d = done();
		struct channel_failed f = { .type = CHANNEL_FAILED };
		const void *p = &d;
		size_t len = sizeof d;

		if (i == 0)
			len--;
		if (i == 1)
			d.user[0] = '\0';
		if (i == 2)
			memset(d.user, 'a', sizeof d.user);
		if (i == 3)
			d.ticket[TICKET_LEN - 1] = '\0';
		if (i == 4)
			memset(d.ticket, 'a', sizeof d.ticket);
		if (i == 5)
			d.type = CHANNEL_TSREQUEST;
		if (i == 6) {
			p = &f;
			len = sizeof f - 1;
		}
		if (i == 7) {
			p = &f;
			len = sizeof f;
			memset(f.reason, 'a', sizeof f.reason);
		}
		begin(X224_PROTOCOL_HYBRID_EX, 0);
		assert_int_equal(packet_send(channel, p, len, NULL, 0), 0);
		finish(-EPROTO);
	}
}

static void test_ends(void **state)
{
	struct rdp_answer a = { .type = RDP_CHANNEL, .error = -EACCES, .detail = "as the test wants it" };
	static struct rdp_begin b;

	/* credsspd goes away */
	begin(X224_PROTOCOL_HYBRID, 0);
	channel = close_fd(channel);
	finish(-EPIPE);
	/* the client goes away: before its first TSRequest, and while credsspd thinks */
	start(X224_PROTOCOL_HYBRID, 0);
	(void)shutdown(net, SHUT_RDWR);
	finish(-ECONNRESET);
	begin(X224_PROTOCOL_HYBRID, 0);
	(void)shutdown(net, SHUT_RDWR);
	finish(-ECONNRESET);
	/* credsspd wants nothing of it */
	start(X224_PROTOCOL_HYBRID, 0);
	give(BYTES(TSREQUEST));
	assert_true(packet_recv(control, &b, sizeof b, NULL, 0) > 0);
	assert_int_equal(packet_send(control, &a, sizeof a, NULL, 0), 0);
	finish(-ECANCELED);
	/* no CredSSP: credsspd is not called */
	start(X224_PROTOCOL_HYBRID, 0);
	give(BYTES(MCS));
	for (int i = 0; i < 500 && result == 4711; i++)
		(void)poll(NULL, 0, 10);
	assert_int_equal(recv(control, &b, sizeof b, MSG_DONTWAIT), -1);
	finish(-EPROTO);
}

static int setup(void **state)
{
	const struct settings s = { .state_directory = dir };
	AUTO_FREE char *error = NULL;

	if (!mkdtemp(dir) || tls_context(&s, &ctx, &error) < 0)
		return -1;
	client_ctx = SSL_CTX_new(TLS_client_method());
	return client_ctx ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const name[] = { "certificate.pem", "private_key.pem" };

	SSL_CTX_free(ctx);
	SSL_CTX_free(client_ctx);
	for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
		char path[64];

		(void)snprintf(path, sizeof path, "%s/%s", dir, name[i]);
		(void)unlink(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_granted),     cmocka_unit_test(test_refused), cmocka_unit_test(test_half),
		cmocka_unit_test(test_malformed),   cmocka_unit_test(test_ends),    cmocka_unit_test(test_patience),
		cmocka_unit_test(test_no_patience),
	};

	(void)alarm(60);
	(void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes with write() */
	return cmocka_run_group_tests(tests, setup, teardown);
}
