/* SPDX-License-Identifier: MIT */
#include "credsspd-rdp/xrdp-slots.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

void xrdp_slots_init(struct xrdp_slots *s, unsigned limit, unsigned per_user)
{
	TAILQ_INIT(&s->queued);
	TAILQ_INIT(&s->taken);
	s->limit = limit;
	s->per_user = per_user;
	s->n_taken = 0;
}

int xrdp_slots_ask(struct xrdp_slots *s, struct xrdp_slot *p, const char *user)
{
	if (p->state != XRDP_SLOT_NONE)
		return -EALREADY;
	(void)snprintf(p->user, sizeof p->user, "%s", user);
	TAILQ_INSERT_TAIL(&s->queued, p, entry);
	p->state = XRDP_SLOT_QUEUED;
	return 0;
}

static unsigned taken_by(const struct xrdp_slots *s, const char *user)
{
	const struct xrdp_slot *p;
	unsigned n = 0;

	TAILQ_FOREACH(p, &s->taken, entry)
		n += strcmp(p->user, user) == 0;
	return n;
}

struct xrdp_slot *xrdp_slots_next(struct xrdp_slots *s)
{
	struct xrdp_slot *p;

	if (s->n_taken >= s->limit)
		return NULL;
	TAILQ_FOREACH(p, &s->queued, entry) {
		if (taken_by(s, p->user) >= s->per_user)
			continue;
		TAILQ_REMOVE(&s->queued, p, entry);
		TAILQ_INSERT_TAIL(&s->taken, p, entry);
		p->state = XRDP_SLOT_TAKEN;
		s->n_taken++;
		return p;
	}
	return NULL;
}

void xrdp_slots_leave(struct xrdp_slots *s, struct xrdp_slot *p)
{
	if (p->state == XRDP_SLOT_QUEUED) {
		TAILQ_REMOVE(&s->queued, p, entry);
	} else if (p->state == XRDP_SLOT_TAKEN) {
		TAILQ_REMOVE(&s->taken, p, entry);
		s->n_taken--;
	}
	p->state = XRDP_SLOT_NONE;
}
