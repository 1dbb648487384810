/* SPDX-License-Identifier: MIT */
/*
 * Why descriptors of a peer are dangerous: close() blocks the process that closes the last reference to a TCP socket
 * with SO_LINGER, for as long as the peer has set. Before SO_PASSRIGHTS, Linux cannot refuse a descriptor: a process
 * that reads its packet without taking it, or closes the socket, closes the descriptor. A process that is exiting does
 * not linger (inet_release(), PF_EXITING), so the last reference is left to such a process.
 */
#include "common/ipc/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int) * (PACKET_FDS_MAX + 1))];
};

/* As recvmsg(2), but returns -errno. ECONNRESET is reported once, before the packets in the queue. */
static ssize_t receive(int fd, struct msghdr *m, int flags)
{
	bool reset = false;
	ssize_t n;

	do
		n = recvmsg(fd, m, flags);
	while (n < 0 && (errno == EINTR || (errno == ECONNRESET && !reset && (reset = true))));
	return n < 0 ? -errno : n;
}

int packet_connect(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	AUTO_CLOSE int fd = -1;

	if (strlen(path) >= sizeof at.sun_path)
		return -ENAMETOOLONG;
	strcpy(at.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int packet_pair(int flags, int ret_fds[2])
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0, fds) < 0)
		return -errno;
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}

void packet_refuse_fds(int fd)
{
	const int no = 0;

	(void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &no, sizeof no);
}

enum queued { QUEUED_NOTHING, QUEUED_PLAIN, QUEUED_FDS };

/*
 * Returns what is at the head of the queue, without receiving a descriptor. An empty packet has the sender's
 * credentials (SO_PASSCRED), the end of the queue has not; the credentials fill the buffer, so that descriptors are cut
 * off.
 */
static enum queued look(int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(struct ucred))];
	} creds;
	struct msghdr m = { .msg_control = &creds, .msg_controllen = sizeof creds };
	ssize_t n;

	do {
		m.msg_controllen = sizeof creds;
		n = recvmsg(fd, &m, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
	} while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0 || m.msg_controllen == 0)
		return QUEUED_NOTHING;
	return m.msg_flags & MSG_CTRUNC ? QUEUED_FDS : QUEUED_PLAIN;
}

/* Drops packets up to one with descriptors and returns whether there is one. The peer can send no more. */
static bool drain(int fd)
{
	const int yes = 1;
	enum queued queued;
	char octet;

	(void)shutdown(fd, SHUT_RDWR);
	(void)setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes);
	while ((queued = look(fd)) == QUEUED_PLAIN)
		(void)recv(fd, &octet, 1, MSG_DONTWAIT);
	return queued == QUEUED_FDS;
}

/* Forks a process, not a child of this one, that keeps all descriptors until the returned pipe is closed, and then
 * ends. Returns the pipe or -errno. */
static int make_holder(void)
{
	int p[2], status;
	char octet;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		if (fork() == 0) {
			(void)close(p[1]);
			(void)!read(p[0], &octet, 1);
		}
		_exit(0); /* when the second fork() fails, this process has the last reference; see packet_close() */
	}
	(void)close(p[0]);
	if (pid < 0) {
		(void)close(p[1]);
		return -EAGAIN;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return p[1];
}

int packet_close(int fd)
{
	int holder;

	if (fd < 0)
		return -1;
	if (!drain(fd))
		return close_fd(fd);
	holder = make_holder();
	if (holder < 0)
		return -1;
	(void)close(fd);
	(void)close(holder);
	return -1;
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

/* Waits for the next packet, for a socket that blocks. */
static int refuse_fds(int fd)
{
	struct msghdr m = { .msg_controllen = 0 };
	ssize_t n = receive(fd, &m, MSG_PEEK | MSG_TRUNC);

	if (n < 0)
		return (int)n;
	return m.msg_flags & MSG_CTRUNC ? -EPROTO : 0;
}

ssize_t packet_peek(int fd, void *p, size_t size)
{
	struct iovec iov = { .iov_base = p, .iov_len = size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = receive(fd, &m, MSG_PEEK | MSG_DONTWAIT);

	if (n >= 0 && m.msg_flags & MSG_CTRUNC)
		return -EPROTO;
	return n >= 0 && m.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
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
	ssize_t n;
	int r;

	for (size_t i = 0; i < n_fds; i++)
		ret_fds[i] = -1;
	if (n_fds == 0) {
		r = refuse_fds(fd);
		if (r < 0)
			return r;
	}
	n = receive(fd, &m, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return n;
	r = take_fds(&m, ret_fds, n_fds);
	if (r < 0)
		return r;
	if (n == 0 && n_fds && ret_fds[0] >= 0) /* not at end of file, where callers do not look at them */
		r = -EPROTO;
	else if (m.msg_flags & MSG_TRUNC)
		r = -EMSGSIZE;
	for (size_t i = 0; r < 0 && i < n_fds; i++)
		ret_fds[i] = close_fd(ret_fds[i]);
	return r < 0 ? r : n;
}

void packet_wait_for_end(int fd, uint64_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t rest[16]; /* a longer packet is -EMSGSIZE */
	uint64_t now;

	while ((now = clock_usec()) < until && poll(&p, 1, (int)((until - now) / 1000) + 1) >= 0) {
		ssize_t n;

		if (!p.events && p.revents)
			return;
		n = packet_recv(fd, rest, sizeof rest, NULL, 0);
		/* the packet stays in the queue: from now on wait for the end only, which is always reported */
		if (n == -EPROTO)
			p.events = 0;
		else if (n == 0 || (n < 0 && n != -EAGAIN && n != -EMSGSIZE))
			return;
	}
}
