/* SPDX-License-Identifier: MIT */
/*
 * The parent of the supervisor's processes that run as users of their own: verifier, resolvers, keeper and account
 * checkers. It has a listening socket from systemd, to which only the supervisor's user can connect. For each
 * connection it makes a process of this program with the connection on descriptor 3, as the supervisor does for its own
 * processes (supervisor/service.h).
 *
 * The connection stands for the process: when the supervisor closes it, the process has WARDEN_END_SEC to end and is
 * killed after that, with the orphans of its own; when the process ends, the warden closes the connection.
 */
#pragma once

/*
 * Runs a warden. @arg: the role option of its processes, for example "--resolver". @confine: enters the system call
 * filter of the warden and of its processes (common/sandbox/sandbox.h). Returns 0, or -errno after a line in the log.
 */
int warden_main(const char *arg, int (*confine)(void), const char *config_path);
