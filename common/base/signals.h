/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

/*
 * Sets up the signals of both daemons: SIGTERM and SIGINT end @event's loop, SIGHUP calls @on_hangup, SIGCHLD is
 * blocked as sd-event's child sources require, SIGPIPE is ignored. Feeds the watchdog of sd_notify(3). Returns 0 or
 * -errno.
 */
int signals_watch(sd_event *event, sd_event_signal_handler_t on_hangup, void *userdata);
