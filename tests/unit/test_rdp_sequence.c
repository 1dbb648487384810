/* SPDX-License-Identifier: MIT */
/*
 * xrdp's connection sequence through the front end, with a client, a listener and an xrdp of this file's around it:
 * what comes out on the other side, and what does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/ipc/connection-msg.h"
#include "common/ipc/packet.h"
#include "credsspd-rdp/connection-private.h"
#include "credsspd-rdp/rdp-sequence.h"
#include "credsspd-rdp/x224.h"

#define TICKET "credssp1:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"

static struct connection child; /* large */
static struct connection_task task;
static int client, control, xrdp, result;
static pthread_t thread;
static bool direct; /* of the next connection */

static void *run(void *unused)
{
	result = rdp_sequence_run(&child);
	(void)close_fd(child.xrdp.fd); /* as the end of the process would */
	(void)shutdown(task.net, SHUT_RDWR);
	return unused;
}

static void start(uint32_t protocols)
{
	int net[2], records[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, net), 0);
	assert_int_equal(packet_pair(0, records), 0);
	assert_int_equal(fcntl(net[0], F_SETFL, O_NONBLOCK), 0);
	client = net[1];
	control = records[1];
	task = (struct connection_task){ .net = net[0],
					 .control = records[0],
					 .protocols = protocols,
					 .selected = X224_PROTOCOL_HYBRID,
					 .direct = direct,
					 .service = "test" };
	memset(&child, 0, sizeof child);
	child.task = &task;
	child.client.fd = net[0];
	child.xrdp.fd = -1;
	child.channel = -1;
	child.in_credssp = true;
	strcpy(child.done.user, "alice");
	strcpy(child.done.ticket, TICKET);
	result = 4711;
	assert_int_equal(pthread_create(&thread, NULL, run, NULL), 0);
}

static void finish(int expected)
{
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (result != expected)
		fail_msg("%s, not %s", strerror(-result), strerror(-expected));
	xrdp = close_fd(xrdp);
	(void)close(client);
	(void)close(control);
	(void)close(task.net);
	(void)close(task.control);
}

static void give(int fd, const void *p, size_t len)
{
	assert_int_equal(send(fd, p, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void take(int fd, const void *expected, size_t len)
{
	uint8_t p[1024];

	assert_true(len <= sizeof p);
	assert_int_equal(recv(fd, p, len, MSG_WAITALL), (ssize_t)len);
	assert_memory_equal(p, expected, len);
}

/* Nothing more comes, and the other side has closed. */
static void at_end(int fd)
{
	uint8_t p[64];
	ssize_t n = recv(fd, p, sizeof p, 0);

	if (n > 0)
		fail_msg("%zd octets came through", n);
}

/* The listener's answer to the question for xrdp. */
static void answer(int error)
{
	struct rdp_answer a = { .type = RDP_XRDP, .error = error, .detail = "as the test wants it" };
	struct rdp_ask_xrdp ask;
	int pair[2] = { -1, -1 };

	assert_int_equal(packet_recv(control, &ask, sizeof ask, NULL, 0), sizeof ask);
	assert_int_equal(ask.type, RDP_ASK_XRDP);
	if (error == 0) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	}
	assert_int_equal(packet_send(control, &a, sizeof a, pair, error == 0 ? 1 : 0), 0);
	(void)close_fd(pair[0]);
	xrdp = pair[1];
}

#define BYTES(s) s, sizeof(s) - 1
#define CONFIRM "\x03\x00\x00\x13\x0e\xd0\0\0\0\0\0\x02\x00\x08\x00\x00\0\0\0"
#define CONNECT_INITIAL "\x03\x00\x00\x0d\x02\xf0\x80\x7f\x65\x82\x01\x02\x03"
#define RESPONSE(protocols) \
	"\x03\x00\x00\x23\x02\xf0\x80\x7f\x66\x5a\x0a\x01\x00\x02\x01\x00" \
	"McDn\x0e\x01\x0c\x0c\x00\x04\x00\x08\x00" protocols "\x03\x0c"
#define ERECT_DOMAIN "\x03\x00\x00\x0c\x02\xf0\x80\x04\x01\x00\x01\x00"
#define ATTACH_USER "\x03\x00\x00\x08\x02\xf0\x80\x28"
#define ATTACH_CONFIRM "\x03\x00\x00\x0b\x02\xf0\x80\x2e\x00\x00\x06"
#define CHANNEL_JOIN "\x03\x00\x00\x0c\x02\xf0\x80\x38\x00\x06\x03\xeb"
#define LICENCE "\x03\x00\x00\x16\x02\xf0\x80\x64\x00\x06\x03\xeb\x70\x08\x80\x00\x00\x00\x13\x83\x04\x00"
/* what xrdp 0.10 sends in place of a licence request */
#define VALID_CLIENT \
	"\x03\x00\x00\x22\x02\xf0\x80\x68\x00\x06\x03\xeb\x70\x14\x80\x00\x00\x00" \
	"\xff\x03\x10\x00\x07\x00\x00\x00\x02\x00\x00\x00\x28\x14\x00\x00"
/* user "eve", password "secret" */
#define CLIENT_INFO \
	"\x03\x00\x00\x41\x02\xf0\x80\x64\x00\x06\x03\xeb\x70\x33\x40\x00\x00\x00" \
	"\x09\x04\x00\x00\x33\x00\x01\x00\x00\x00\x06\x00\x0c\x00\x00\x00\x00\x00" \
	"\0\0" \
	"e\0v\0e\0\0\0" \
	"s\0e\0c\0r\0e\0t\0\0\0" \
	"\0\0" \
	"\0\0" \
	"z"

/* Up to the state where Client Info may come. */
static void connect_through(void)
{
	struct pollfd p;

	start(0x1b);
	/* who does not go on takes no place */
	p = (struct pollfd){ .fd = control, .events = POLLIN };
	give(client, CONNECT_INITIAL, 7);
	assert_int_equal(poll(&p, 1, 50), 0);
	give(client, CONNECT_INITIAL + 7, sizeof CONNECT_INITIAL - 1 - 7);
	answer(0);
	/* xrdp refuses what it does not know: it is asked without */
	take(xrdp, BYTES("\x03\x00\x00\x13\x0e\xe0\0\0\0\0\0\x01\x00\x08\x00\x0b\0\0\0"));
	give(xrdp, BYTES(CONFIRM));
	take(xrdp, BYTES(CONNECT_INITIAL));
	/* and the client hears again what it asked for itself */
	give(xrdp, BYTES(RESPONSE("\x0b\x00\x00\x00")));
	take(client, BYTES(RESPONSE("\x1b\x00\x00\x00")));
	give(client, BYTES(ERECT_DOMAIN ATTACH_USER));
	take(xrdp, BYTES(ERECT_DOMAIN ATTACH_USER));
	give(xrdp, BYTES(ATTACH_CONFIRM));
	take(client, BYTES(ATTACH_CONFIRM));
	/* mstsc sends its joins without waiting */
	give(client, BYTES(CHANNEL_JOIN CHANNEL_JOIN CHANNEL_JOIN));
	take(xrdp, BYTES(CHANNEL_JOIN CHANNEL_JOIN CHANNEL_JOIN));
}

/* xrdp gets the account and the ticket, and nothing of what the client wrote there. */
static void take_client_info(void)
{
	uint8_t p[512];
	const size_t len = 15 + 4 + 18 + 2 + 12 + 2 * TICKET_LEN + 2 + 2 + 2 + 1;

	assert_int_equal(recv(xrdp, p, len, MSG_WAITALL), (ssize_t)len);
	assert_int_equal((size_t)p[2] << 8 | p[3], len);
	assert_non_null(memmem(p, len,
			       "a\0l\0i\0c\0e\0\0\0c\0r\0e\0d\0s\0s\0p\0"
			       "1\0:\0",
			       30));
	assert_null(memmem(p, len, "e\0v\0e\0", 6));
	assert_null(memmem(p, len, "s\0e\0c\0r\0e\0t\0", 12));
	assert_int_equal(p[len - 1], 'z');
}

static void test_through(void **state)
{
	connect_through();
	give(client, BYTES(CLIENT_INFO));
	take_client_info();
	/* what comes behind the licence with it stays where it is, for the copy loop */
	give(client, BYTES(LICENCE "\x44\x04\x01\x02"));
	take(xrdp, BYTES(LICENCE));
	at_end(xrdp);
	finish(0);
	assert_int_equal(child.client.end - child.client.start, 4);
	/* the ticket is gone */
	for (size_t i = 0; i < sizeof child.done.ticket; i++)
		assert_int_equal(child.done.ticket[i], 0);
}

/* The direct approach: the connection request comes after CredSSP, with or without negotiation, or not at all. */
static void test_direct(void **state)
{
	static const struct {
		const char *request, *confirm;
		size_t request_len, confirm_len;
	} row[] = {
		{ "\x03\0\0\x0b\x06\xe0\0\0\0\0\0", "\x03\0\0\x0b\x06\xd0\0\0\0\0\0", 11, 11 },
		{ "\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0",
		  "\x03\0\0\x13\x0e\xd0\0\0\0\0\0\x02\0\x08\0\x02\0\0\0", 19, 19 },
		{ "\x03\0\0\x1f\x1a\xe0\0\0\0\0\0Cookie: mstshash=x\r\n", "\x03\0\0\x0b\x06\xd0\0\0\0\0\0", 31, 11 },
		{ "", "", 0, 0 },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		direct = true;
		start(0);
		direct = false;
		if (row[i].request_len)
			give(client, row[i].request, row[i].request_len);
		if (row[i].confirm_len)
			take(client, row[i].confirm, row[i].confirm_len);
		give(client, BYTES(CONNECT_INITIAL));
		answer(0);
		/* the client has requested no protocols: MCS tells it so */
		take(xrdp, BYTES("\x03\x00\x00\x13\x0e\xe0\0\0\0\0\0\x01\x00\x08\x00\x00\0\0\0"));
		give(xrdp, BYTES(CONFIRM));
		take(xrdp, BYTES(CONNECT_INITIAL));
		give(xrdp, BYTES(RESPONSE("\x00\x00\x00\x00")));
		take(client, BYTES(RESPONSE("\x00\x00\x00\x00")));
		give(client, BYTES(ERECT_DOMAIN ATTACH_USER));
		take(xrdp, BYTES(ERECT_DOMAIN ATTACH_USER));
		give(xrdp, BYTES(ATTACH_CONFIRM));
		take(client, BYTES(ATTACH_CONFIRM));
		give(client, BYTES(CLIENT_INFO LICENCE));
		take_client_info();
		take(xrdp, BYTES(LICENCE));
		finish(0);
	}
	/* once only, and not in place of what comes later; a request with a fault is none */
	direct = true;
	start(0);
	give(client, row[0].request, 11);
	take(client, row[0].confirm, 11);
	give(client, row[0].request, 11);
	answer(0);
	take(xrdp, BYTES("\x03\x00\x00\x13\x0e\xe0\0\0\0\0\0\x01\x00\x08\x00\x00\0\0\0"));
	give(xrdp, BYTES(CONFIRM));
	at_end(xrdp);
	finish(-ECANCELED);
	start(0);
	give(client, BYTES("\x03\0\0\x0b\x06\xe0\0\0\0\0\x01"));
	finish(-EPROTO);
	direct = false;
	/* without the direct approach no request is taken here */
	start(3);
	give(client, row[0].request, 11);
	answer(0);
	take(xrdp, BYTES("\x03\x00\x00\x13\x0e\xe0\0\0\0\0\0\x01\x00\x08\x00\x03\0\0\0"));
	give(xrdp, BYTES(CONFIRM));
	at_end(xrdp);
	finish(-ECANCELED);
}

/* An account whose name is longer than xrdp takes: xrdp gets nothing, and the log says it. */
static void test_long_name(void **state)
{
	char text[8192];
	int saved = dup(STDERR_FILENO);
	FILE *err = tmpfile();

	assert_int_equal(dup2(fileno(err), STDERR_FILENO), STDERR_FILENO);
	for (int i = 0; i < 2; i++) {
		connect_through();
		memset(child.done.user, 'a', ACCOUNT_NAME_MAX);
		child.done.user[i ? ACCOUNT_NAME_MAX : 255] = '\0';
		give(client, BYTES(CLIENT_INFO));
		if (ACCOUNT_NAME_MAX > 255 && i) {
			at_end(xrdp);
			finish(-ECANCELED);
		} else {
			(void)shutdown(client, SHUT_RDWR);
			finish(-ECONNRESET);
		}
	}
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(saved);
	rewind(err);
	text[fread(text, 1, sizeof text - 1, err)] = '\0';
	(void)fclose(err);
	if (ACCOUNT_NAME_MAX > 255)
		assert_non_null(strstr(text, "refused: the name of the account is longer than xrdp takes"));
}

/* xrdp 0.10: the server ends the licence exchange, and the client's next PDU is for the copy loop. */
static void test_through_without_licence(void **state)
{
	connect_through();
	give(client, BYTES(CLIENT_INFO));
	take_client_info();
	give(xrdp, BYTES(VALID_CLIENT "\x03\x00"));
	take(client, BYTES(VALID_CLIENT));
	at_end(client);
	finish(0);
	assert_int_equal(child.xrdp.end - child.xrdp.start, 2);
	/* the ticket is gone */
	for (size_t i = 0; i < sizeof child.done.ticket; i++)
		assert_int_equal(child.done.ticket[i], 0);
}

/* Other licence messages end nothing, and neither does this one before Client Info: a second Client Info stays refused.
 */
static void test_licence_goes_on(void **state)
{
	static const struct {
		size_t at;
		char byte;
	} altered[] = {
		{ 7, 0x64 },  /* not a SendDataIndication */
		{ 11, 0x04 }, /* another channel */
		{ 12, 0x60 }, /* a fragment */
		{ 14, 0x40 }, /* not SEC_LICENSE_PKT */
		{ 18, 0x01 }, /* LICENSE_REQUEST, as xrdp 0.9 */
		{ 22, 0x08 }, /* ERR_INVALID_CLIENT */
		{ 24, 0x01 },
	};

	for (size_t i = 0; i < sizeof altered / sizeof *altered; i++) {
		char p[] = VALID_CLIENT;

		p[altered[i].at] = altered[i].byte;
		connect_through();
		give(client, BYTES(CLIENT_INFO));
		take_client_info();
		give(xrdp, p, sizeof p - 1);
		take(client, p, sizeof p - 1);
		give(client, BYTES(CLIENT_INFO));
		at_end(xrdp);
		finish(-ECANCELED);
	}
	connect_through();
	give(xrdp, BYTES(VALID_CLIENT));
	take(client, BYTES(VALID_CLIENT));
	give(client, BYTES(CLIENT_INFO));
	take_client_info();
	give(client, BYTES(CLIENT_INFO));
	at_end(xrdp);
	finish(-ECANCELED);
}

/* What is refused, and reaches xrdp not even in part. */
static void test_refused(void **state)
{
	static const struct {
		const char *name, *p;
		size_t len;
		int result;
	} before[] = {
		{ "licence before Client Info", BYTES(LICENCE), -ECANCELED },
		{ "a second AttachUser", BYTES(ATTACH_USER), -ECANCELED },
		{ "a second Connect-Initial", BYTES(CONNECT_INITIAL), -ECANCELED },
		{ "fast-path", BYTES("\x44\x04\x01\x02"), -EPROTO },
		{ "disconnect", BYTES("\x03\x00\x00\x09\x02\xf0\x80\x21\x80"), -ECANCELED },
		{ "Client Info in two segments", BYTES("\x03\x00\x00\x12\x02\xf0\x80\x64\x00\x06\x03\xeb\x60\x04\x40\x00\x00\x00"),
		  -ECANCELED },
		{ "Client Info that is none", BYTES("\x03\x00\x00\x12\x02\xf0\x80\x64\x00\x06\x03\xeb\x70\x04\x40\x00\x00\x00"),
		  -EPROTO },
	}, behind[] = {
		{ "a second Client Info", BYTES(CLIENT_INFO), -ECANCELED },
		{ "a channel join", BYTES(CHANNEL_JOIN), -ECANCELED },
		{ "fast-path", BYTES("\x44\x04\x01\x02"), -EPROTO },
		{ "data in another channel", BYTES("\x03\x00\x00\x12\x02\xf0\x80\x64\x00\x06\x03\xec\x70\x04\x40\x00\x00\x00"),
		  -ECANCELED },
		{ "encrypted Client Info", BYTES("\x03\x00\x00\x12\x02\xf0\x80\x64\x00\x06\x03\xeb\x70\x04\x48\x00\x00\x00"),
		  -ECANCELED },
	};

	for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
		connect_through();
		give(client, before[i].p, before[i].len);
		at_end(xrdp);
		finish(before[i].result);
	}
	for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
		connect_through();
		give(client, BYTES(CLIENT_INFO));
		take_client_info();
		give(client, behind[i].p, behind[i].len);
		at_end(xrdp);
		finish(behind[i].result);
	}
}

/* Both in one segment: the second one is not looked at after the first one has been passed on, either. */
static void test_together(void **state)
{
	connect_through();
	give(client, BYTES(CLIENT_INFO CLIENT_INFO LICENCE));
	take_client_info();
	at_end(xrdp);
	finish(-ECANCELED);
}

static void test_no_xrdp(void **state)
{
	start(0x0b);
	give(client, BYTES(CONNECT_INITIAL));
	answer(-ECONNREFUSED);
	finish(-ECANCELED);

	start(0x0b);
	give(client, BYTES(CONNECT_INITIAL));
	answer(0);
	take(xrdp, BYTES("\x03\x00\x00\x13\x0e\xe0\0\0\0\0\0\x01\x00\x08\x00\x0b\0\0\0"));
	xrdp = close_fd(xrdp);
	finish(-ECONNRESET);

	start(0x0b);
	give(client, BYTES(CONNECT_INITIAL));
	answer(0);
	give(xrdp, BYTES(ATTACH_CONFIRM)); /* no confirm */
	finish(-EPROTO);
}

/* A client that leaves while others have their turn at xrdp. */
static void test_left(void **state)
{
	start(0x0b);
	(void)shutdown(client, SHUT_RDWR);
	finish(-ECONNRESET);

	start(0x0b);
	give(client, BYTES(CONNECT_INITIAL));
	(void)shutdown(client, SHUT_RDWR);
	finish(-ECONNRESET);

	connect_through();
	(void)shutdown(client, SHUT_RDWR);
	at_end(xrdp);
	finish(-ECONNRESET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_through),
		cmocka_unit_test(test_direct),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_no_xrdp),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_through_without_licence),
		cmocka_unit_test(test_licence_goes_on),
	};

	(void)alarm(60); /* a PDU that does not come through would be waited for */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
