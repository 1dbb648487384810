/* SPDX-License-Identifier: MIT */
/*
 * Confines the processes of the daemons. A process whose system calls are known also has a filter that kills
 * (filter.h); in the other processes denied system calls return EPERM.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct confine_limit {
	int resource; /* RLIMIT_ */
	unsigned long max;
};

/* Lowers soft and hard limits; a limit that is already lower stays. Returns 0 or -errno. */
int confine_limits(const struct confine_limit *row, size_t n);

/* Returns the bytes of address space in use, or 0 when /proc does not say. */
size_t confine_mapped(void);

/*
 * Called in main() by all programs and roles: sets limits, makes the process not dumpable, and closes all descriptors
 * but the standard ones and the @passed ones after them. Returns 0 or -errno.
 */
int confine_start(unsigned passed);

/*
 * Confines the supervisor and, by inheritance, all processes that it starts: no new privileges, no access to another
 * process, no change of user, no mounts, no change of modes, owners or attributes of files, no kernel interfaces that a
 * daemon does not need. Sockets and files are left to the unit and to the processes' own filters. Returns 0 or -errno.
 */
int confine_supervisor(void);

/*
 * Confines the listener of credsspd-rdp and its children, among them the template of connections, once it listens: as
 * confine_supervisor(), and it runs no program, makes AF_UNIX sockets only, and makes no socket listen; with Landlock
 * (ABI 4) it connects no socket over TCP. Returns 0 or -errno.
 */
int confine_listener(void);

/*
 * Confines a process that calls modules of the host (NSS, libkrb5's plugins), whose system calls are not known. No
 * filter kills it, but it gets no ptrace, no exec, no access to other processes and no privileges; with Landlock it
 * writes no file. It may open sockets to connect, and makes no socket listen. File modes decide what it reads: it runs
 * as a user that owns no file. The process ends with its parent. @forks: it may make processes. @name is shown by
 * ps(1). Returns 0 or -errno.
 */
int confine_helper(int control_fd, const char *name, bool forks);

/*
 * Confines the warden of account checkers and, by inheritance, the account checkers: as confine_supervisor(), but user
 * ids and capabilities may be set. unix_chkpwd(8), which pam_unix runs, calls setuid(0) as root and fails when it
 * cannot; an account checker gives up capabilities. Returns 0 or -errno.
 */
int confine_account_warden(void);

/*
 * Confines a process that calls PAM modules as root: as confine_helper(), but it may run programs (unix_chkpwd(8)),
 * which are confined as it is. Of root's capabilities it keeps CAP_DAC_READ_SEARCH alone, which it needs to read files
 * of a service's user (SSSD) and files with mode 0000 (shadow). Returns 0 or -errno.
 */
int confine_account_checker(int control_fd);

/* Returns one line for the log: which kinds of confinement the kernel supports. */
const char *confine_says(void);
