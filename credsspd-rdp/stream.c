/* SPDX-License-Identifier: MIT */
#include "credsspd-rdp/stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/secret.h"
#include "common/wire/tsrequest.h"
#include "credsspd-rdp/x224.h"

#define COPY_SIZE 65536U

int64_t stream_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int wait_for_either(int fd, short events, int watch, int64_t deadline)
{
	struct pollfd p[2] = { { .fd = fd, .events = events }, { .fd = watch ? watch : -1, .events = POLLIN } };
	int64_t left = deadline - stream_now();
	int n = left > 0 ? poll(p, 2, (int)left) : 0;

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ETIMEDOUT;
	return p[0].revents ? 0 : -EAGAIN;
}

static int wait_for(int fd, short events, int64_t deadline)
{
	return wait_for_either(fd, events, 0, deadline);
}

/* What an SSL call that did not succeed wants: events to poll for, or -errno. */
static int ssl_wants(SSL *ssl, int r)
{
	switch (SSL_get_error(ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return POLLIN;
	case SSL_ERROR_WANT_WRITE:
		return POLLOUT;
	case SSL_ERROR_ZERO_RETURN:
		return -ECONNRESET;
	case SSL_ERROR_SYSCALL:
		return errno == EPROTO || errno == 0 ? -ECONNRESET : -errno;
	default:
		return -EPROTO;
	}
}

int stream_accept(SSL *ssl, int fd, int64_t deadline)
{
	for (;;) {
		ERR_clear_error();
		int r = SSL_accept(ssl), want;

		if (r == 1)
			return 0;
		want = ssl_wants(ssl, r);
		if (want < 0)
			return want;
		r = wait_for(fd, (short)want, deadline);
		if (r < 0)
			return r;
	}
}

/* Reads what there is to @p. Returns the octets, 0 when there are none (*@want says what to poll for), or -errno. */
static ssize_t read_some(const struct stream *s, void *p, size_t size, int *want)
{
	ssize_t n;

	*want = POLLIN;
	if (s->ssl) {
		ERR_clear_error();
		int r = SSL_read(s->ssl, p, size > INT32_MAX ? INT32_MAX : (int)size);

		if (r > 0)
			return r;
		*want = ssl_wants(s->ssl, r);
		return *want < 0 ? *want : 0;
	}
	n = recv(s->fd, p, size, 0);
	if (n == 0)
		return -ECONNRESET;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return n;
}

static ssize_t write_some(const struct stream *s, const void *p, size_t len, int *want)
{
	ssize_t n;

	*want = POLLOUT;
	if (s->ssl) {
		ERR_clear_error();
		int r = SSL_write(s->ssl, p, len > INT32_MAX ? INT32_MAX : (int)len);

		if (r > 0)
			return r;
		*want = ssl_wants(s->ssl, r);
		return *want < 0 ? *want : 0;
	}
	n = send(s->fd, p, len, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return n;
}

int stream_need(struct stream *s, size_t need, int64_t deadline)
{
	if (need > sizeof s->buffer)
		return -EMSGSIZE;
	if (s->start && s->start + need > sizeof s->buffer) {
		size_t len = s->end - s->start;

		memmove(s->buffer, s->buffer + s->start, len);
		secret_wipe(s->buffer + len, s->end - len);
		s->start = 0;
		s->end = len;
	}
	while (s->end - s->start < need) {
		int want, r;
		ssize_t n = read_some(s, s->buffer + s->end, sizeof s->buffer - s->end, &want);

		if (n < 0)
			return (int)n;
		s->end += (size_t)n;
		if (n == 0) {
			r = wait_for_either(s->fd, (short)want, s->watch, deadline);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

void stream_consume(struct stream *s, size_t len)
{
	secret_wipe(s->buffer + s->start, len);
	s->start += len;
	if (s->start == s->end)
		s->start = s->end = 0;
}

typedef int (*frame_fn)(const uint8_t *p, size_t len, size_t *ret_total);

static int read_frame(struct stream *s, frame_fn frame, int64_t deadline, size_t *ret_len)
{
	size_t total = 0;
	int r;

	for (;;) {
		r = frame(s->buffer + s->start, s->end - s->start, &total);
		if (r < 0)
			return r;
		r = stream_need(s, r == 1 ? total : s->end - s->start + 1, deadline);
		if (r < 0)
			return r;
		if (total && s->end - s->start >= total)
			break;
	}
	*ret_len = total;
	return 0;
}

int stream_tsrequest(struct stream *s, int64_t deadline, const uint8_t **ret_p, size_t *ret_len)
{
	int r = read_frame(s, tsrequest_frame, deadline, ret_len);

	*ret_p = s->buffer + s->start;
	return r;
}

int stream_tpkt(struct stream *s, int64_t deadline, uint8_t **ret_p, size_t *ret_len)
{
	int r = read_frame(s, x224_frame, deadline, ret_len);

	*ret_p = s->buffer + s->start;
	return r;
}

int stream_write(const struct stream *s, const void *p, size_t len, int64_t deadline)
{
	const uint8_t *at = p;

	while (len) {
		int want, r;
		ssize_t n = write_some(s, at, len, &want);

		if (n < 0)
			return (int)n;
		at += n;
		len -= (size_t)n;
		if (n == 0) {
			r = wait_for(s->fd, (short)want, deadline);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* ---- the copy loop ---- */

struct pipe_state {
	const struct stream *from, *to;
	uint8_t *buffer;
	size_t start, end;
	int want_in, want_out; /* what the last call on either side waits for; 0: it made progress */
	bool ended;            /* @from has said its last */
};

/* Moves what can be moved without waiting. Returns 1 when something was, 0, or -errno of the receiving side. */
static int pump(struct pipe_state *p)
{
	bool moved = false;
	ssize_t n;

	if (p->start == p->end && !p->ended) {
		p->start = p->end = 0;
		n = read_some(p->from, p->buffer, COPY_SIZE, &p->want_in);
		if (n < 0) {
			p->ended = true;
		} else {
			p->end = (size_t)n;
			moved = n > 0;
		}
	}
	if (p->start < p->end) {
		n = write_some(p->to, p->buffer + p->start, p->end - p->start, &p->want_out);
		if (n < 0)
			return (int)n;
		p->start += (size_t)n;
		moved |= n > 0;
	}
	return moved;
}

static void want(struct pollfd *f, const struct pipe_state *p, int client_fd)
{
	bool reading = p->start == p->end;
	const struct stream *side = reading ? p->from : p->to;

	if (reading && p->ended)
		return;
	f[side->fd == client_fd ? 0 : 1].events |= (short)(reading ? p->want_in : p->want_out);
}

int stream_copy(struct stream *client, struct stream *server)
{
	static uint8_t up_buffer[COPY_SIZE], down_buffer[COPY_SIZE];
	struct pipe_state up = { .from = client, .to = server, .buffer = up_buffer };
	struct pipe_state down = { .from = server, .to = client, .buffer = down_buffer };

	/* what was read ahead of the end of the connection sequence */
	up.end = client->end - client->start;
	memcpy(up_buffer, client->buffer + client->start, up.end < COPY_SIZE ? up.end : COPY_SIZE);
	down.end = server->end - server->start;
	memcpy(down_buffer, server->buffer + server->start, down.end < COPY_SIZE ? down.end : COPY_SIZE);
	if (up.end > COPY_SIZE || down.end > COPY_SIZE)
		return -EMSGSIZE;
	for (;;) {
		struct pollfd f[2] = { { .fd = client->fd }, { .fd = server->fd } };
		int a = pump(&up), b = pump(&down);

		if (a < 0 || b < 0)
			return a < 0 ? a : b;
		/* the side that ended may still have something on its way to the other */
		if ((up.ended && up.start == up.end) || (down.ended && down.start == down.end))
			return 0;
		if (a || b)
			continue;
		want(f, &up, client->fd);
		want(f, &down, client->fd);
		/* poll() tells of a side that has hung up whether it is asked or not: one that has nothing to do with
		 * what we wait for would wake us for ever */
		for (int i = 0; i < 2; i++)
			if (!f[i].events)
				f[i].fd = -1;
		if (poll(f, 2, -1) < 0 && errno != EINTR)
			return -errno;
	}
}
