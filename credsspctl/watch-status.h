/* SPDX-License-Identifier: MIT */
/* credsspctl status --watch */
#pragma once

#include <stdbool.h>

#include "credsspctl/host/manager.h"

/*
 * Asks for the status once a second until a signal (SIGINT, SIGTERM, SIGHUP) ends the program with 0. On a terminal
 * the screen is drawn anew each time, and is as it was afterwards; elsewhere, and with @json, one answer is printed
 * behind the other. A daemon that goes away and comes back is waited for. Returns only on failure, as the commands of
 * ctl.c do: -errno, and a sentence in *@problem when it is not the call's error in @m.
 */
int watch_status(struct manager *m, bool json, const char **problem);
