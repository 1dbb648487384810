/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

/*
 * What both daemons do with signals: SIGTERM and SIGINT end @event's loop, SIGHUP calls @on_hangup, SIGCHLD is blocked
 * for whoever waits for children, SIGPIPE is ignored; and the watchdog of sd_notify(3) is fed. Returns 0 or -errno.
 */
int signals_watch(sd_event *event, sd_event_signal_handler_t on_hangup, void *userdata);
