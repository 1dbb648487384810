/* SPDX-License-Identifier: MIT */
/* Connections in processes of their own, and what those may ask of the listener (connection-msg.h). */
#pragma once

#include "common/base/log.h"

struct listener;
struct session;
struct waiting;

/* Forks for @w, which stays the caller's. Returns 0 or -errno. */
int session_start(const struct waiting *w);

/* Forgets @s; its process goes on without the listener, or is killed. */
void session_free(struct session *s);
void session_kill(const struct session *s);

/*
 * Of the sessions that have not logged on the oldest of the address that has most of them; NULL when there is none.
 * *@ret_count: how many that has.
 */
struct session *session_stranger(const struct listener *l, unsigned *ret_count);

/* Kills it for another one's sake; the log has said why. */
void session_evict(struct session *s);

/* Who it is, for the log. */
struct log_logon session_who(const struct session *s);
