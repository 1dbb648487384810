/* SPDX-License-Identifier: MIT */
/* A connection before its first TLS octet: the PROXY header and the connection request. */
#pragma once

struct listener;
struct pre_tls;

/* Takes the accepted @fd over. */
void pre_tls_new(struct listener *l, int fd);
void pre_tls_free(struct pre_tls *w);
