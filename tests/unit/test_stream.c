/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/base/clock.h"
#include "credsspd-rdp/stream.h"

#define LONG_MSEC 5000
#define SHORT_MSEC 50

/* One side is the stream's, the other the test's. */
static int make(struct stream *s)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	memset(s, 0, sizeof *s);
	s->fd = pair[0];
	return pair[1];
}

static void give(int fd, const void *p, size_t len)
{
	assert_int_equal(send(fd, p, len, MSG_NOSIGNAL), (ssize_t)len);
}

static int64_t soon(int msec)
{
	return clock_msec() + msec;
}

static struct stream s, t; /* large */

/* A TSRequest of version 6 without anything else. */
static const uint8_t tsrequest[] = { 0x30, 5, 0xa0, 3, 2, 1, 6 };
static const uint8_t tpkt[] = { 3, 0, 0, 12, 2, 0xf0, 0x80, 4, 1, 0, 1, 0 };

/* However the octets come: one at a time, or all of them with what follows. */
static void test_frames(void **state)
{
	const uint8_t *p;
	uint8_t *q;
	size_t len;
	int peer = make(&s);

	for (size_t i = 0; i < sizeof tsrequest; i++) {
		assert_int_equal(stream_tsrequest(&s, soon(1), &p, &len), -ETIMEDOUT);
		give(peer, tsrequest + i, 1);
	}
	assert_int_equal(stream_tsrequest(&s, soon(LONG_MSEC), &p, &len), 0);
	assert_int_equal(len, sizeof tsrequest);
	assert_memory_equal(p, tsrequest, len);
	/* again, while it is not consumed */
	assert_int_equal(stream_tsrequest(&s, soon(LONG_MSEC), &p, &len), 0);
	stream_consume(&s, len);
	assert_memory_equal(s.buffer, "\0\0\0\0\0\0\0", 7); /* wiped */

	give(peer, tsrequest, sizeof tsrequest);
	give(peer, tpkt, sizeof tpkt);
	give(peer, tpkt, 5);
	assert_int_equal(stream_tsrequest(&s, soon(LONG_MSEC), &p, &len), 0);
	assert_int_equal(len, sizeof tsrequest);
	stream_consume(&s, len);
	assert_int_equal(stream_tpkt(&s, soon(LONG_MSEC), &q, &len), 0);
	assert_int_equal(len, sizeof tpkt);
	assert_memory_equal(q, tpkt, len);
	stream_consume(&s, len);
	assert_int_equal(stream_tpkt(&s, soon(SHORT_MSEC), &q, &len), -ETIMEDOUT);
	give(peer, tpkt + 5, sizeof tpkt - 5);
	assert_int_equal(stream_tpkt(&s, soon(LONG_MSEC), &q, &len), 0);
	stream_consume(&s, len);
	assert_int_equal(s.start, 0);
	assert_int_equal(s.end, 0);
	(void)close(peer);
	assert_int_equal(stream_tpkt(&s, soon(LONG_MSEC), &q, &len), -ECONNRESET);
	(void)close(s.fd);
}

static void test_bad_frames(void **state)
{
	static const struct {
		const char *p;
		size_t len;
		int tsrequest, tpkt;
	} row[] = {
		{ "\x30\x84\x00\x01\x04\x01", 6, -EMSGSIZE, -EPROTO }, /* more than TSREQUEST_MAX */
		{ "\x30\x80", 2, -EPROTO, -EPROTO },                   /* BER's indefinite length */
		{ "\x31\x05", 2, -EPROTO, -EPROTO },
		{ "\x03\x00\x00\x06", 4, -EPROTO, -EPROTO },
		{ "\x44\x04", 2, -EPROTO, -EPROTO }, /* fast-path */
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		const uint8_t *p;
		uint8_t *q;
		size_t len;
		int peer = make(&s), r;

		give(peer, row[i].p, row[i].len);
		r = stream_tsrequest(&s, soon(LONG_MSEC), &p, &len);
		/* either error ends the connection */
		if (r != row[i].tsrequest && !(r < 0 && r != -ETIMEDOUT))
			fail_msg("row %zu: %d", i, r);
		r = stream_tpkt(&s, soon(LONG_MSEC), &q, &len);
		if (r != row[i].tpkt)
			fail_msg("row %zu: %d", i, r);
		(void)close(peer);
		(void)close(s.fd);
	}
}

/* The largest frame behind others: what is left moves to the front. */
static void test_large(void **state)
{
	static uint8_t big[65535] = { 3, 0, 0xff, 0xff };
	uint8_t *q;
	size_t len, sent = 0;
	int peer = make(&s);

	for (size_t i = 4; i < sizeof big; i++)
		big[i] = (uint8_t)(i * 7);
	assert_int_equal(fcntl(peer, F_SETFL, O_NONBLOCK), 0);
	for (int i = 0; i < 200; i++)
		give(peer, tpkt, sizeof tpkt);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(stream_tpkt(&s, soon(LONG_MSEC), &q, &len), 0);
		assert_int_equal(len, sizeof tpkt);
		if (i == 100) { /* the rest of the small ones and the start of the big one are here together */
			ssize_t n = send(peer, big, sizeof big, MSG_NOSIGNAL);

			assert_true(n > 0);
			sent = (size_t)n;
		}
		stream_consume(&s, len);
	}
	while (sent < sizeof big) {
		ssize_t n = send(peer, big + sent, sizeof big - sent, MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		(void)stream_need(&s, s.end - s.start + 1, soon(10));
	}
	assert_int_equal(stream_tpkt(&s, soon(LONG_MSEC), &q, &len), 0);
	assert_int_equal(len, sizeof big);
	assert_memory_equal(q, big, len);
	assert_int_equal(stream_need(&s, sizeof s.buffer + 1, soon(10)), -EMSGSIZE);
	(void)close(peer);
	(void)close(s.fd);
}

static void test_write(void **state)
{
	static uint8_t much[4 << 20];
	int64_t began;
	int peer = make(&s);

	assert_int_equal(stream_write(&s, tpkt, sizeof tpkt, soon(LONG_MSEC)), 0);
	began = clock_msec();
	assert_int_equal(stream_write(&s, much, sizeof much, soon(100)), -ETIMEDOUT); /* the peer does not read */
	assert_true(clock_msec() - began >= 90);
	(void)close(peer);
	assert_int_equal(stream_write(&s, tpkt, sizeof tpkt, soon(LONG_MSEC)), -EPIPE);
	(void)close(s.fd);
}

/* ---- the copy loop ---- */

static void *copy(void *result)
{
	*(int *)result = stream_copy(&s, &t);
	(void)close(s.fd);
	(void)close(t.fd);
	return NULL;
}

static pthread_t begin_copy(int *result)
{
	pthread_t thread;

	*result = 4711;
	assert_int_equal(pthread_create(&thread, NULL, copy, result), 0);
	return thread;
}

static void take(int fd, const void *expected, size_t len)
{
	static uint8_t buffer[65536];

	assert_true(len <= sizeof buffer);
	assert_int_equal(recv(fd, buffer, len, MSG_WAITALL), (ssize_t)len);
	assert_memory_equal(buffer, expected, len);
}

/* What was read ahead goes first; both directions; the end of one side is the end. */
static void test_copy(void **state)
{
	int client = make(&s), server = make(&t), result;
	pthread_t thread;
	uint8_t octet;

	give(client, "early", 5);
	give(server, "bird", 4);
	assert_int_equal(stream_need(&s, 5, soon(LONG_MSEC)), 0);
	assert_int_equal(stream_need(&t, 4, soon(LONG_MSEC)), 0);
	thread = begin_copy(&result);
	give(client, "up", 2);
	give(server, "down", 4);
	take(server, "earlyup", 7);
	take(client, "birddown", 8);
	give(server, "last words", 10);
	(void)close(server);
	take(client, "last words", 10);
	assert_int_equal(recv(client, &octet, 1, 0), 0);
	(void)pthread_join(thread, NULL);
	assert_int_equal(result, 0);
	(void)close(client);
}

static double cpu_of(pthread_t thread)
{
	struct timespec ts;
	clockid_t clock;

	assert_int_equal(pthread_getcpuclockid(thread, &clock), 0);
	assert_int_equal(clock_gettime(clock, &ts), 0);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* A server that has closed while a client does not read: what is on its way is kept, without going round and round. */
static void test_slow_client(void **state)
{
	static uint8_t sent[1 << 20], got[1 << 20];
	int client = make(&s), server = make(&t), result;
	pthread_t thread = begin_copy(&result);
	size_t n = 0, total = 0;
	double before;
	ssize_t r;

	for (size_t i = 0; i < sizeof sent; i++)
		sent[i] = (uint8_t)(i * 31 >> 3);
	assert_int_equal(fcntl(server, F_SETFL, O_NONBLOCK), 0);
	/* until everything in between is full */
	for (int idle = 0; total < sizeof sent && idle < 10;) {
		r = send(server, sent + total, sizeof sent - total, MSG_NOSIGNAL);
		idle = r > 0 ? 0 : idle + 1;
		total += r > 0 ? (size_t)r : 0;
		(void)poll(NULL, 0, 5);
	}
	(void)close(server);
	(void)poll(NULL, 0, 50);
	before = cpu_of(thread);
	(void)poll(NULL, 0, 300);
	if (cpu_of(thread) - before > 0.05)
		fail_msg("%.3f s of CPU while there was nothing to do", cpu_of(thread) - before);
	while ((r = recv(client, got + n, sizeof got - n, 0)) > 0)
		n += (size_t)r;
	(void)pthread_join(thread, NULL);
	assert_int_equal(result, 0);
	assert_int_equal(n, total);
	assert_memory_equal(got, sent, n);
	(void)close(client);
}

/* Much both ways at once. */
static void *reader(void *userdata)
{
	int fd = *(int *)userdata;
	uint8_t buffer[8192];
	size_t total = 0;
	ssize_t n;

	while (total < 8U << 20 && (n = recv(fd, buffer, sizeof buffer, 0)) > 0)
		total += (size_t)n;
	return (void *)total; /* NOLINT: a number */
}

static void *writer(void *userdata)
{
	static const uint8_t block[8192];
	int fd = *(int *)userdata;

	for (size_t i = 0; i < (8U << 20) / sizeof block; i++)
		give(fd, block, sizeof block);
	return NULL;
}

static void test_both_ways(void **state)
{
	int client = make(&s), server = make(&t), result;
	pthread_t thread = begin_copy(&result), other[4];
	void *up, *down;

	assert_int_equal(pthread_create(&other[0], NULL, reader, &server), 0);
	assert_int_equal(pthread_create(&other[1], NULL, reader, &client), 0);
	assert_int_equal(pthread_create(&other[2], NULL, writer, &server), 0);
	assert_int_equal(pthread_create(&other[3], NULL, writer, &client), 0);
	(void)pthread_join(other[0], &up);
	(void)pthread_join(other[1], &down);
	(void)pthread_join(other[2], NULL);
	(void)pthread_join(other[3], NULL);
	assert_int_equal((size_t)up, 8U << 20);
	assert_int_equal((size_t)down, 8U << 20);
	(void)close(client);
	(void)pthread_join(thread, NULL);
	assert_int_equal(result, 0);
	(void)close(server);
}

/* ---- over TLS ---- */

static SSL_CTX *tls_server_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();

	assert_true(ctx && key && x);
	assert_int_equal(X509_set_pubkey(x, key), 1);
	(void)X509_gmtime_adj(X509_getm_notBefore(x), 0);
	(void)X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(ctx, x), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	(void)SSL_CTX_set_num_tickets(ctx, 0); /* as in tls.c */
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	X509_free(x);
	EVP_PKEY_free(key);
	return ctx;
}

struct tls_client {
	int fd;
	SSL *ssl;
};

static void *tls_connect(void *userdata)
{
	struct tls_client *c = userdata;

	return SSL_connect(c->ssl) == 1 ? c : NULL;
}

#define TLS_TOTAL (4U << 20)
#define TLS_BLOCK 5000U /* not a divisor of a record's size */

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 131 >> 4);
}

/* Takes TLS_TOTAL bytes slowly, with TLS 1.3 key updates in both directions on the way. */
static void *tls_reader(void *userdata)
{
	static uint8_t got[TLS_BLOCK];
	struct tls_client *c = userdata;
	size_t total = 0;

	while (total < TLS_TOTAL) {
		int n = SSL_read(c->ssl, got, sizeof got);

		if (n <= 0)
			break;
		for (int i = 0; i < n; i++)
			if (got[i] != pattern(total + (size_t)i))
				return NULL;
		total += (size_t)n;
		if (total % (TLS_BLOCK * 100) < (size_t)n)
			(void)SSL_key_update(c->ssl, SSL_KEY_UPDATE_REQUESTED);
		if (total % (TLS_BLOCK * 10) < (size_t)n && SSL_write(c->ssl, "key", 3) != 3)
			return NULL;
	}
	return (void *)total; /* NOLINT: a number */
}

static void *pattern_writer(void *userdata)
{
	static uint8_t block[TLS_BLOCK];
	int fd = *(int *)userdata;

	for (size_t total = 0; total < TLS_TOTAL;) {
		size_t n = TLS_TOTAL - total < sizeof block ? TLS_TOTAL - total : sizeof block;

		for (size_t i = 0; i < n; i++)
			block[i] = pattern(total + i);
		give(fd, block, n);
		total += n;
	}
	return NULL;
}

/* A client and the stream on TLS. */
struct tls_pair {
	SSL_CTX *ctx, *client_ctx;
	struct tls_client client;
};

static void tls_begin(struct tls_pair *p)
{
	pthread_t connecting;
	void *value;

	p->ctx = tls_server_context();
	p->client_ctx = SSL_CTX_new(TLS_client_method());
	p->client.fd = make(&s);
	p->client.ssl = SSL_new(p->client_ctx);
	s.ssl = SSL_new(p->ctx);
	assert_true(p->client.ssl && s.ssl && SSL_set_fd(p->client.ssl, p->client.fd) == 1 &&
		    SSL_set_fd(s.ssl, s.fd) == 1);
	assert_int_equal(pthread_create(&connecting, NULL, tls_connect, &p->client), 0);
	assert_int_equal(stream_accept(s.ssl, s.fd, soon(LONG_MSEC)), 0);
	(void)pthread_join(connecting, &value);
	assert_non_null(value);
}

static void tls_end(struct tls_pair *p)
{
	SSL_free(p->client.ssl);
	SSL_free(s.ssl);
	s.ssl = NULL;
	SSL_CTX_free(p->ctx);
	SSL_CTX_free(p->client_ctx);
	(void)close(p->client.fd);
}

/* Records are gathered for one system call: they all arrive, in order, through a socket that is mostly full. */
static void test_tls(void **state)
{
	int result, server, small = 4096;
	pthread_t thread, writing, reading;
	struct tls_pair p;
	void *value;

	tls_begin(&p);
	server = make(&t);
	assert_int_equal(setsockopt(s.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
	thread = begin_copy(&result);
	assert_int_equal(pthread_create(&writing, NULL, pattern_writer, &server), 0);
	assert_int_equal(pthread_create(&reading, NULL, tls_reader, &p.client), 0);
	(void)pthread_join(reading, &value);
	assert_int_equal((size_t)value, TLS_TOTAL);
	(void)pthread_join(writing, NULL);
	take(server, "keykeykey", 9);
	(void)close(server);
	(void)pthread_join(thread, NULL);
	assert_int_equal(result, 0);
	tls_end(&p);
}

/* The last words of the server and close_notify leave the buffer of records. */
static void test_tls_end(void **state)
{
	char got[16];
	struct tls_pair p;
	int server;

	tls_begin(&p);
	server = make(&t);
	give(server, "last words", 10);
	(void)close(server);
	assert_int_equal(stream_copy(&s, &t), 0);
	(void)SSL_shutdown(s.ssl);
	(void)shutdown(s.fd, SHUT_WR);
	assert_int_equal(SSL_read(p.client.ssl, got, sizeof got), 10);
	assert_memory_equal(got, "last words", 10);
	assert_int_equal(SSL_get_error(p.client.ssl, SSL_read(p.client.ssl, got, sizeof got)), SSL_ERROR_ZERO_RETURN);
	tls_end(&p);
	(void)close(s.fd);
	(void)close(t.fd);
}

/* The server has ended while the client still says something: its last words arrive, and it is an end in order. */
static void test_last_words(void **state)
{
	char got[16];
	int client = make(&s), server = make(&t);

	give(server, "last words", 10);
	give(client, "late", 4);
	(void)close(server);
	assert_int_equal(stream_copy(&s, &t), 0);
	assert_int_equal(recv(client, got, sizeof got, 0), 10);
	assert_memory_equal(got, "last words", 10);
	(void)close(client);
	(void)close(s.fd);
	(void)close(t.fd);
}

/* A record that was damaged on its way is no end in order: the log says that the protocol was broken. */
static void test_tls_damage(void **state)
{
	static const uint8_t forged[] = { 23, 3,  3,  0,  32, 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14,
					  15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32 };
	struct tls_pair p;
	int server;

	tls_begin(&p);
	server = make(&t);
	give(p.client.fd, forged, sizeof forged);
	assert_int_equal(stream_copy(&s, &t), -EPROTO);
	tls_end(&p);
	(void)close(s.fd);
	(void)close(server);
	(void)close(t.fd);
}

#define UPLOAD (4 * 65536)

/* While the stream reads an upload that has arrived as a whole, the server sends something. */
struct upload {
	int client, server;
	bool sent, seen;
};

static long on_upload_read(BIO *bio, int operation, const char *argp, size_t len, int argi, long argl, int result,
			   size_t *processed)
{
	struct upload *u = (struct upload *)BIO_get_callback_arg(bio);
	struct pollfd f = { .fd = u->client, .events = POLLIN };

	(void)argp, (void)len, (void)argi, (void)argl, (void)processed;
	if (operation != BIO_CB_READ)
		return result;
	if (!u->sent && BIO_pending(bio) < UPLOAD * 5 / 8)
		u->sent = send(u->server, "down", 4, MSG_NOSIGNAL) == 4;
	if (BIO_pending(bio) == 0 && !u->seen)
		u->seen = poll(&f, 1, 0) == 1;
	if (BIO_pending(bio) == 0)
		(void)shutdown(u->server, SHUT_WR);
	return result;
}

/* An upload that never pauses does not hold up what the server sends. */
static void test_upload(void **state)
{
	static uint8_t block[UPLOAD];
	int much = UPLOAD;
	struct tls_pair p;
	struct upload u = { .sent = false };
	BIO *records = BIO_new(BIO_s_mem());

	tls_begin(&p);
	u.client = p.client.fd;
	u.server = make(&t);
	/* the server reads nothing, and need not */
	assert_int_equal(setsockopt(t.fd, SOL_SOCKET, SO_SNDBUF, &much, sizeof much), 0);
	assert_int_equal(BIO_up_ref(records), 1);
	SSL_set0_wbio(p.client.ssl, records);
	assert_int_equal(SSL_write(p.client.ssl, block, sizeof block), (int)sizeof block);
	(void)BIO_set_mem_eof_return(records, -1);
	BIO_set_callback_ex(records, on_upload_read);
	BIO_set_callback_arg(records, (char *)&u);
	SSL_set0_rbio(s.ssl, records);
	assert_int_equal(stream_copy(&s, &t), 0);
	assert_true(u.sent);
	assert_true(u.seen);
	tls_end(&p);
	(void)close(u.server);
	(void)close(s.fd);
	(void)close(t.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),    cmocka_unit_test(test_bad_frames), cmocka_unit_test(test_large),
		cmocka_unit_test(test_write),     cmocka_unit_test(test_copy),       cmocka_unit_test(test_slow_client),
		cmocka_unit_test(test_both_ways), cmocka_unit_test(test_tls),        cmocka_unit_test(test_tls_end),
		cmocka_unit_test(test_upload),    cmocka_unit_test(test_tls_damage), cmocka_unit_test(test_last_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
