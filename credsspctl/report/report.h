/* SPDX-License-Identifier: MIT */
/* credsspctl report: what a maintainer asks for first, in one text. */
#pragma once

/*
 * Prints versions, configuration, the daemon's status, the findings of `check` for @names (NULL-terminated) and the last
 * lines of the log. Returns an exit status: CTL_OK, or CTL_USAGE when this user cannot look.
 */
int report_run(char *const *names);
