/* SPDX-License-Identifier: MIT */
/* Reads and writes on the client's TLS connection and on xrdp's socket, each with a deadline. */
#pragma once

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"

/* One side of a connection, with input that was read ahead. */
struct stream {
	SSL *ssl;          /* NULL: plain */
	int fd;            /* non-blocking */
	int watch;         /* a descriptor: when it is readable, waiting for input ends with -EAGAIN; 0: not used */
	size_t start, end; /* the unread bytes of buffer */
	uint8_t buffer[TSREQUEST_MAX + 1024];
};

/*
 * All functions return 0, -ETIMEDOUT, -ECONNRESET (also at end of file), -EPROTO for TLS errors, or another -errno.
 * @deadline is a time of clock_msec().
 */

/* Does the server's side of the TLS handshake. */
int stream_accept(SSL *ssl, int fd, int64_t deadline);

/* Reads until at least @need bytes are in the buffer. Returns -EMSGSIZE when they do not fit. */
int stream_need(struct stream *s, size_t need, int64_t deadline);

/* Read a TSRequest, or a TPKT: *@ret_len bytes at *@ret_p, valid until stream_consume(). */
int stream_tsrequest(struct stream *s, int64_t deadline, const uint8_t **ret_p, size_t *ret_len);
int stream_tpkt(struct stream *s, int64_t deadline, uint8_t **ret_p, size_t *ret_len);

/* Wipes and drops @len bytes at the start of the buffer. */
void stream_consume(struct stream *s, size_t len);

/* Wipes what is left in the buffer. */
void stream_wipe(struct stream *s);

/* Writes all @len bytes, as one TLS record if they fit into one. */
int stream_write(const struct stream *s, const void *p, size_t len, int64_t deadline);

/* Copies both ways until one side ends. Returns 0 or -errno. */
int stream_copy(struct stream *client, struct stream *server);
