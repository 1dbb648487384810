/* SPDX-License-Identifier: MIT */
/* A connection before its first byte of TLS: the PROXY header and the connection request. */
#pragma once

struct listener;
struct pre_tls;

/* Serves the accepted connection @fd, and owns it. When all slots are taken, another connection is evicted. */
void pre_tls_new(struct listener *l, int fd);

/* Closes the connection. */
void pre_tls_free(struct pre_tls *w);
