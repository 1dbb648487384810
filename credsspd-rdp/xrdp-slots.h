/* SPDX-License-Identifier: MIT */
/*
 * The queue for xrdp. sesman logs on one user at a time and a ticket does not wait for ever: so only some connections
 * are with xrdp before their ticket is redeemed, and the others get their turn in the order of asking. One account
 * cannot take all places.
 */
#pragma once

#include <sys/queue.h>

#include "common/base/limits.h"

enum place_state { PLACE_NONE, PLACE_WAITING, PLACE_TAKEN };

/* In whatever waits; all zero at first. */
struct place {
	TAILQ_ENTRY(place) entry;
	enum place_state state;
	char user[ACCOUNT_NAME_MAX + 8U];
};

TAILQ_HEAD(place_queue, place);

struct places {
	struct place_queue waiting, taken;
	unsigned limit, per_user, n_taken;
};

void places_init(struct places *s, unsigned limit, unsigned per_user);

/* Puts @p, for @user, at the end of the queue. Returns 0, or -EALREADY when it waits already or has its place. */
int places_ask(struct places *s, struct place *p, const char *user);

/* Whoever is next, with a place; NULL when there is no free place or nobody waits who may have one. */
struct place *places_next(struct places *s);

/* @p waits no longer, or gives its place back. */
void places_leave(struct places *s, struct place *p);
