/* SPDX-License-Identifier: MIT */
#include "credsspd/util/loop.h"

#include <stdint.h>
#include <time.h>

#define FAR_AWAY_USEC (3600ULL * 1000000U)

static int on_never(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	(void)userdata;
	return 0;
}

int loop_new(sd_event **ret_event)
{
	sd_event_source *timer = NULL;
	sd_event *event = NULL;
	int r = sd_event_new(&event);

	if (r >= 0)
		r = sd_event_add_time_relative(event, &timer, CLOCK_MONOTONIC, FAR_AWAY_USEC, 0, on_never, NULL);
	if (r >= 0)
		r = sd_event_run(event, 0);
	(void)sd_event_source_disable_unref(timer);
	if (r < 0) {
		(void)sd_event_unref(event);
		return r;
	}
	*ret_event = event;
	return 0;
}
