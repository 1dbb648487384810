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
