/* SPDX-License-Identifier: MIT */
#include "credsspd-rdp/xrdp-slots.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

void places_init(struct places *s, unsigned limit, unsigned per_user)
{
	TAILQ_INIT(&s->waiting);
	TAILQ_INIT(&s->taken);
	s->limit = limit;
	s->per_user = per_user;
	s->n_taken = 0;
}

int places_ask(struct places *s, struct place *p, const char *user)
{
	if (p->state != PLACE_NONE)
		return -EALREADY;
	(void)snprintf(p->user, sizeof p->user, "%s", user);
	TAILQ_INSERT_TAIL(&s->waiting, p, entry);
	p->state = PLACE_WAITING;
	return 0;
}

static unsigned taken_by(const struct places *s, const char *user)
{
	const struct place *p;
	unsigned n = 0;

	TAILQ_FOREACH(p, &s->taken, entry)
	n += strcmp(p->user, user) == 0;
	return n;
}

struct place *places_next(struct places *s)
{
	struct place *p;

	if (s->n_taken >= s->limit)
		return NULL;
	TAILQ_FOREACH(p, &s->waiting, entry)
	{
		if (taken_by(s, p->user) >= s->per_user)
			continue;
		TAILQ_REMOVE(&s->waiting, p, entry);
		TAILQ_INSERT_TAIL(&s->taken, p, entry);
		p->state = PLACE_TAKEN;
		s->n_taken++;
		return p;
	}
	return NULL;
}

void places_leave(struct places *s, struct place *p)
{
	if (p->state == PLACE_WAITING) {
		TAILQ_REMOVE(&s->waiting, p, entry);
	} else if (p->state == PLACE_TAKEN) {
		TAILQ_REMOVE(&s->taken, p, entry);
		s->n_taken--;
	}
	p->state = PLACE_NONE;
}
