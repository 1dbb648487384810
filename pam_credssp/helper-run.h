/* SPDX-License-Identifier: MIT */
/*
 * Runs the helper program, which parses clients' data and talks to cards and KDCs, outside the application's process.
 * It has four descriptors, an empty environment, no_new_privs and limits, and is killed at the deadline. The
 * application gets no SIGCHLD or SIGPIPE, and its waitpid() does not see the child.
 */
#pragma once

#include <stdint.h>

#include "common/base/secret.h"
#include "common/ipc/helper-msg.h"

/*
 * Runs @program with @argv (NULL-terminated, @argv[0] included, nothing secret), gives it @input (may be NULL) on its
 * standard input and takes its record. The helper gets @deadline, a time of clock_msec(), as its last argument. At most
 * HELPER_ARGUMENTS_MAX arguments may follow the mode. Always fills @ret_result: every failure has a status; the detail
 * for the log has no control characters.
 */
void helper_run(const char *program, const char *const argv[], const struct secret *input, int64_t deadline,
		struct helper_result *ret_result);
