/* SPDX-License-Identifier: MIT */
/*
 * The queue for xrdp. sesman logs on one user at a time, and tickets expire. So only a limited number of connections
 * have a slot with xrdp before their tickets are redeemed; the others wait in order. One account cannot take all slots.
 */
#pragma once

#include <sys/queue.h>

#include "common/base/limits.h"

enum xrdp_slot_state { XRDP_SLOT_NONE, XRDP_SLOT_QUEUED, XRDP_SLOT_TAKEN };

/* Part of the record of a connection; all zeros at first. */
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

/* Puts @p, for @user, at the end of the queue. Returns 0, or -EALREADY when @p is queued already or has a slot. */
int xrdp_slots_ask(struct xrdp_slots *s, struct xrdp_slot *p, const char *user);

/*
 * Gives a free slot to the first entry of the queue with an account that has fewer slots than its limit. Returns the
 * entry, or NULL without a free slot or such an entry.
 */
struct xrdp_slot *xrdp_slots_next(struct xrdp_slots *s);

/* Takes @p out of the queue, or gives its slot back. Does nothing when @p is not queued and has no slot. */
void xrdp_slots_leave(struct xrdp_slots *s, struct xrdp_slot *p);
