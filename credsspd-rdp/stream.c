/* SPDX-License-Identifier: MIT */
#include "credsspd-rdp/stream.h"

#include <errno.h>
#include <malloc.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/heap.h"
#include "common/base/secret.h"
#include "common/wire/tsrequest.h"
#include "credsspd-rdp/x224.h"

#define COPY_SIZE 65536U /* whole records */

_Static_assert(COPY_SIZE <= sizeof((struct stream *)0)->buffer, "it is a part of the buffer");

static int wait_for_either(int fd, short events, int watch, int64_t deadline)
{
	struct pollfd p[2] = { { .fd = fd, .events = events }, { .fd = watch ? watch : -1, .events = POLLIN } };
	int64_t left = deadline - clock_msec();
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

/* Returns the events to poll for after an SSL call that did not succeed, or -errno. */
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
		/* For a KeyUpdate OpenSSL puts a buffer before that of buffer_records(), which does not tell that it waits. */
		if (SSL_want_write(ssl) && BIO_should_write(SSL_get_wbio(ssl)))
			return POLLOUT;
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

/* Reads once. Returns the number of bytes, 0 without input (*@want has the events to poll for), or -errno. */
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

void stream_wipe(struct stream *s)
{
	stream_consume(s, s->end - s->start);
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

struct direction {
	struct stream *from; /* its buffer is this direction's */
	const struct stream *to;
	int want_in;  /* what @from waits for; 0: it may have more */
	int want_out; /* what @to waits for; 0: it can be written */
	int gone;     /* 0, or -errno of @from, which has ended; -ECONNRESET for a closed connection */
	bool deaf;    /* @to has closed: what comes for it is dropped, while its last words are still sent */
};

/*
 * Returns whether to read again before poll() after a read of @n bytes. A plain socket is empty then. A TLS connection
 * may hold more records, and a full record is usually followed by more.
 */
static bool may_have_more(const struct stream *s, size_t n)
{
	return s->ssl && (n == SSL3_RT_MAX_PLAIN_LENGTH || SSL_has_pending(s->ssl));
}

/* Reads until COPY_SIZE bytes are there or @from has no more. */
static void fill(struct direction *d)
{
	struct stream *s = d->from;

	s->start = s->end = 0;
	while (!d->gone && !d->want_in && s->end < COPY_SIZE) {
		ssize_t n = read_some(s, s->buffer + s->end, COPY_SIZE - s->end, &d->want_in);

		if (n < 0)
			d->gone = (int)n;
		if (n > 0) {
			s->end += (size_t)n;
			d->want_in = may_have_more(s, (size_t)n) ? 0 : POLLIN;
		}
	}
}

/* Sends the records that the TLS connection has buffered. Returns 0 or -errno; @d->want_out is 0 when all were sent. */
static int flush(struct direction *d)
{
	ERR_clear_error();
	if (!d->to->ssl || BIO_flush(SSL_get_wbio(d->to->ssl)) == 1)
		return 0;
	if (!BIO_should_retry(SSL_get_wbio(d->to->ssl)))
		return errno ? -errno : -ECONNRESET;
	d->want_out = POLLOUT;
	return 0;
}

/* Whether @r of a write says that a server has closed its end. It may have said something before. */
static bool is_deaf(const struct direction *d, ssize_t r)
{
	return !d->to->ssl && (r == -EPIPE || r == -ECONNRESET);
}

/* Moves as many bytes as possible without waiting. Returns 0, or -errno of the receiving side. */
static int move(struct direction *d)
{
	struct stream *s = d->from;

	if (s->start == s->end && !d->want_out)
		fill(d);
	while (s->start < s->end && !d->want_out) {
		ssize_t n = d->deaf ? (ssize_t)(s->end - s->start)
				    : write_some(d->to, s->buffer + s->start, s->end - s->start, &d->want_out);

		if (is_deaf(d, n)) {
			d->deaf = true;
			d->want_out = 0;
			continue;
		}
		if (n < 0)
			return (int)n;
		s->start += (size_t)n;
		if (n > 0)
			d->want_out = 0;
	}
	return d->want_out ? 0 : flush(d);
}

/* Returns whether move() could move bytes without waiting. */
static bool ready(const struct direction *d)
{
	return !d->want_out && !d->want_in && !d->gone;
}

static bool done(const struct direction *d)
{
	return d->gone && d->from->start == d->from->end && !d->want_out;
}

/* Returns 0 for a peer that has closed the connection, or -errno: a forged TLS record, a broken network. */
static int end_of(const struct direction *d)
{
	return d->gone == -ECONNRESET ? 0 : d->gone;
}

/* Adds what @d waits for to the entry of its side. */
static void want(struct pollfd *f, const struct direction *d)
{
	const struct stream *side = d->want_out ? d->to : d->from;

	if (d->want_out || !d->gone)
		f[side->fd == f[0].fd ? 0 : 1].events |= (short)(d->want_out ? d->want_out : d->want_in);
}

/* Clears the events that poll() has reported. */
static void resume(const struct pollfd *f, struct direction *d)
{
	int *what = d->want_out ? &d->want_out : &d->want_in;
	const struct stream *side = d->want_out ? d->to : d->from;
	const struct pollfd *of = side->fd == f[0].fd ? &f[0] : &f[1];

	if (of->revents & (*what | POLLERR | POLLHUP))
		*what = 0;
}

/* Polls for both directions; without waiting when one of them is ready. */
static int poll_both(struct direction *up, struct direction *down)
{
	struct pollfd f[2] = { { .fd = up->from->fd }, { .fd = up->to->fd } }, asked[2];

	want(f, up);
	want(f, down);
	/*
	 * poll() always reports a side that has hung up. A side that nothing waits for must be left out, or the
	 * loop would not sleep.
	 */
	memcpy(asked, f, sizeof f);
	for (int i = 0; i < 2; i++)
		if (!f[i].events)
			asked[i].fd = -1;
	if (poll(asked, 2, ready(up) || ready(down) ? 0 : -1) < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < 2; i++)
		f[i].revents = asked[i].revents;
	resume(f, up);
	resume(f, down);
	return 0;
}

/* Makes OpenSSL read and write several records with one system call. */
static int buffer_records(SSL *ssl)
{
	BIO *buffer;

	if (!ssl)
		return 0;
	buffer = BIO_new(BIO_f_buffer());
	if (!buffer || BIO_set_write_buffer_size(buffer, COPY_SIZE + COPY_SIZE / 16) != 1) {
		BIO_free(buffer);
		return -ENOMEM;
	}
	(void)BIO_up_ref(SSL_get_wbio(ssl));
	SSL_set0_wbio(ssl, BIO_push(buffer, SSL_get_wbio(ssl)));
	SSL_set_read_ahead(ssl, 1);
	return 0;
}

int stream_copy(struct stream *client, struct stream *server)
{
	struct direction up = { .from = client, .to = server }, down = { .from = server, .to = client };
	int r = buffer_records(client->ssl);

	/* a desktop may last for hours: it does not keep what the stages before it used */
	(void)malloc_trim(0);
	release_stack();
	release_pages(client->buffer + client->end, sizeof client->buffer - client->end);
	release_pages(server->buffer + server->end, sizeof server->buffer - server->end);
	while (r == 0) {
		r = move(&up);
		if (r == 0)
			r = move(&down);
		/* sends the last bytes of the side that has ended */
		if (r == 0 && (done(&up) || done(&down)))
			return end_of(done(&up) ? &up : &down);
		if (r == 0)
			r = poll_both(&up, &down);
	}
	return r;
}
