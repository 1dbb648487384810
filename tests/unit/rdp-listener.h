/* SPDX-License-Identifier: MIT */
/* A listener of credsspd-rdp on a port of its own, with a bus that never answers. Include cmocka.h before it. */
#pragma once

#pragma GCC diagnostic ignored "-Wunused-function"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "credsspd-rdp/listener-private.h"
#include "credsspd-rdp/listener.h"
#include "credsspd-rdp/log-limit.h"
#include "credsspd-rdp/tls.h"

static char dir[] = "/tmp/test_rdp.XXXXXX";
static struct settings settings;
static sd_event *event;
static SSL_CTX *ctx;
static struct listener *l;
static int bus;

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

/* A busy machine lets a process wait for seconds. */
#define PATIENCE_SEC 20

static time_t now_sec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Lets the listener work until @condition holds, or PATIENCE_SEC have passed. */
#define TURN_UNTIL(condition) \
	for (time_t end_ = now_sec() + PATIENCE_SEC; !(condition) && now_sec() < end_;) \
	turn()

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

	TURN_UNTIL((n = recv(fd, p, size, 0)) >= 0 || errno != EAGAIN || !wait);
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

static int rdp_setup(void **state)
{
	static char *listen_on[] = { NULL, NULL }, *proxies[] = { NULL, NULL };
	static char xrdp_socket[] = "/nonexistent/xrdp", service[] = "test";
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char address[160];
	AUTO_FREE char *error = NULL;
	sigset_t set;

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
				      .xrdp_socket = xrdp_socket,
				      .service = service,
				      .hybrid_ex = true,
				      .proxy_peers = proxies,
				      .max_connections = RDP_CONNECTIONS_MAX };
	if (tls_context(&settings, &ctx, &error) < 0 || sd_event_new(&event) < 0)
		return -1;
	return listener_new(event, &settings, ctx, &l);
}

static int rdp_teardown(void **state)
{
	static const char *const name[] = { "bus", "certificate.pem", "private_key.pem" };

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
