/* SPDX-License-Identifier: MIT */
/* Connections in processes of their own, and what those may ask of the listener (connection-msg.h). */
#pragma once

#include "common/base/log.h"

struct listener;
struct connection_process;
struct pre_tls;

/* Forks for @w, which stays the caller's. Returns 0 or -errno. */
int connections_start(const struct pre_tls *w);

/* Forgets @s; its process goes on without the listener, or is killed. */
void connections_free(struct connection_process *s);
void connections_kill(const struct connection_process *s);

/*
 * Of the sessions that have not logged on the oldest of the address that has most of them; NULL when there is none.
 * *@ret_count: how many that has.
 */
struct connection_process *connections_find_unauthenticated(const struct listener *l, unsigned *ret_count);

/* Kills it for another one's sake; the log has said why. */
void connections_evict(struct connection_process *s);

/* Who it is, for the log. */
struct log_logon connections_log_fields(const struct connection_process *s);
