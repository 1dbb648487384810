/* SPDX-License-Identifier: MIT */
/* Executes this program again, in another role. */
#pragma once

#include <sys/types.h>

/*
 * Called in a child that @parent has just forked: executes `credsspd @arg1 [@arg2] --config @config_path` with @control
 * on descriptor 3 and no other descriptor but the standard ones. The process has an address space layout of its own and
 * is killed when the thread that forked it ends. Unblocks all signals, and removes the variables that systemd set for
 * the parent (NOTIFY_SOCKET, WATCHDOG_*, LISTEN_*). Does not return: exits with 127 when the program cannot be executed
 * or @parent has ended already.
 */
__attribute__((noreturn)) void exec_role(const char *arg1, const char *arg2, const char *config_path, int control,
					 pid_t parent);
