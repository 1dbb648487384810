/* SPDX-License-Identifier: MIT */
#include "credsspd/rdp/places.h"

#include <errno.h>
#include <stddef.h>

void places_init(struct places *s, unsigned limit)
{
	TAILQ_INIT(&s->waiting);
	s->limit = limit;
	s->taken = 0;
}

int places_ask(struct places *s, struct place *p)
{
	if (p->state != PLACE_NONE)
		return -EALREADY;
	TAILQ_INSERT_TAIL(&s->waiting, p, entry);
	p->state = PLACE_WAITING;
	return 0;
}

struct place *places_next(struct places *s)
{
	struct place *p = TAILQ_FIRST(&s->waiting);

	if (!p || s->taken >= s->limit)
		return NULL;
	TAILQ_REMOVE(&s->waiting, p, entry);
	p->state = PLACE_TAKEN;
	s->taken++;
	return p;
}

void places_leave(struct places *s, struct place *p)
{
	if (p->state == PLACE_WAITING)
		TAILQ_REMOVE(&s->waiting, p, entry);
	else if (p->state == PLACE_TAKEN)
		s->taken--;
	p->state = PLACE_NONE;
}
