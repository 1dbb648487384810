/* SPDX-License-Identifier: MIT */
/* Connections in processes of their own, and what those may ask of the listener (record.h). */
#pragma once

struct listener;
struct session;
struct waiting;

/* Forks for @w, which stays the caller's. Returns 0 or -errno. */
int session_start(const struct waiting *w);

/* Forgets @s; its process goes on without the listener, or is killed. */
void session_free(struct session *s);
void session_kill(const struct session *s);
