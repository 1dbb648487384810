/* SPDX-License-Identifier: MIT */
/*
 * The template of connections: a process of the listener that forks the process of each connection. Its memory is small
 * and does not change, so that a child copies few pages, and the listener none. It reads nothing but the listener's
 * records. Its children are the listener's (CLONE_PARENT), which learns of their end.
 */
#pragma once

#include <sys/types.h>

struct listener;
struct pre_tls;

/* Starts the template, with the settings and the certificate of now. Returns 0 or -errno. */
int connection_template_start(struct listener *l);

/*
 * Forks a process for the connection @w; @control is its end of the socket to the listener. A template that is not there
 * is started first. Returns the process id or -errno.
 */
pid_t connection_template_fork(struct listener *l, const struct pre_tls *w, int control);

/* Ends the template. The processes of connections stay. */
void connection_template_stop(struct listener *l);
