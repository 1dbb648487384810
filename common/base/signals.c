/* SPDX-License-Identifier: MIT */
#include "common/base/signals.h"

#include <errno.h>
#include <signal.h>

int signals_watch(sd_event *event, sd_event_signal_handler_t on_hangup, void *userdata)
{
	sigset_t set;
	int r;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL); /* default: exit */
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGHUP, on_hangup, userdata);
	if (r >= 0)
		r = sd_event_set_watchdog(event, 1);
	return r < 0 ? r : 0;
}
