/* SPDX-License-Identifier: MIT */
#include "credsspd-rdp/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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

/* "host:port", "[host]:port" or "port" to host (empty: any) and port. */
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

static int listen_on(const struct addrinfo *a)
{
	AUTO_CLOSE int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1, off = 0;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (a->ai_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 1024) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int listen_spec(const char *spec, char **ret_error)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	char host[128], port[8];
	int r;

	if (split(spec, host, port) < 0)
		return explain(ret_error, -EINVAL, "listen = %s: an address and a port are expected", spec);
	/* any address: one IPv6 socket for both families, where there is IPv6 */
	if (getaddrinfo(*host ? host : "::", port, &hints, &list) != 0)
		return explain(ret_error, -EINVAL, "listen = %s: an address and a port are expected", spec);
	r = listen_on(list);
	freeaddrinfo(list);
	if (r == -EAFNOSUPPORT && !*host && getaddrinfo("0.0.0.0", port, &hints, &list) == 0) {
		r = listen_on(list);
		freeaddrinfo(list);
	}
	return r < 0 ? explain(ret_error, r, "listen = %s: %s", spec, strerror(-r)) : r;
}

/* systemd passes its sockets without O_NONBLOCK, and a client that has gone would have accept() wait for the next. */
static int take_passed(int ret_fds[SOCKETS_MAX], int n, char **ret_error)
{
	if (n > (int)SOCKETS_MAX)
		return explain(ret_error, -E2BIG, "systemd has passed %d sockets, more than %u", n, SOCKETS_MAX);
	for (int i = 0; i < n; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
			return explain(ret_error, -EINVAL, "what systemd has passed is no listening socket");
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
		log_line(LOG_INFO, "on the sockets of credsspd-rdp.socket; `listen` does not count");
		return take_passed(ret_fds, passed, ret_error);
	}
	for (; *specs && n < (int)SOCKETS_MAX; specs++) {
		int fd = listen_spec(*specs, ret_error);

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
