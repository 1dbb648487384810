/* SPDX-License-Identifier: MIT */
/* Listening sockets and addresses as text. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"

#define SOCKETS_MAX 32U

/*
 * Listens where @specs say ("3389", "192.0.2.1:3389", "[::1]:3389"), or takes what systemd passed. Fills @ret_fds.
 * Returns their number, or -errno with a sentence in *@ret_error (malloc'ed).
 */
int sockets_listen(char *const *specs, int ret_fds[SOCKETS_MAX], char **ret_error);

/*
 * The peer of @fd as text; an IPv4 address in IPv6 as IPv4. "" when it has none. Returns 0, or -errno (and "") when
 * nobody can be told any more: -ENOTCONN after a reset.
 */
int sockets_peer(int fd, char ret_rhost[RHOST_MAX + 8U], uint16_t *ret_rport);

/* Connects to a unix socket without waiting; non-blocking and close-on-exec. Returns it or -errno. */
int sockets_connect_unix(const char *path);
