/* SPDX-License-Identifier: MIT */
/*
 * The listener accepts connections, reads the PROXY header and the X.224 connection request, and has its template fork a
 * process for the connection at the first byte of TLS (connection-template.h). Before that a connection costs one small
 * structure. It may wait for ten minutes, because mstsc asks its user for the password at that point.
 */
#pragma once

#include <openssl/ssl.h>
#include <systemd/sd-event.h>

#include "common/config/rdp-settings.h"

struct listener;

/*
 * Starts to listen. @settings and @ctx stay the caller's; they must outlive the listener or be replaced with
 * listener_configure(). Returns 0, or -errno after a line in the log.
 */
int listener_new(sd_event *event, const struct settings *settings, SSL_CTX *ctx, struct listener **ret_listener);

/* Uses @settings and @ctx for new connections. The listening sockets do not change. */
void listener_configure(struct listener *l, const struct settings *settings, SSL_CTX *ctx);

/*
 * Starts the template of connections, after listener_new() and listener_configure(), so that the first client does not
 * wait for it. The template has the sandbox of the caller. Returns 0 or -errno.
 */
int listener_ready(struct listener *l);

/*
 * Closes the listening sockets and the connections that have not begun TLS. The processes of the other connections
 * continue when @keep_sessions is set, and are killed otherwise.
 */
void listener_free(struct listener *l, int keep_sessions);
