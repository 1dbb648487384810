/* SPDX-License-Identifier: MIT */
/* Listening sockets, and addresses as text. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"

#define SOCKETS_MAX 32U

/*
 * Listens on the sockets that systemd passed, or else on @specs: "3389" (all addresses; IPv4 alone where IPv6 cannot
 * be used), "192.0.2.1:3389", "[2001:db8::1]:3389", "[::]:3389" (all of IPv6, and of IPv4 unless @specs have an IPv4
 * address with the same port). Returns the number of sockets in @ret_fds, or -errno with a sentence in *@ret_error
 * (malloc'ed).
 */
int sockets_listen(char *const *specs, int ret_fds[SOCKETS_MAX], char **ret_error);

/*
 * Writes the address of the peer of @fd as text; an IPv4 address in IPv6 as IPv4; "" when the socket has no addresses.
 * Returns 0, or -errno (and "") when the address is unknown: -ENOTCONN after a reset.
 */
int sockets_peer(int fd, char ret_rhost[RHOST_MAX + 8U], uint16_t *ret_rport);

/* Connects to a unix socket without blocking. Returns a non-blocking, close-on-exec socket or -errno. */
int sockets_connect_unix(const char *path);
