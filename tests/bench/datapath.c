/* SPDX-License-Identifier: MIT */
/*
 * datapath CERTIFICATE KEY ROUNDS [handshake]: the copy loop of a session (credsspd-rdp/stream.c) beside a process that only speaks
 * TLS, in turn, ROUNDS times. Each measured process has the limits and the system call filter of a connection process.
 *
 *   copy: client -TLS over TCP- [stream_copy()] -UNIX socket- server
 *   bare: client -TLS over TCP- [SSL_read/SSL_write]
 *
 * With `handshake` it measures what every design with a process for each connection pays: a process is forked, enters
 * the filter, does the TLS handshake and ends.
 *
 * Prints one line a measurement: NAME VALUE UNIT. CPU is that of the measured process, user and system.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/sandbox/sandbox.h"
#include "credsspd-rdp/connection-sandbox.h"
#include "credsspd-rdp/stream.h"
#include "credsspd-rdp/tls.h"

#define BULK (256ULL << 20)
#define ECHOES 20000
#define MESSAGE 2048
#define HANDSHAKES 100

enum work { DOWN, UP, ECHO, HANDSHAKE };

struct result {
	double seconds, cpu;
	double *latency;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void tcp_pair(int pair[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int one = 1, l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l < 0 || pair[0] < 0 || bind(l, (void *)&a, sizeof a) < 0 || listen(l, 1) < 0 ||
	    getsockname(l, (void *)&a, &len) < 0 || connect(pair[0], (void *)&a, len) < 0)
		die("loopback");
	pair[1] = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	if (pair[1] < 0)
		die("accept");
	for (int i = 0; i < 2; i++)
		(void)setsockopt(pair[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	(void)close(l);
}

/* ---- the measured process ---- */

static void bare(SSL *ssl, enum work work, size_t message)
{
	static uint8_t buffer[65536];
	unsigned long long done = 0;
	int n;

	if (work == ECHO || work == HANDSHAKE) {
		while ((n = SSL_read(ssl, buffer, sizeof buffer)) > 0 && SSL_write(ssl, buffer, n) == n)
			;
		return;
	}
	for (; done < BULK; done += (unsigned)n) {
		n = work == DOWN ? SSL_write(ssl, buffer, (int)message) : SSL_read(ssl, buffer, sizeof buffer);
		if (n <= 0)
			return;
	}
}

__attribute__((noreturn)) static void middle(SSL_CTX *ctx, const struct filter *filter, int net, int unix_fd,
					     enum work work, size_t message)
{
	static struct stream client, server;

	client.ssl = SSL_new(ctx);
	client.fd = net;
	server.fd = unix_fd;
	if (!client.ssl || SSL_set_fd(client.ssl, net) != 1)
		die("SSL_new");
	if (unix_fd >= 0 && (fcntl(net, F_SETFL, O_NONBLOCK) < 0 || fcntl(unix_fd, F_SETFL, O_NONBLOCK) < 0))
		die("fcntl");
	if (connection_confine(filter, confine_mapped()) < 0)
		die("confine");
	if (stream_accept(client.ssl, net, clock_msec() + 10000) < 0)
		_exit(1);
	if (unix_fd >= 0)
		(void)stream_copy(&client, &server);
	else
		bare(client.ssl, work, message);
	(void)SSL_shutdown(client.ssl);
	_exit(0);
}

/* ---- its peers ---- */

static void send_all(int fd, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			_exit(1);
		p += n;
		len -= (size_t)n;
	}
}

/* xrdp's side. */
__attribute__((noreturn)) static void server(int fd, enum work work, size_t message)
{
	static uint8_t buffer[1 << 18];
	unsigned long long done = 0;
	ssize_t n;

	if (work == DOWN)
		for (; done < BULK; done += message)
			send_all(fd, buffer, message);
	else if (work == UP)
		while (done < BULK && (n = recv(fd, buffer, sizeof buffer, 0)) > 0)
			done += (size_t)n;
	else
		while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0)
			send_all(fd, buffer, (size_t)n);
	_exit(0);
}

static void client(SSL *ssl, enum work work, size_t message, struct result *r)
{
	static uint8_t buffer[65536];
	unsigned long long done = 0;
	int n;

	if (work == HANDSHAKE)
		return;
	if (work == ECHO) {
		for (int i = 0; i < ECHOES; i++) {
			double began = now();

			if (SSL_write(ssl, buffer, (int)message) <= 0)
				die("SSL_write");
			for (done = 0; done < message; done += (unsigned)n)
				if ((n = SSL_read(ssl, buffer, sizeof buffer)) <= 0)
					die("SSL_read");
			r->latency[i] = now() - began;
		}
		return;
	}
	for (; done < BULK; done += (unsigned)n) {
		n = work == DOWN ? SSL_read(ssl, buffer, sizeof buffer) : SSL_write(ssl, buffer, (int)message);
		if (n <= 0)
			die("client");
	}
}

static void measure(SSL_CTX *ctx, SSL_CTX *client_ctx, const struct filter *filter, bool copy, enum work work,
		    size_t message, struct result *r)
{
	int net[2], local[2] = { -1, -1 }, status;
	struct rusage usage;
	double began;
	pid_t pid, peer = 0;
	SSL *ssl;

	tcp_pair(net);
	if (copy && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, local) < 0)
		die("socketpair");
	pid = fork();
	if (pid == 0) {
		(void)close(net[0]);
		(void)close(local[1]);
		middle(ctx, filter, net[1], local[0], work, message);
	}
	(void)close(net[1]);
	if (copy) {
		peer = fork();
		if (peer == 0) {
			(void)close(net[0]);
			(void)close(local[0]);
			server(local[1], work, message);
		}
		(void)close(local[0]);
		(void)close(local[1]);
	}
	ssl = SSL_new(client_ctx);
	if (!ssl || SSL_set_fd(ssl, net[0]) != 1 || SSL_connect(ssl) != 1)
		die("SSL_connect");
	began = now();
	client(ssl, work, message, r);
	(void)SSL_shutdown(ssl);
	(void)shutdown(net[0], SHUT_WR);
	if (wait4(pid, &status, 0, &usage) != pid)
		die("wait4");
	r->seconds = now() - began;
	r->cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 + (double)usage.ru_stime.tv_sec +
		 (double)usage.ru_stime.tv_usec / 1e6;
	if (peer > 0)
		(void)waitpid(peer, NULL, 0);
	SSL_free(ssl);
	(void)close(net[0]);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void measure_handshakes(SSL_CTX *ctx, SSL_CTX *client_ctx, const struct filter *filter, struct result *r)
{
	double cpu = 0;

	for (int i = 0; i < HANDSHAKES; i++) {
		measure(ctx, client_ctx, filter, false, HANDSHAKE, 0, r);
		cpu += r->cpu;
	}
	printf("handshake-cpu %.3f ms\n", cpu / HANDSHAKES * 1e3);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		enum work work;
		size_t message;
	} row[] = { { "down-64k", DOWN, 65536 },
		    { "up-64k", UP, 65536 },
		    { "down-2k", DOWN, MESSAGE },
		    { "up-2k", UP, MESSAGE },
		    { "echo-2k", ECHO, MESSAGE } };
	struct settings settings = { .certificate = argv[1], .private_key = argv[2] };
	struct result r = { .latency = calloc(ECHOES, sizeof(double)) };
	SSL_CTX *ctx = NULL, *client_ctx = SSL_CTX_new(TLS_client_method());
	struct filter filter = { 0 };
	char *error = NULL;

	if (argc < 4 || argc > 5 || !client_ctx || tls_context(&settings, &ctx, &error) < 0 ||
	    connection_filter(&filter) < 0)
		die(error ? error : "usage: datapath CERTIFICATE KEY ROUNDS [handshake]");
	for (int round = 0; argc == 5 && round < atoi(argv[3]); round++)
		measure_handshakes(ctx, client_ctx, &filter, &r);
	for (int round = 0; argc == 4 && round < atoi(argv[3]); round++)
		for (size_t i = 0; i < sizeof row / sizeof *row; i++)
			for (int copy = 0; copy < 2; copy++) {
				const char *who = copy ? "copy" : "bare";

				measure(ctx, client_ctx, &filter, copy, row[i].work, row[i].message, &r);
				if (row[i].work == ECHO) {
					qsort(r.latency, ECHOES, sizeof *r.latency, by_value);
					printf("%s-%s-p50 %.1f us\n%s-%s-p99 %.1f us\n%s-%s-cpu %.2f us\n", who,
					       row[i].name, r.latency[ECHOES / 2] * 1e6, who, row[i].name,
					       r.latency[ECHOES * 99 / 100] * 1e6, who, row[i].name,
					       r.cpu / ECHOES * 1e6);
				} else {
					printf("%s-%s-rate %.0f MB/s\n%s-%s-cpu %.3f s/GB\n", who, row[i].name,
					       BULK / r.seconds / 1e6, who, row[i].name, r.cpu / BULK * 1e9);
				}
				(void)fflush(stdout);
			}
	return 0;
}
