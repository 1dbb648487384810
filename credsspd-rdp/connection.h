/* SPDX-License-Identifier: MIT */
/* One connection from the first byte of TLS to its end, in a process of its own. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "common/sandbox/filter.h"

#define CONNECTION_NET_FD 3 /* the client's socket in the process of a connection */

struct connection_task {
	const struct filter *filter; /* connection_filter() */
	size_t mapped;               /* bytes of address space that the listener uses */
	SSL_CTX *ctx;
	SSL *ssl;           /* made by the listener, for the descriptor @net; NULL: is made from @ctx */
	int net;            /* the client's socket */
	int control;        /* socket to the listener (connection-msg.h) */
	uint32_t protocols; /* requestedProtocols of the client; 0 in the direct approach */
	uint32_t selected;  /* X224_PROTOCOL_HYBRID or HYBRID_EX */
	uint8_t request_flags;
	bool direct; /* the connection request comes after CredSSP: MS-RDPBCGR 5.4.2.2 */
	char rhost[RHOST_MAX + 8U];
	uint16_t rport;
	const char *service;
};

/*
 * Makes the server's side of a TLS connection on descriptor @fd, which may be opened later. It holds nothing of a client
 * or of a random generator before its handshake: the listener makes one that all processes of connections inherit.
 * Returns NULL without memory.
 */
SSL *connection_tls_new(SSL_CTX *ctx, int fd);

/* Runs in the forked process, which it confines first. Returns the exit status. */
int connection_run(const struct connection_task *task);
