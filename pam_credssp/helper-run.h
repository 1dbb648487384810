/* SPDX-License-Identifier: MIT */
/*
 * Runs the helper program, which parses what clients sent and talks to cards and KDCs, so that the application's
 * process does not: no descriptor but its own four, an empty environment, no_new_privs, limits, dead at the deadline.
 * The application does not notice: no SIGCHLD, no SIGPIPE, and its own waitpid() does not see the child.
 */
#pragma once

#include <stdint.h>

#include "common/base/secret.h"
#include "common/ipc/helper-msg.h"

/*
 * Runs @program with @argv (NULL-terminated, @argv[0] included, nothing secret), gives it @input (may be NULL) on its
 * standard input and takes its record. @deadline, by clock_msec(), is also the helper's last argument. @argv has at
 * most HELPER_ARGUMENTS_MAX arguments behind the mode. Always fills @ret_result: a failure is a status in it, with a
 * detail for the log that has no control characters.
 */
void helper_run(const char *program, const char *const argv[], const struct secret *input, int64_t deadline,
		struct helper_result *ret_result);
