/* SPDX-License-Identifier: MIT */
/*
 * The listener: accepts, reads the PROXY header and the X.224 connection request, and forks a child at the first TLS
 * octet. Before that a connection costs one small structure and may wait as long as mstsc's user looks for the
 * password.
 */
#pragma once

#include <openssl/ssl.h>
#include <systemd/sd-event.h>

#include "common/config/rdp-settings.h"

struct listener;

/* @settings and @ctx stay the caller's and may be replaced with listener_configure(). Returns 0 or -errno, having
 * logged why. */
int listener_new(sd_event *event, const struct settings *settings, SSL_CTX *ctx, struct listener **ret_listener);

/* For connections from now on. The listening sockets stay as they are. */
void listener_configure(struct listener *l, const struct settings *settings, SSL_CTX *ctx);

/* Closes what listens and what has not begun TLS; sessions go on in their own processes when @keep_sessions is set. */
void listener_free(struct listener *l, int keep_sessions);
