/* SPDX-License-Identifier: MIT */
/* A connection before its first TLS octet: the PROXY header and the connection request. */
#pragma once

struct listener;
struct waiting;

/* Takes the accepted @fd over. */
void waiting_new(struct listener *l, int fd);
void waiting_free(struct waiting *w);
