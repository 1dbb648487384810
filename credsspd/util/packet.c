/* SPDX-License-Identifier: MIT */
#include "credsspd/util/packet.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "include/credssp/cleanup.h"

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int) * (PACKET_FDS_MAX + 1))];
};

int packet_pair(int flags, int ret_fds[2])
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0, fds) < 0)
		return -errno;
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}

int packet_send(int fd, const void *p, size_t len, const int *fds, size_t n_fds)
{
	return packet_send2(fd, p, len, NULL, 0, fds, n_fds);
}

int packet_send2(int fd, const void *a, size_t a_len, const void *b, size_t b_len, const int *fds, size_t n_fds)
{
	struct iovec iov[2] = {
		{ .iov_base = (void *)(uintptr_t)a, .iov_len = a_len },
		{ .iov_base = (void *)(uintptr_t)b, .iov_len = b_len },
	};
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = b_len ? 2 : 1 };
	union control control;
	ssize_t r;

	if (n_fds > PACKET_FDS_MAX)
		return -EINVAL;
	if (n_fds) {
		memset(&control, 0, sizeof control);
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);

		if (!c)
			return -EINVAL;
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	do
		r = sendmsg(fd, &m, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return (size_t)r == a_len + b_len ? 0 : -EMSGSIZE;
}

/* Moves the received descriptors to @ret_fds; returns -EPROTO when they do not fit. */
static int take_fds(struct msghdr *m, int *ret_fds, size_t n_fds)
{
	size_t got = 0;
	int r = (m->msg_flags & MSG_CTRUNC) ? -EPROTO : 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
			if (got < n_fds) {
				ret_fds[got++] = fd;
			} else {
				(void)close_fd(fd);
				r = -EPROTO;
			}
		}
	}
	if (r < 0)
		for (size_t i = 0; i < got; i++)
			ret_fds[i] = close_fd(ret_fds[i]);
	return r;
}

ssize_t packet_recv(int fd, void *p, size_t size, int *ret_fds, size_t n_fds)
{
	struct iovec iov = { .iov_base = p, .iov_len = size };
	union control control;
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control,
	};
	bool reset = false; /* the error is told once, before packets that are there */
	ssize_t n;
	int r;

	for (size_t i = 0; i < n_fds; i++)
		ret_fds[i] = -1;
	do
		n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || (errno == ECONNRESET && !reset && (reset = true))));
	if (n < 0)
		return -errno;
	r = take_fds(&m, ret_fds, n_fds);
	if (r < 0)
		return r;
	if (n == 0 && n_fds && ret_fds[0] >= 0) /* no end of file: nobody would look at them */
		r = -EPROTO;
	else if (m.msg_flags & MSG_TRUNC)
		r = -EMSGSIZE;
	for (size_t i = 0; r < 0 && i < n_fds; i++)
		ret_fds[i] = close_fd(ret_fds[i]);
	return r < 0 ? r : n;
}
