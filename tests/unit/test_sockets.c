/* SPDX-License-Identifier: MIT */
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
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "credsspd-rdp/sockets.h"

static int no_ipv6; /* the error of a kernel, container or unit without IPv6 */
static bool v6only; /* of the last socket */

/* In place of libc's, for all of this program. */
int socket(int family, int type, int protocol)
{
	if (family == AF_INET6 && no_ipv6) {
		errno = no_ipv6;
		return -1;
	}
	return (int)syscall(SYS_socket, family, type, protocol);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY)
		v6only = *(const int *)value;
	return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

/* The port the kernel chose for "…:0", and the family. */
static uint16_t port_of(int fd, int *ret_family)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} a;
	socklen_t len = sizeof a;

	assert_int_equal(getsockname(fd, &a.any, &len), 0);
	*ret_family = a.any.sa_family;
	return ntohs(a.any.sa_family == AF_INET ? a.in.sin_port : a.in6.sin6_port);
}

static int connect_to(int family, uint16_t port)
{
	const struct sockaddr_in in = { .sin_family = AF_INET,
					.sin_port = htons(port),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
					  .sin6_port = htons(port),
					  .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (connect(fd, family == AF_INET ? (const struct sockaddr *)&in : (const struct sockaddr *)&in6,
		    family == AF_INET ? sizeof in : sizeof in6) < 0)
		fd = close_fd(fd);
	return fd;
}

/* A client of @family is seen under the address @expected. */
static void sees(int listening, int family, uint16_t port, const char *expected)
{
	char rhost[RHOST_MAX + 8U];
	uint16_t rport = 0, own = 0;
	int client = connect_to(family, port), server, ignored;

	assert_true(client >= 0);
	(void)fcntl(listening, F_SETFL, 0); /* to wait for it */
	server = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	assert_true(server >= 0);
	assert_int_equal(sockets_peer(server, rhost, &rport), 0);
	own = port_of(client, &ignored);
	assert_string_equal(rhost, expected);
	assert_int_equal(rport, own);
	(void)close(client);
	(void)close(server);
}

/* What is accepted after a reset has no peer, whatever it sent. */
static void sees_nobody(int listening, int family, uint16_t port)
{
	const struct linger hard = { 1, 0 };
	int client = connect_to(family, port), server;
	char rhost[RHOST_MAX + 8U] = "x";
	uint16_t rport = 1;

	assert_int_equal(send(client, "x", 1, MSG_NOSIGNAL), 1);
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
	(void)close(client);
	server = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	assert_true(server >= 0);
	assert_int_equal(sockets_peer(server, rhost, &rport), -ENOTCONN);
	assert_string_equal(rhost, "");
	assert_int_equal(rport, 0);
	(void)close(server);
}

static void test_listen(void **state)
{
	char *specs[] = { (char[]){ "127.0.0.1:0" }, (char[]){ "[::1]:0" }, NULL };
	char *error = NULL;
	int fds[SOCKETS_MAX], family, n;

	n = sockets_listen(specs, fds, &error);
	if (n < 0 && error && strstr(error, "[::1]"))
		skip(); /* no IPv6 here */
	assert_int_equal(n, 2);
	for (int i = 0; i < n; i++) {
		uint16_t port = port_of(fds[i], &family);

		assert_int_equal(family, i ? AF_INET6 : AF_INET);
		assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		sees(fds[i], family, port, i ? "::1" : "127.0.0.1");
		sees_nobody(fds[i], family, port);
		(void)close(fds[i]);
	}
}

/* A port alone is every address, and IPv4 clients look like IPv4 clients. */
static void test_port_alone(void **state)
{
	char *specs[] = { (char[]){ "0" }, NULL };
	char *error = NULL;
	int fds[SOCKETS_MAX], family;
	uint16_t port;

	assert_int_equal(sockets_listen(specs, fds, &error), 1);
	port = port_of(fds[0], &family);
	sees(fds[0], AF_INET, port, "127.0.0.1");
	if (family == AF_INET6)
		sees(fds[0], AF_INET6, port, "::1");
	(void)close(fds[0]);
}

/* Without IPv6, whatever the error: all addresses are those of IPv4; what asks for IPv6 in words is told to ask for less. */
static void test_no_ipv6(void **state)
{
	static const int row[] = { EAFNOSUPPORT, EPROTONOSUPPORT, EACCES, EPERM, EADDRNOTAVAIL, EINVAL };
	int fds[SOCKETS_MAX], family;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char *all[] = { (char[]){ "0" }, NULL }, *words[] = { (char[]){ "[::]:3390" }, NULL };
		char *error = NULL;
		uint16_t port;

		no_ipv6 = row[i];
		if (sockets_listen(all, fds, &error) != 1)
			fail_msg("%s: %s", strerror(row[i]), error);
		port = port_of(fds[0], &family);
		assert_int_equal(family, AF_INET);
		sees(fds[0], AF_INET, port, "127.0.0.1");
		(void)close(fds[0]);
		assert_true(sockets_listen(words, fds, &error) < 0);
		if (row[i] != EINVAL)
			assert_non_null(strstr(error, "IPv6 cannot be used here"));
		free(error);
		no_ipv6 = 0;
	}
}

/* [::] takes IPv4 as well, unless the list has IPv4 on the same port. */
static void test_both_in_words(void **state)
{
	char *pair[] = { NULL, NULL, NULL }, *error = NULL, spec[2][32];
	int fds[SOCKETS_MAX], family, n, probe;
	struct sockaddr_in in = { .sin_family = AF_INET };
	uint16_t port;

	probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(probe, (const struct sockaddr *)&in, sizeof in), 0);
	port = port_of(probe, &family);
	(void)close(probe);
	for (int order = 0; order < 2; order++) {
		(void)snprintf(spec[order], sizeof spec[0], "0.0.0.0:%u", port);
		(void)snprintf(spec[!order], sizeof spec[0], "[::]:%u", port);
		pair[0] = spec[0];
		pair[1] = spec[1];
		n = sockets_listen(pair, fds, &error);
		if (n < 0 && error && strstr(error, "IPv6 cannot be used"))
			skip();
		assert_int_equal(n, 2);
		sees(fds[order], AF_INET, port, "127.0.0.1");
		sees(fds[!order], AF_INET6, port, "::1");
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
	pair[0] = (char[]){ "[::]:0" };
	pair[1] = NULL;
	assert_int_equal(sockets_listen(pair, fds, &error), 1);
	assert_false(v6only);
	sees(fds[0], AF_INET, port_of(fds[0], &family), "127.0.0.1");
	(void)close(fds[0]);
}

static void test_bad_specs(void **state)
{
	static const char *const row[] = { "",
					   ":",
					   "x",
					   "ts1.example.org:3389",
					   "127.0.0.1",
					   "127.0.0.1:",
					   "127.0.0.1:rdp",
					   "127.0.0.1:-1",
					   "127.0.0.1:65536",
					   "127.0.0.1:123456",
					   "[::1]",
					   "[::1:3389",
					   "127.0.0.1:3389 " };
	char *specs[3] = { (char[]){ "127.0.0.1:0" }, NULL, NULL };
	int fds[SOCKETS_MAX];

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_FREE char *error = NULL;
		AUTO_FREE char *spec = strdup(row[i]);
		int before = dup(0), after;

		specs[1] = spec;
		if (sockets_listen(specs, fds, &error) >= 0)
			fail_msg("passed: %s", row[i]);
		assert_non_null(error);
		assert_non_null(strstr(error, row[i]));
		/* the good one before it is closed again */
		(void)close(before);
		after = dup(0);
		assert_int_equal(before, after);
		(void)close(after);
	}
}

/* bind() refuses these addresses, which are written as they should be: the message is about the address. */
static void test_refused_by_bind(void **state)
{
	static const struct {
		const char *spec, *told;
	} row[] = {
		{ "[fe80::1]:3389", "a link-local address needs its interface: [fe80::1%INTERFACE]:3389" },
		{ "192.0.2.1:3389", "Cannot assign requested address" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_FREE char *error = NULL;
		AUTO_FREE char *spec = strdup(row[i].spec);
		char *specs[2] = { spec, NULL };
		int fds[SOCKETS_MAX];

		assert_true(sockets_listen(specs, fds, &error) < 0);
		if (!error || !strstr(error, row[i].told))
			fail_msg("%s: %s", row[i].spec, error ? error : "nothing said");
	}
}

static void test_in_use(void **state)
{
	char spec[32], *specs[] = { (char[]){ "127.0.0.1:0" }, NULL }, *again[] = { spec, NULL };
	AUTO_FREE char *error = NULL;
	int fds[SOCKETS_MAX], more[SOCKETS_MAX], family;

	assert_int_equal(sockets_listen(specs, fds, &error), 1);
	(void)snprintf(spec, sizeof spec, "127.0.0.1:%u", port_of(fds[0], &family));
	assert_int_equal(sockets_listen(again, more, &error), -EADDRINUSE);
	assert_non_null(strstr(error, spec));
	(void)close(fds[0]);
}

static void test_nothing(void **state)
{
	char *specs[] = { NULL };
	AUTO_FREE char *error = NULL;
	int fds[SOCKETS_MAX];

	assert_int_equal(sockets_listen(specs, fds, &error), -EINVAL);
	assert_string_equal(error, "listen: nothing to listen on");
}

/* In a process of its own, whose descriptor 3 is @fd: 0 when it is taken as systemd's, else 1. */
static int passed(int fd)
{
	char *specs[] = { (char[]){ "127.0.0.1:0" }, NULL }, pid[16];
	int status = -1;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		AUTO_FREE char *error = NULL;
		int fds[SOCKETS_MAX] = { -1 };

		(void)snprintf(pid, sizeof pid, "%d", (int)getpid());
		if (dup2(fd, 3) < 0 || setenv("LISTEN_PID", pid, 1) < 0 || setenv("LISTEN_FDS", "1", 1) < 0)
			_exit(99);
		if (sockets_listen(specs, fds, &error) != 1)
			_exit(error && strstr(error, "credsspd-rdp.socket") ? 1 : 98);
		_exit(fds[0] == 3 && fcntl(3, F_GETFL) & O_NONBLOCK && fcntl(3, F_GETFD) & FD_CLOEXEC ? 0 : 97);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_passed(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(passed(fd), 1); /* it does not listen yet */
	assert_int_equal(passed(datagrams), 1);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(passed(fd), 0);
	(void)close(fd);
	(void)close(datagrams);
}

static void test_unix(void **state)
{
	char dir[] = "/tmp/test_sockets.XXXXXX", rhost[RHOST_MAX + 8U] = "x";
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	uint16_t rport = 1;
	char longer[200];
	int server, fd;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s/s", dir);
	assert_int_equal(sockets_connect_unix(a.sun_path), -ENOENT);
	server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(sockets_connect_unix(a.sun_path), -ECONNREFUSED);
	assert_int_equal(listen(server, 1), 0);
	fd = sockets_connect_unix(a.sun_path);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(sockets_peer(fd, rhost, &rport), 0);
	assert_string_equal(rhost, "");
	assert_int_equal(rport, 0);
	(void)close(fd);
	(void)close(server);
	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = '\0';
	assert_int_equal(sockets_connect_unix(longer), -ENAMETOOLONG);
	assert_int_equal(unlink(a.sun_path), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(sockets_peer(-1, rhost, &rport), -EBADF);
	assert_string_equal(rhost, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listen),          cmocka_unit_test(test_port_alone),
		cmocka_unit_test(test_bad_specs),       cmocka_unit_test(test_in_use),
		cmocka_unit_test(test_nothing),         cmocka_unit_test(test_unix),
		cmocka_unit_test(test_refused_by_bind), cmocka_unit_test(test_passed),
		cmocka_unit_test(test_no_ipv6),         cmocka_unit_test(test_both_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
