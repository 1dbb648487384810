/* SPDX-License-Identifier: MIT */
/* credsspctl report: the facts that a bug report needs, in one text. */
#pragma once

/*
 * Prints versions, configuration, the daemon's status, the findings of `check` for @names (NULL-terminated) and the
 * last lines of the log. Returns an exit status: CTL_OK, or CTL_USAGE for users other than root.
 */
int report_run(char *const *names);
