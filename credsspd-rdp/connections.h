/* SPDX-License-Identifier: MIT */
/* The listener's records of the processes of connections, and its answers to their requests (connection-msg.h). */
#pragma once

#include "common/base/log.h"

struct listener;
struct address_count;
struct connection_process;
struct pre_tls;

/* Forks a process for the connection @w, which stays the caller's. Returns 0 or -errno. */
int connections_start(const struct pre_tls *w);

/* Frees the listener's record @c. The process itself continues without the listener. */
void connections_free(struct connection_process *c);

/* Kills the process; @c is freed when its end is reported. */
void connections_kill(const struct connection_process *c);

/*
 * Picks a connection to evict: the longest idle connection without a logon of @address, or, with NULL, of the address
 * with the most such connections. A connection is idle since it began TLS or called Begin. Returns NULL without such a
 * connection; *@ret_count is the number of such connections of the address.
 */
struct connection_process *connections_find_idle(const struct listener *l, const struct address_count *address,
						 unsigned *ret_count);

/* Kills the process and frees its slots at once. The caller has logged the reason. */
void connections_evict(struct connection_process *c);

/* Returns the log fields for lines about @c: its address. */
struct log_logon connections_log_fields(const struct connection_process *c);
