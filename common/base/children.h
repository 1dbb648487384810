/* SPDX-License-Identifier: MIT */
/* The child processes that a process has no record of: orphans that a subreaper (prctl(2)) has inherited. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Whether @pid, a child of this process, is to live. */
typedef bool (*children_keep_fn)(pid_t pid, const void *userdata);

/*
 * Kills and reaps the children of the calling thread, but those that @keep (NULL: none) keeps, and the orphans that it
 * inherits from them meanwhile. Waits for them for a second at most, then logs that some are left. Without
 * /proc/PID/task/TID/children (CONFIG_PROC_CHILDREN) it does nothing.
 */
void children_end(children_keep_fn keep, const void *userdata);
