/* SPDX-License-Identifier: MIT */
#include "credsspd-rdp/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/explain.h"
#include "common/base/log.h"
#include "common/config/options.h"

/* Splits "host:port", "[host]:port" or "port". An empty host stands for all addresses. */
static int split(const char *spec, char host[128], char port[8])
{
	const char *colon = strrchr(spec, ':'), *p = colon ? colon + 1 : spec;
	size_t n = colon ? (size_t)(colon - spec) : 0;

	if (n >= 2 && spec[0] == '[' && spec[n - 1] == ']') {
		spec++;
		n -= 2;
	}
	if (n >= 128 || !*p || strlen(p) > 5 || p[strspn(p, "0123456789")] || strtoul(p, NULL, 10) > UINT16_MAX)
		return -EINVAL;
	memcpy(host, spec, n);
	host[n] = '\0';
	strcpy(port, p);
	return 0;
}

static int listen_on(const struct addrinfo *a, bool v6only)
{
	AUTO_CLOSE int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1, only = v6only;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (a->ai_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 1024) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* Returns -EDESTADDRREQ when @host is not an address, because bind() returns -EINVAL for some addresses, too. */
static int listen_at(const char *host, const char *port, bool v6only)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	int r;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		return -EDESTADDRREQ;
	r = listen_on(list, v6only);
	freeaddrinfo(list);
	return r;
}

/*
 * Listens on all addresses with one IPv6 socket, which takes IPv4 as well. After any error it listens on IPv4 alone,
 * because a kernel, a container or a unit without IPv6 may fail with different errors.
 */
static int listen_anywhere(const char *port)
{
	int r = listen_at("::", port, false), r4;

	if (r >= 0 || r == -EADDRINUSE)
		return r;
	r4 = listen_at("0.0.0.0", port, false);
	if (r4 >= 0)
		log_line(LOG_INFO, "port %s: listening on IPv4 only, because IPv6 cannot be used here: %s", port,
			 strerror(-r));
	return r4;
}

/* Returns whether another of @specs has an IPv4 address and the same port. */
static bool has_ipv4_beside(char *const *specs, const char *port)
{
	char host[128], other[8];
	struct in_addr in;

	for (; *specs; specs++)
		if (split(*specs, host, other) == 0 && strcmp(other, port) == 0 && inet_pton(AF_INET, host, &in) == 1)
			return true;
	return false;
}

/* Returns whether @host is a link-local address without a zone, which bind() refuses. */
static bool needs_interface(const char *host)
{
	struct in6_addr a;

	return inet_pton(AF_INET6, host, &a) == 1 && IN6_IS_ADDR_LINKLOCAL(&a);
}

static int listen_spec(const char *spec, char *const *specs, char **ret_error)
{
	char host[128], port[8];
	struct in6_addr any;
	bool any6;
	int r;

	if (split(spec, host, port) < 0)
		return explain(ret_error, -EINVAL, "listen = %s: an address and a port are expected", spec);
	any6 = inet_pton(AF_INET6, host, &any) == 1 && IN6_IS_ADDR_UNSPECIFIED(&any);
	r = *host ? listen_at(host, port, any6 && has_ipv4_beside(specs, port)) : listen_anywhere(port);
	if (r == -EDESTADDRREQ)
		return explain(ret_error, -EINVAL, "listen = %s: an address and a port are expected", spec);
	if (r == -EINVAL && needs_interface(host))
		return explain(ret_error, r,
			       "listen = %s: a link-local address needs its interface: [%s%%INTERFACE]:%s", spec, host,
			       port);
	if (r < 0 && r != -EADDRINUSE && any6)
		return explain(ret_error, r,
			       "listen = %s: IPv6 cannot be used here (%s); listen = %s also works without IPv6", spec,
			       strerror(-r), port);
	return r < 0 ? explain(ret_error, r, "listen = %s: %s", spec, strerror(-r)) : r;
}

/* Sets O_NONBLOCK on the sockets of systemd: accept() would block when a client has left meanwhile. */
static int take_passed(int ret_fds[SOCKETS_MAX], int n, char **ret_error)
{
	if (n > (int)SOCKETS_MAX)
		return explain(ret_error, -E2BIG, "systemd has passed %d sockets, more than %u", n, SOCKETS_MAX);
	for (int i = 0; i < n; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
			return explain(ret_error, -EINVAL,
				       "credsspd-rdp.socket: descriptor %d is no listening stream socket", fd);
		if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
			return -errno;
		ret_fds[i] = fd;
	}
	return n;
}

int sockets_listen(char *const *specs, int ret_fds[SOCKETS_MAX], char **ret_error)
{
	int passed = sd_listen_fds(1), n = 0;

	if (passed > 0) {
		log_line(LOG_INFO,
			 "listening on the sockets of credsspd-rdp.socket; listen in credsspd.conf is not used");
		return take_passed(ret_fds, passed, ret_error);
	}
	for (char *const *spec = specs; *spec && n < (int)SOCKETS_MAX; spec++) {
		int fd = listen_spec(*spec, specs, ret_error);

		if (fd < 0) {
			while (n > 0)
				(void)close_fd(ret_fds[--n]);
			return fd;
		}
		ret_fds[n++] = fd;
	}
	return n ? n : explain(ret_error, -EINVAL, "listen: nothing to listen on");
}

int sockets_peer(int fd, char ret_rhost[RHOST_MAX + 8U], uint16_t *ret_rport)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_storage storage;
	} a;
	socklen_t len = sizeof a;

	ret_rhost[0] = '\0';
	*ret_rport = 0;
	if (getpeername(fd, &a.any, &len) < 0)
		return -errno;
	if (a.any.sa_family == AF_INET) {
		(void)inet_ntop(AF_INET, &a.in.sin_addr, ret_rhost, RHOST_MAX);
		*ret_rport = ntohs(a.in.sin_port);
	} else if (a.any.sa_family == AF_INET6) {
		if (IN6_IS_ADDR_V4MAPPED(&a.in6.sin6_addr))
			(void)inet_ntop(AF_INET, a.in6.sin6_addr.s6_addr + 12, ret_rhost, RHOST_MAX);
		else
			(void)inet_ntop(AF_INET6, &a.in6.sin6_addr, ret_rhost, RHOST_MAX);
		*ret_rport = ntohs(a.in6.sin6_port);
	}
	return 0;
}

int sockets_connect_unix(const char *path)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof a.sun_path)
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
		return -errno;
	return TAKE_FD(fd);
}
