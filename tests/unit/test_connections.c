/* SPDX-License-Identifier: MIT */
/* Not under valgrind: it keeps descriptors of its own. */
/* Connections from the first byte of TLS on, in processes of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/rdp-listener.h"

static unsigned speed = 1; /* of the clock that the listener's deadlines go by */

/* In place of libsystemd's, for all of this program: what takes minutes is seen in a second. */
int sd_event_add_time_relative(sd_event *e, sd_event_source **ret_source, clockid_t clock, uint64_t usec,
			       uint64_t accuracy, sd_event_time_handler_t fn, void *userdata)
{
	uint64_t now;
	int r = sd_event_now(e, clock, &now);

	return r < 0 ? r : sd_event_add_time(e, ret_source, clock, now + usec / speed, accuracy / speed, fn, userdata);
}

/* The direct approach: TLS without a connection request. */
static SSL *begin_tls_directly(SSL_CTX *client_ctx, int fd)
{
	SSL *ssl = SSL_new(client_ctx);
	int r = 0;

	assert_int_equal(SSL_set_fd(ssl, fd), 1);
	TURN_UNTIL((r = SSL_connect(ssl)) == 1);
	assert_int_equal(r, 1);
	assert_int_equal(l->n_pre_tls, 0);
	return ssl;
}

/* A client that has come as far as TLS. */
static SSL *begin_tls(SSL_CTX *client_ctx, int fd)
{
	give(fd, BYTES(REQUEST("\x0b")));
	expect("process", fd, CONFIRM("\x08"), 19, -EAGAIN);
	return begin_tls_directly(client_ctx, fd);
}

static void wait_for_connections(unsigned n)
{
	TURN_UNTIL(l->n_connections == n);
	assert_int_equal(l->n_connections, n);
}

/* The listener counts a connection only when it has read of it: that it counts none is not its end. */
static void wait_for_end(int fd)
{
	uint8_t alert[64];
	ssize_t n;

	TURN_UNTIL((n = recv(fd, alert, sizeof alert, 0)) == 0 || (n < 0 && errno != EAGAIN));
	assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
}

/* At the first TLS octet there is a process, which the listener forgets when it has gone. */
static void test_process(void **state)
{
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
	int fd = connect_from("127.0.0.1");

	SSL_free(begin_tls(client_ctx, fd));
	assert_int_equal(l->n_connections, 1);
	(void)close(fd);
	wait_for_connections(0);
	SSL_CTX_free(client_ctx);
}

/* TLS comes first, in one piece or byte by byte, behind a proxy as well: served like TLS after a connection request. */
static void test_direct(void **state)
{
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());

	for (int behind = 0; behind < 2; behind++) {
		int fd = connect_from(behind ? "127.0.0.2" : "127.0.0.1");
		SSL *ssl;

		if (behind)
			give(fd, BYTES(PROXY4("\x09")));
		ssl = begin_tls_directly(client_ctx, fd);
		assert_int_equal(l->n_connections, 1);
		SSL_free(ssl);
		(void)close(fd);
		wait_for_connections(0);
	}
	int fd = connect_from("127.0.0.1");

	give(fd, BYTES("\x16"));
	expect("one byte", fd, NULL, 0, -EAGAIN);
	assert_int_equal(l->n_pre_tls, 1);
	give(fd, BYTES("\x03"));
	assert_int_equal(l->n_pre_tls, 0);
	(void)close(fd);
	wait_for_connections(0);
	SSL_CTX_free(client_ctx);
}

/* All slots of an address are taken by clients that wait (for their users): the longest idle one goes, no other is
 * refused. */
static void test_idle_in_tls(void **state)
{
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
	enum { HELD = RDP_PROCESSES_PER_ADDRESS_MAX - 3 };
	struct address_count *held = NULL;
	int fd[4];
	SSL *ssl[4];

	for (int i = 0; i < HELD; i++) /* logged on */
		held = address_counts_enter(l->address_counts, "127.0.0.1", ADDRESS_CONNECTION);
	for (int i = 0; i < 4; i++) {
		fd[i] = connect_from("127.0.0.1");
		ssl[i] = begin_tls(client_ctx, fd[i]);
	}
	wait_for_connections(3);
	for (int i = 0; i < 4; i++) {
		expect("only the first one", fd[i], NULL, 0, i ? -EAGAIN : 0);
		SSL_free(ssl[i]);
		(void)close(fd[i]);
	}
	wait_for_connections(0);
	/* desktops are not evicted */
	for (int i = HELD; i < (int)RDP_PROCESSES_PER_ADDRESS_MAX; i++)
		held = address_counts_enter(l->address_counts, "127.0.0.1", ADDRESS_CONNECTION);
	fd[0] = connect_from("127.0.0.1");
	give(fd[0], BYTES("\x16\x03\x01"));
	expect("no slot", fd[0], NULL, 0, 0);
	(void)close(fd[0]);
	for (int i = 0; i < (int)RDP_PROCESSES_PER_ADDRESS_MAX; i++)
		address_counts_leave(held, ADDRESS_CONNECTION);
	SSL_CTX_free(client_ctx);
}

/* Besides the template. */
static pid_t only_child(void)
{
	FILE *f = fopen("/proc/thread-self/children", "re");
	int pid = 0, found = 0, n = 0;

	assert_non_null(f);
	while (fscanf(f, "%d", &pid) == 1) {
		if (pid != l->template_pid) {
			found = pid;
			n++;
		}
	}
	(void)fclose(f);
	assert_int_equal(n, 1);
	return found;
}

/* Returns when it has ended: until then it can still read a request, which is then lost. */
static void kill_template(void)
{
	siginfo_t info;

	assert_int_equal(kill(l->template_pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)l->template_pid, &info, WEXITED | WNOWAIT), 0);
}

/* A template that has ended is replaced, and the client does not notice. */
static void test_template_dies(void **state)
{
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
	pid_t first = l->template_pid, second;
	char text[1024];
	int saved;
	FILE *err;

	assert_true(first > 0);
	err = catch_stderr(&saved);
	for (int i = 0; i < 2; i++) {
		int fd = connect_from("127.0.0.1");
		SSL *ssl;

		if (i == 0)
			kill_template();
		else
			assert_int_equal(shutdown(l->template_fd, SHUT_RDWR), 0);
		ssl = begin_tls(client_ctx, fd);
		wait_for_connections(1);
		SSL_free(ssl);
		(void)close(fd);
		wait_for_connections(0);
	}
	let_stderr_go(err, saved, text, sizeof text);
	second = l->template_pid;
	assert_true(second > 0 && second != first);
	assert_int_equal(n_found(text, "the template of connections has ended; starting another one for this client"),
			 2);
	SSL_CTX_free(client_ctx);
}

/* A template that does not answer may have forked already: the connection ends, and the next one has another template. */
static void test_template_hangs(void **state)
{
	static const struct timeval short_time = { .tv_usec = 100000 };
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
	pid_t first;
	char text[1024];
	int saved, fd;
	FILE *err;
	SSL *ssl;

	assert_int_equal(listener_ready(l), 0);
	first = l->template_pid;
	assert_int_equal(kill(first, SIGSTOP), 0);
	assert_int_equal(setsockopt(l->template_fd, SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof short_time), 0);
	err = catch_stderr(&saved);
	fd = connect_from("127.0.0.1");
	give(fd, BYTES(REQUEST("\x0b")));
	expect("stopped", fd, CONFIRM("\x08"), 19, -EAGAIN);
	ssl = SSL_new(client_ctx);
	assert_int_equal(SSL_set_fd(ssl, fd), 1);
	TURN_UNTIL((SSL_connect(ssl), l->n_pre_tls == 0));
	assert_int_equal(l->n_pre_tls + l->n_connections, 0);
	assert_int_not_equal(SSL_connect(ssl), 1);
	SSL_free(ssl);
	(void)close(fd);
	fd = connect_from("127.0.0.1");
	SSL_free(begin_tls(client_ctx, fd));
	(void)close(fd);
	wait_for_connections(0);
	let_stderr_go(err, saved, text, sizeof text);
	assert_true(l->template_pid > 0 && l->template_pid != first);
	assert_int_equal(n_found(text, "the template of connections does not answer; starting another one, and this "
				       "client has to connect again"),
			 1);
	SSL_CTX_free(client_ctx);
}

/* The template has the settings that it was started with: other settings come with another one. */
static void test_template_of_other_settings(void **state)
{
	pid_t first = l->template_pid;

	assert_true(first > 0);
	listener_configure(l, &settings, ctx);
	assert_int_equal(l->template_pid, -1);
	assert_int_equal(kill(first, 0), -1);
	assert_int_equal(listener_ready(l), 0);
	assert_true(l->template_pid > 0 && l->template_pid != first);
}

/* Not only what the listener sees: lines of the processes count as well. */
static void test_flood_in_tls(void **state)
{
	static char text[65536];
	int saved;
	FILE *err;

	err = catch_stderr(&saved);
	for (int i = 0; i < 30; i++) {
		int fd = connect_from("127.0.0.79");

		give(fd, BYTES("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"));
		wait_for_end(fd);
		wait_for_connections(0);
		(void)close(fd);
	}
	log_limit_free(l->log_limit);
	assert_int_equal(log_limit_new(event, &l->log_limit), 0);
	let_stderr_go(err, saved, text, sizeof text);
	assert_int_equal(n_found(text, "TLS handshake: broke the protocol"), RDP_LOG_LINES_MAX);
	assert_int_equal(n_found(text, "and 10 more lines "), 1);
}

/* A process that hangs, whatever its client does, has all the time that a slow client may take, and no more. */
static void test_process_that_hangs(void **state)
{
	const unsigned all_sec = RDP_TLS_TIMEOUT_SEC + RDP_PROMPT_TIMEOUT_SEC + RDP_BEGIN_TIMEOUT_SEC +
				 RDP_NLA_TIMEOUT_SEC + RDP_FIRST_MCS_TIMEOUT_SEC + RDP_CHILD_SLACK_SEC;
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
	int fd = connect_from("127.0.0.1"), saved;
	char text[1024], line[128];
	struct timespec began, ended;
	FILE *err;
	SSL *ssl;

	speed = 1000;
	ssl = begin_tls(client_ctx, fd);
	assert_int_equal(kill(only_child(), SIGSTOP), 0);
	err = catch_stderr(&saved);
	(void)clock_gettime(CLOCK_MONOTONIC, &began);
	for (int i = 0; i < 50 && l->n_connections; i++)
		(void)sd_event_run(event, 200000);
	(void)clock_gettime(CLOCK_MONOTONIC, &ended);
	let_stderr_go(err, saved, text, sizeof text);
	speed = 1;
	assert_int_equal(l->n_connections, 0);
	assert_in_range((ended.tv_sec - began.tv_sec) * 1000, all_sec - 1000, all_sec + 5000);
	(void)snprintf(line, sizeof line, "ran for %u s without a logon; killed rhost=127.0.0.1 ", all_sec);
	assert_non_null(strstr(text, line));
	assert_non_null(strstr(text, "the process of a connection died (signal 9) rhost=127.0.0.1 "));
	SSL_free(ssl);
	(void)close(fd);
	/* there is room for the next one */
	fd = connect_from("127.0.0.1");
	SSL_free(begin_tls(client_ctx, fd));
	(void)close(fd);
	wait_for_connections(0);
	SSL_CTX_free(client_ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process),        cmocka_unit_test(test_template_dies),
		cmocka_unit_test(test_template_hangs), cmocka_unit_test(test_template_of_other_settings),
		cmocka_unit_test(test_direct),         cmocka_unit_test(test_idle_in_tls),
		cmocka_unit_test(test_flood_in_tls),   cmocka_unit_test(test_process_that_hangs),
	};

	(void)alarm(110);
	(void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes with write() */
	return cmocka_run_group_tests(tests, rdp_setup, rdp_teardown);
}
