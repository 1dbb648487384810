/* SPDX-License-Identifier: MIT */
/* The event loop of a process that confines itself. */
#pragma once

#include <systemd/sd-event.h>

/*
 * Makes an event loop that has run one turn with a timer. At the first such turn sd-event looks for the kernel's boot
 * ID: it opens files below /proc, and with systemd 257 under ProcSubset=pid it calls fstatfs(2). A filter or a Landlock
 * domain that is entered later need not allow that. Returns 0 or a negative errno value; the caller owns *@ret_event.
 */
int loop_new(sd_event **ret_event);

/*
 * Calls @fn when the child process behind @pidfd has ended; the process is reaped after that. Unlike the one shot of
 * sd_event_add_child_pidfd(), it also works for a process that a debugger traces: the kernel reports such an end to the
 * debugger first, and the process cannot be reaped before the debugger has gone. Returns 0 or a negative errno value;
 * the caller owns *@ret_source.
 */
int loop_watch_exit(sd_event *event, int pidfd, sd_event_child_handler_t fn, void *userdata,
		    sd_event_source **ret_source);
