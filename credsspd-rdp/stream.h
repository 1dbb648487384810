/* SPDX-License-Identifier: MIT */
/* Octets over the client's TLS connection and xrdp's socket, with a deadline for every step. */
#pragma once

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"

/* CLOCK_MONOTONIC in milliseconds. */
int64_t stream_now(void);

/* One direction's input. */
struct stream {
	SSL *ssl;          /* NULL: plain */
	int fd;            /* non-blocking */
	int watch;         /* when this has something to say waiting for input ends with -EAGAIN; 0: nothing */
	size_t start, end; /* unread octets in buffer */
	uint8_t buffer[TSREQUEST_MAX + 1024];
};

/* All return 0 or more, -ETIMEDOUT, -ECONNRESET (end of file included), -EPROTO for TLS errors, or another -errno. */
int stream_accept(SSL *ssl, int fd, int64_t deadline);

/* Makes at least @need octets available. -EMSGSIZE when they do not fit. */
int stream_need(struct stream *s, size_t need, int64_t deadline);

/* Reads a TSRequest, or a TPKT: *@ret_len octets at the returned address, valid until stream_consume(). */
int stream_tsrequest(struct stream *s, int64_t deadline, const uint8_t **ret_p, size_t *ret_len);
int stream_tpkt(struct stream *s, int64_t deadline, uint8_t **ret_p, size_t *ret_len);

/* Wipes and drops @len octets at the start. */
void stream_consume(struct stream *s, size_t len);

/* Writes all, as one TLS record when it fits one. */
int stream_write(const struct stream *s, const void *p, size_t len, int64_t deadline);

/* Copies both ways until one side ends. Returns 0 or -errno. */
int stream_copy(struct stream *client, struct stream *server);
