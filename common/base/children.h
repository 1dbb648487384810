/* SPDX-License-Identifier: MIT */
/* Ends child processes that a process did not make itself: orphans that a subreaper (prctl(2)) has inherited. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Returns whether @pid, a child of this process, is kept alive. */
typedef bool (*children_keep_fn)(pid_t pid, const void *userdata);

/*
 * Kills and reaps the children of the calling thread for which @keep is NULL or returns false, and the orphans that it
 * inherits from them meanwhile. Waits a second at most, then logs that some are left. Does nothing where the kernel has
 * no /proc/PID/task/TID/children (CONFIG_PROC_CHILDREN).
 */
void children_end(children_keep_fn keep, const void *userdata);
