/* SPDX-License-Identifier: MIT */
/* Not under valgrind: it keeps descriptors of its own. */
/* Connections before the first byte of TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/rdp-listener.h"

static void test_requests(void **state)
{
	static const struct {
		const char *what, *p;
		size_t len;
		bool hybrid_ex;
		const char *answer; /* NULL: none, closed */
	} row[] = {
		{ "HYBRID", BYTES(REQUEST("\x03")), true, CONFIRM("\x02") },
		{ "HYBRID_EX", BYTES(REQUEST("\x0b")), true, CONFIRM("\x08") },
		{ "HYBRID_EX, switched off", BYTES(REQUEST("\x0b")), false, CONFIRM("\x02") },
		{ "HYBRID_EX alone", BYTES(REQUEST("\x08")), true, CONFIRM("\x08") },
		{ "HYBRID_EX alone, switched off", BYTES(REQUEST("\x08")), false, FAILURE },
		{ "more than we know", BYTES(REQUEST("\x1f")), true, CONFIRM("\x08") },
		{ "TLS only", BYTES(REQUEST("\x01")), true, FAILURE },
		{ "RDSTLS and TLS", BYTES(REQUEST("\x05")), true, FAILURE },
		{ "standard security", BYTES(REQUEST("\x00")), true, FAILURE },
		{ "no negotiation", BYTES("\x03\x00\x00\x0b\x06\xe0\0\0\0\0\0"), true, FAILURE },
		{ "no RDP", BYTES("GET / HTTP/1.0\r\n\r\n"), true, NULL },
		{ "too long", BYTES("\x03\x00\x04\x01"), true, NULL },
		{ "a PROXY header from a stranger", BYTES(PROXY4("\x07") REQUEST("\x0b")), true, NULL },
		{ "SSL 2 at once", BYTES("\x80\x2e\x01\x00\x02"), true, NULL },
		{ "no TLS record", BYTES("\x16\x04\x01\x02\x00\x01"), true, NULL },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		bool selected = row[i].answer && memcmp(row[i].answer, FAILURE, sizeof FAILURE - 1) != 0;
		int fd = connect_from("127.0.0.1");

		settings.hybrid_ex = row[i].hybrid_ex;
		give(fd, row[i].p, row[i].len);
		expect(row[i].what, fd, row[i].answer, row[i].answer ? 19 : 0, selected ? -EAGAIN : 0);
		assert_int_equal(l->n_pre_tls, selected);
		(void)close(fd);
		turn();
		assert_int_equal(l->n_pre_tls, 0);
	}
	settings.hybrid_ex = true;
}

/* One octet at a time; nothing happens before the last one. */
static void test_slowly(void **state)
{
	static const struct {
		const char *from, *p;
		size_t len;
	} row[] = {
		{ "127.0.0.1", BYTES(REQUEST("\x03")) },
		{ "127.0.0.2", BYTES(PROXY4("\x07") REQUEST("\x03")) }, /* shorter than the header before it */
		{ "127.0.0.2", BYTES(PROXY4("\x07") "\x03\x00\x00\x2b\x26\xe0\0\0\0\0\0"
						    "Cookie: mstshash=alice\r\n"
						    "\x01\x00\x08\x00\x03\0\0\0") },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		int fd = connect_from(row[i].from);

		for (size_t n = 0; n < row[i].len; n++) {
			expect("slowly", fd, NULL, 0, -EAGAIN);
			give(fd, row[i].p + n, 1);
		}
		expect("slowly", fd, CONFIRM("\x02"), 19, -EAGAIN);
		(void)close(fd);
		turn();
		assert_int_equal(l->n_pre_tls, 0);
	}
}

static void test_proxy(void **state)
{
	static const struct {
		const char *what, *p;
		size_t len;
		const char *answer;
		const char *rhost;
	} row[] = {
		{ "header and request", BYTES(PROXY4("\x07") REQUEST("\x03")), CONFIRM("\x02"), "192.0.2.7" },
		{ "a health check, without credsspd", BYTES(PROXY_LOCAL REQUEST("\x0b")), NULL, NULL },
		{ "one with TLS, in its first packet", BYTES(PROXY_LOCAL "\x16\x03\x01\x00\xf8\x01"), NULL, NULL },
		{ "no header", BYTES(REQUEST("\x03")), NULL, NULL },
		{ "version 1", BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 50000 3389\r\n"), NULL, NULL },
		{ "two headers", BYTES(PROXY4("\x07") PROXY4("\x08") REQUEST("\x03")), NULL, NULL },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		int fd = connect_from("127.0.0.2");

		give(fd, row[i].p, row[i].len);
		expect(row[i].what, fd, row[i].answer, row[i].answer ? 19 : 0, row[i].answer ? -EAGAIN : 0);
		if (row[i].rhost)
			assert_string_equal(LIST_FIRST(&l->pre_tls)->rhost, row[i].rhost);
		(void)close(fd);
		turn();
		assert_int_equal(l->n_pre_tls, 0);
	}
	/* a probe that connects and leaves, and one that resets */
	for (int i = 0; i < 2; i++) {
		const struct linger hard = { 1, 0 };
		int fd = connect_from("127.0.0.2");

		if (i)
			(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
		(void)close(fd);
		turn();
		assert_int_equal(l->n_pre_tls, 0);
	}
}

static void test_max_connections(void **state)
{
	int fd[4];

	settings.max_connections = 3;
	for (int i = 0; i < 4; i++) {
		fd[i] = connect_from("127.0.0.1");
		expect("max_connections", fd[i], NULL, 0, -EAGAIN);
	}
	assert_int_equal(l->n_pre_tls, 3);
	expect("the oldest had to go", fd[0], NULL, 0, 0);
	(void)close(fd[0]);
	(void)close(fd[1]);
	turn();
	assert_int_equal(l->n_pre_tls, 2);
	(void)close(fd[2]);
	(void)close(fd[3]);
	turn();
	assert_int_equal(l->n_pre_tls, 0);
	settings.max_connections = RDP_CONNECTIONS_MAX;
}

/* Who holds many makes room for others, the oldest first: directly, and behind the proxy. */
static void test_make_room(void **state)
{
	settings.max_connections = 6;
	for (int behind = 0; behind < 2; behind++) {
		const char *from = behind ? "127.0.0.2" : "127.0.0.1";
		int fd[6], more[2];

		for (int i = 0; i < 6; i++) {
			fd[i] = connect_from(i == 2 && !behind ? "127.0.0.4" : from);
			if (behind && i == 2)
				give(fd[i], BYTES(PROXY4("\x0b")));
			else if (behind)
				give(fd[i], BYTES(PROXY4("\x09")));
		}
		for (int i = 0; i < 2; i++) {
			more[i] = connect_from(behind ? from : "127.0.0.3");
			if (behind)
				give(more[i], BYTES(PROXY4("\x0a")));
			give(more[i], BYTES(REQUEST("\x03")));
			expect("another address", more[i], CONFIRM("\x02"), 19, -EAGAIN);
		}
		for (int i = 0; i < 6; i++) {
			expect("those with most", fd[i], NULL, 0, i < 2 ? 0 : -EAGAIN);
			(void)close(fd[i]);
		}
		(void)close(more[0]);
		(void)close(more[1]);
		turn();
		assert_int_equal(l->n_pre_tls, 0);
	}
	settings.max_connections = RDP_CONNECTIONS_MAX;
}

/* A part of a request whose rest will not come does not stay, nor does it wake the listener again and again. */
static void test_gone_within_a_request(void **state)
{
	static const struct {
		const char *from, *p;
		size_t len;
	} row[] = {
		{ "127.0.0.1", BYTES("\x03") },
		{ "127.0.0.1", BYTES("\x03\x00") },
		{ "127.0.0.1", BYTES("\x03\x00\x00\x13\x0e\xe0") },
		{ "127.0.0.2", BYTES("\x0d\x0a") },
		{ "127.0.0.2", BYTES(PROXY4("\x09")) },
		{ "127.0.0.2", BYTES(PROXY4("\x09") "\x03\x00\x00") },
	};

	for (size_t i = 0; i < 2 * sizeof row / sizeof *row; i++) {
		int fd = connect_from(row[i / 2].from);

		give(fd, row[i / 2].p, row[i / 2].len);
		assert_int_equal(l->n_pre_tls, 1);
		assert_int_equal(i % 2 ? close(fd) : shutdown(fd, SHUT_WR), 0);
		turn();
		assert_int_equal(l->n_pre_tls, 0);
		if (i % 2 == 0)
			(void)close(fd);
	}
}

/* Of the connections before TLS the longest idle one goes, not the one that came first. */
static void test_longest_idle(void **state)
{
	int fd[4];

	settings.max_connections = 3;
	for (int i = 0; i < 3; i++)
		fd[i] = connect_from("127.0.0.1");
	give(fd[0], BYTES(REQUEST("\x03")));
	expect("a request", fd[0], CONFIRM("\x02"), 19, -EAGAIN);
	fd[3] = connect_from("127.0.0.1");
	for (int i = 0; i < 4; i++) {
		expect("the longest idle", fd[i], NULL, 0, i == 1 ? 0 : -EAGAIN);
		(void)close(fd[i]);
	}
	turn();
	assert_int_equal(l->n_pre_tls, 0);
	settings.max_connections = RDP_CONNECTIONS_MAX;
}

/* Of hundreds of clients without NLA the first lines are written, and the number of the others: for each address. */
static void test_flood(void **state)
{
	static char text[65536];
	int saved;
	FILE *err;

	err = catch_stderr(&saved);
	for (int i = 0; i < 100; i++) {
		int fd = connect_from(i % 4 == 3 ? "127.0.0.78" : "127.0.0.77");

		give(fd, BYTES(REQUEST("\x01")));
		(void)close(fd);
	}
	turn();
	log_limit_free(l->log_limit);
	assert_int_equal(log_limit_new(event, &l->log_limit), 0);
	let_stderr_go(err, saved, text, sizeof text);
	assert_int_equal(n_found(text, "does not offer NLA rhost=127.0.0.77 "), RDP_LOG_LINES_MAX);
	assert_int_equal(n_found(text, "does not offer NLA rhost=127.0.0.78 "), RDP_LOG_LINES_MAX);
	assert_int_equal(n_found(text,
				 "and 55 more lines about connections that ended before CredSSP, from this address, "
				 "within 60 s rhost=127.0.0.77\n"),
			 1);
	assert_int_equal(n_found(text,
				 "and 5 more lines about connections that ended before CredSSP, from this address, "
				 "within 60 s rhost=127.0.0.78\n"),
			 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),     cmocka_unit_test(test_slowly),
		cmocka_unit_test(test_proxy),        cmocka_unit_test(test_max_connections),
		cmocka_unit_test(test_make_room),    cmocka_unit_test(test_gone_within_a_request),
		cmocka_unit_test(test_longest_idle), cmocka_unit_test(test_flood),
	};

	(void)alarm(110);
	return cmocka_run_group_tests(tests, rdp_setup, rdp_teardown);
}
