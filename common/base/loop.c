/* SPDX-License-Identifier: MIT */
#include "common/base/loop.h"

#include <stdint.h>
#include <sys/wait.h>
#include <time.h>

#define FAR_AWAY_USEC (3600ULL * 1000000U)

static int on_never(sd_event_source *source, uint64_t usec, void *userdata)
{
	return 0;
}

int loop_new(sd_event **ret_event)
{
	sd_event_source *timer = NULL;
	sd_event *event = NULL;
	int r = sd_event_new(&event);

	if (r >= 0)
		r = sd_event_add_time_relative(event, &timer, CLOCK_BOOTTIME, FAR_AWAY_USEC, 0, on_never, NULL);
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

int loop_watch_exit(sd_event *event, int pidfd, sd_event_child_handler_t fn, void *userdata,
		    sd_event_source **ret_source)
{
	sd_event_source *source = NULL;
	int r = sd_event_add_child_pidfd(event, &source, pidfd, WEXITED, fn, userdata);

	/* libsystemd registers the pidfd again, and not for one event only, when the source was off */
	if (r >= 0)
		r = sd_event_source_set_enabled(source, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_source_set_enabled(source, SD_EVENT_ON);
	if (r < 0) {
		(void)sd_event_source_disable_unref(source);
		return r;
	}
	*ret_source = source;
	return 0;
}
