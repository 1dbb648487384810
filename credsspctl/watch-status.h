/* SPDX-License-Identifier: MIT */
/* credsspctl status --watch */
#pragma once

#include <stdbool.h>

#include "credsspctl/host/manager.h"

/*
 * Asks for the status once a second until a signal (SIGINT, SIGTERM, SIGHUP) ends the program with 0. On a terminal
 * the screen is drawn again each time and restored at the end; elsewhere, and with @json, the answers are printed one
 * after the other. While credsspd does not run, it waits for it. Returns only on failure, as the commands of ctl.c do:
 * -errno, and a sentence in *@problem unless @m has the call's error.
 */
int watch_status(struct manager *m, bool json, const char **problem);
