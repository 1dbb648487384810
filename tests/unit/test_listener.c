/* SPDX-License-Identifier: MIT */
/* Not under valgrind: it keeps descriptors of its own. */
/* The listener on a port of its own, before and at the first TLS octet. Behind it there is a bus that never answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "credsspd-rdp/listener-private.h"
#include "credsspd-rdp/listener.h"
#include "credsspd-rdp/log-limit.h"
#include "credsspd-rdp/tls.h"

static char dir[] = "/tmp/test_listener.XXXXXX";
static struct settings settings;
static sd_event *event;
static SSL_CTX *ctx;
static struct listener *l;
static int bus;
static unsigned speed = 1; /* of the clock that the listener's deadlines go by */

/* In place of libsystemd's, for all of this program: what takes minutes is seen in a second. */
int sd_event_add_time_relative(sd_event *e, sd_event_source **ret_source, clockid_t clock, uint64_t usec,
			       uint64_t accuracy, sd_event_time_handler_t fn, void *userdata)
{
	uint64_t now;
	int r = sd_event_now(e, clock, &now);

	return r < 0 ? r : sd_event_add_time(e, ret_source, clock, now + usec / speed, accuracy / speed, fn, userdata);
}

#define REQUEST(protocols) "\x03\x00\x00\x13\x0e\xe0\0\0\0\0\0\x01\x00\x08\x00" protocols "\0\0\0"
#define CONFIRM(protocol) "\x03\x00\x00\x13\x0e\xd0\0\0\0\0\0\x02\x01\x08\x00" protocol "\0\0\0"
#define FAILURE "\x03\x00\x00\x13\x0e\xd0\0\0\0\0\0\x03\x00\x08\x00\x05\0\0\0"
#define PROXY_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define PROXY_LOCAL PROXY_SIGNATURE "\x20\x00\x00\x00"
#define PROXY4(last) PROXY_SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02" last "\xc0\x00\x02\x01\xc3\x50\x0d\x3d"
#define BYTES(s) s, sizeof(s) - 1

/* Lets the listener do what there is to do: over the loopback it is there at once. */
static void turn(void)
{
	while (sd_event_run(event, 200) > 0)
		;
}

static int connect_from(const char *address)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = inet_addr(address) };
	union {
		struct sockaddr any;
		struct sockaddr_in in;
	} a;
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)), 0);
	assert_int_equal(getsockname(l->fds[0], &a.any, &len), 0);
	to.sin_port = a.in.sin_port;
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		assert_int_equal(errno, EINPROGRESS);
	turn();
	return fd;
}

static void give(int fd, const void *p, size_t len)
{
	assert_int_equal(send(fd, p, len, MSG_NOSIGNAL), (ssize_t)len);
	turn();
}

/* TCP may hold an octet back for as long as an acknowledgement takes. */
static ssize_t receive(int fd, void *p, size_t size, bool wait)
{
	ssize_t n;

	for (int i = 0; (n = recv(fd, p, size, 0)) < 0 && errno == EAGAIN && wait && i < 500; i++)
		turn();
	return n < 0 ? -errno : n;
}

/* Exactly that, and then @end: 0 for the end of the connection, -EAGAIN when it stays open. */
static void expect(const char *what, int fd, const void *p, size_t len, int end)
{
	uint8_t got[64];
	ssize_t n = len ? receive(fd, got, len, true) : 0;

	if (n != (ssize_t)len)
		fail_msg("%s: %zd octets, not %zu", what, n, len);
	if (len)
		assert_memory_equal(got, p, len);
	n = receive(fd, got, sizeof got, end == 0);
	if (n != end && !(end == 0 && n == -ECONNRESET))
		fail_msg("%s: then %zd, not %d", what, n, end);
}

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

	(void)state;
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

	(void)state;
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
		{ "no header", BYTES(REQUEST("\x03")), NULL, NULL },
		{ "version 1", BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 50000 3389\r\n"), NULL, NULL },
		{ "two headers", BYTES(PROXY4("\x07") PROXY4("\x08") REQUEST("\x03")), NULL, NULL },
	};

	(void)state;
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

	(void)state;
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
	(void)state;
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

	(void)state;
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

/* The direct approach: TLS without a connection request. */
static SSL *begin_tls_directly(SSL_CTX *client_ctx, int fd)
{
	SSL *ssl = SSL_new(client_ctx);
	int r = 0;

	assert_int_equal(SSL_set_fd(ssl, fd), 1);
	for (int i = 0; i < 500 && (r = SSL_connect(ssl)) != 1; i++)
		turn();
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
	for (int i = 0; i < 500 && l->n_connections != n; i++)
		turn();
	assert_int_equal(l->n_connections, n);
}

/* At the first TLS octet there is a process, which the listener forgets when it has gone. */
static void test_process(void **state)
{
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
	int fd = connect_from("127.0.0.1");

	(void)state;
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

	(void)state;
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

	(void)state;
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

/* Of the connections before TLS the longest idle one goes, not the one that came first. */
static void test_longest_idle(void **state)
{
	int fd[4];

	(void)state;
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

static pid_t only_child(void)
{
	FILE *f = fopen("/proc/thread-self/children", "re");
	int pid = 0, other;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d %d", &pid, &other), 1);
	(void)fclose(f);
	return pid;
}

/* What is written to standard error from now on. */
static FILE *catch_stderr(int *ret_saved)
{
	FILE *f = tmpfile();

	assert_non_null(f);
	*ret_saved = dup(STDERR_FILENO);
	assert_int_equal(dup2(fileno(f), STDERR_FILENO), STDERR_FILENO);
	return f;
}

static void let_stderr_go(FILE *f, int saved, char *ret_text, size_t size)
{
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(saved);
	rewind(f);
	ret_text[fread(ret_text, 1, size - 1, f)] = '\0';
	(void)fclose(f);
}

static unsigned n_found(const char *text, const char *what)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, what)); p++)
		n++;
	return n;
}

/* Of hundreds of clients without NLA the first lines are written, and the number of the others: for each address. */
static void test_flood(void **state)
{
	static char text[65536];
	int saved;
	FILE *err;

	(void)state;
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

/* Not only what the listener sees: lines of the processes count as well. */
static void test_flood_in_tls(void **state)
{
	static char text[65536];
	int saved;
	FILE *err;

	(void)state;
	err = catch_stderr(&saved);
	for (int i = 0; i < 30; i++) {
		int fd = connect_from("127.0.0.79");

		give(fd, BYTES("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"));
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

	(void)state;
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
	(void)snprintf(line, sizeof line, "has not ended by itself after %u s without a logon; killed rhost=127.0.0.1 ",
		       all_sec);
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

static int setup(void **state)
{
	static char *listen_on[] = { NULL, NULL }, *proxies[] = { NULL, NULL };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char address[160];
	AUTO_FREE char *error = NULL;
	sigset_t set;

	(void)state;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || !mkdtemp(dir))
		return -1;
	listen_on[0] = strdup("127.0.0.1:0");
	proxies[0] = strdup("127.0.0.2");
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s/bus", dir);
	(void)snprintf(address, sizeof address, "unix:path=%s", a.sun_path);
	bus = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(bus, (struct sockaddr *)&a, sizeof a) < 0 || listen(bus, 8) < 0 ||
	    setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1) < 0)
		return -1;
	settings = (struct settings){ .listen = listen_on,
				      .state_directory = dir,
				      .xrdp_socket = (char[]){ "/nonexistent/xrdp" },
				      .service = (char[]){ "test" },
				      .hybrid_ex = true,
				      .proxy_peers = proxies,
				      .max_connections = RDP_CONNECTIONS_MAX };
	if (tls_context(&settings, &ctx, &error) < 0 || sd_event_new(&event) < 0)
		return -1;
	return listener_new(event, &settings, ctx, &l);
}

static int teardown(void **state)
{
	static const char *const name[] = { "bus", "certificate.pem", "private_key.pem" };

	(void)state;
	listener_free(l, 0);
	SSL_CTX_free(ctx);
	(void)sd_event_unref(event);
	(void)close(bus);
	free(settings.listen[0]);
	free(settings.proxy_peers[0]);
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
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_slowly),
		cmocka_unit_test(test_proxy),
		cmocka_unit_test(test_max_connections),
		cmocka_unit_test(test_make_room),
		cmocka_unit_test(test_gone_within_a_request),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_direct),
		cmocka_unit_test(test_idle_in_tls),
		cmocka_unit_test(test_longest_idle),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_flood_in_tls),
		cmocka_unit_test(test_process_that_hangs),
	};

	(void)alarm(110);
	return cmocka_run_group_tests(tests, setup, teardown);
}
