/* SPDX-License-Identifier: MIT */
/* The processes of connections, as the listener sees them, and what they may ask of it (connection-msg.h). */
#pragma once

#include "common/base/log.h"

struct listener;
struct address_count;
struct connection_process;
struct pre_tls;

/* Forks a process for the connection @w, which stays the caller's. Returns 0 or -errno. */
int connections_start(const struct pre_tls *w);

/* Frees the listener's knowledge of @c. The process itself continues without the listener. */
void connections_free(struct connection_process *c);

/* Kills the process; @c is freed when its end is reported. */
void connections_kill(const struct connection_process *c);

/*
 * Picks a connection to evict: one that has not logged on, of @address, or with NULL of the address that has the most
 * of them; of these the longest idle one. Idle are connections since they began TLS, or since they called Begin.
 * Returns NULL when there is none, and in *@ret_count how many such connections the address has.
 */
struct connection_process *connections_find_idle(const struct listener *l, const struct address_count *address,
						 unsigned *ret_count);

/* Kills the process and frees its slots at once. The caller has logged why. */
void connections_evict(struct connection_process *c);

/* The address of @c, for log lines about it. */
struct log_logon connections_log_fields(const struct connection_process *c);
