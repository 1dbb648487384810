/* SPDX-License-Identifier: MIT */
/* Executes this program again, in another role. */
#pragma once

/*
 * Called in a new process: executes `credsspd @arg1 [@arg2] --config @config_path` with @control on descriptor 3 and no
 * other descriptor but the standard ones. The process has an address space layout of its own and ends with its parent.
 * Does not return.
 */
__attribute__((noreturn)) void exec_role(const char *arg1, const char *arg2, const char *config_path, int control);
