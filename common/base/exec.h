/* SPDX-License-Identifier: MIT */
/* This program again, in another role. */
#pragma once

/*
 * In a new process: becomes `credsspd @arg1 [@arg2] --config @config_path` with @control on descriptor 3 and no other
 * but the standard ones, an address space layout of its own, and the life of its parent. Does not return.
 */
__attribute__((noreturn)) void exec_role(const char *arg1, const char *arg2, const char *config_path, int control);
