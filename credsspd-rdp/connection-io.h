/* SPDX-License-Identifier: MIT */
/* Log lines of a connection's process, and its requests to the listener. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;
struct stream;

/*
 * Writes one log line about the connection: @text, ": " and @detail when that is not empty, and the time since the
 * connection began. @detail may be NULL.
 */
void connection_log(const struct connection *c, int level, const char *text, const char *detail);

/* Returns whether @s holds bytes that poll() on its socket does not report: in its buffer or in OpenSSL's. */
bool connection_has_input(const struct stream *s);

/*
 * Sends the listener a message of two parts and waits until @deadline (clock_msec()) for its answer of @answer_type,
 * which has a descriptor. Returns 0 with the descriptor (owned by the caller) in *@ret_fd; -ECANCELED when the listener
 * refused, after a line in the log; -ECONNRESET when the client left meanwhile; or another -errno.
 */
int connection_ask(struct connection *c, const void *request, size_t len, const void *tail, size_t tail_len,
		   uint8_t answer_type, int64_t deadline, int *ret_fd);
