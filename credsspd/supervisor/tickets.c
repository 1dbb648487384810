/* SPDX-License-Identifier: MIT */
#include "credsspd/supervisor/tickets.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/ipc/packet.h"

struct grant {
	struct supervisor *s;
	struct grant *next;
	uint64_t logon;
	int channel;
	sd_event_source *io;
};

static void grant_free(struct grant *g)
{
	struct grant **p = &g->s->grants;

	while (*p && *p != g)
		p = &(*p)->next;
	if (*p)
		*p = g->next;
	(void)sd_event_source_disable_unref(g->io);
	(void)packet_close(g->channel);
	free(g);
}

static int on_channel(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct grant *g = userdata;

	(void)source;
	(void)fd;
	if (revents & (EPOLLHUP | EPOLLERR)) {
		supervisor_revoke(g->s, g->logon);
		grant_free(g);
	}
	return 0;
}

int grant_new(struct supervisor *s, uint64_t logon, int *fd)
{
	struct grant *g = calloc(1, sizeof *g);
	int r;

	if (!g)
		return -ENOMEM;
	*g = (struct grant){ .s = s, .next = s->grants, .logon = logon, .channel = -1 };
	s->grants = g;
	r = sd_event_add_io(s->event, &g->io, *fd, 0, on_channel, g); /* that the other end is closed is told unasked */
	if (r < 0)
		grant_free(g);
	else
		g->channel = TAKE_FD(*fd);
	return r < 0 ? r : 0;
}

void grant_end(struct supervisor *s, uint64_t logon)
{
	struct grant *g = s->grants;

	while (g && g->logon != logon)
		g = g->next;
	if (g)
		grant_free(g);
}

void grant_free_all(struct supervisor *s)
{
	while (s->grants)
		grant_free(s->grants);
}
