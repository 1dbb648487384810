/* SPDX-License-Identifier: MIT */
/*
 * The queue for xrdp. sesman logs on one user at a time and a ticket does not wait for ever: so only some connections
 * are with xrdp before their ticket is redeemed, and the others get their turn in the order of asking. One account
 * cannot take all places.
 */
#pragma once

#include <sys/queue.h>

#include "common/base/limits.h"

enum xrdp_slot_state { XRDP_SLOT_NONE, XRDP_SLOT_QUEUED, XRDP_SLOT_TAKEN };

/* In whatever waits; all zero at first. */
struct xrdp_slot {
	TAILQ_ENTRY(xrdp_slot) entry;
	enum xrdp_slot_state state;
	char user[ACCOUNT_NAME_MAX + 8U];
};

TAILQ_HEAD(xrdp_slot_queue, xrdp_slot);

struct xrdp_slots {
	struct xrdp_slot_queue queued, taken;
	unsigned limit, per_user, n_taken;
};

void xrdp_slots_init(struct xrdp_slots *s, unsigned limit, unsigned per_user);

/* Puts @p, for @user, at the end of the queue. Returns 0, or -EALREADY when it waits already or has its place. */
int xrdp_slots_ask(struct xrdp_slots *s, struct xrdp_slot *p, const char *user);

/* Whoever is next, with a place; NULL when there is no free place or nobody waits who may have one. */
struct xrdp_slot *xrdp_slots_next(struct xrdp_slots *s);

/* @p waits no longer, or gives its place back. */
void xrdp_slots_leave(struct xrdp_slots *s, struct xrdp_slot *p);
