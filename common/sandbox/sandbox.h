/* SPDX-License-Identifier: MIT */
/*
 * What every process of the daemons gives up. Those whose system calls are known have a filter that kills (filter.h)
 * besides; the others get here what answers EPERM.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct confine_limit {
	int resource; /* RLIMIT_ */
	unsigned long max;
};

/* Lowers limits, soft and hard; one that is lower already stays. Returns 0 or -errno. */
int confine_limits(const struct confine_limit *row, size_t n);

/* Octets of address space in use, or 0 when /proc does not say. */
size_t confine_mapped(void);

/*
 * In main(), of all programs and roles: limits, not dumpable, no descriptor open but the standard ones and the @passed
 * ones behind them. Returns 0 or -errno.
 */
int confine_start(unsigned passed);

/*
 * The supervisor and, by inheritance, all that it starts: no new privileges, nothing of another process's, no change of
 * user, no mounts, no modes, owners or attributes of files, no kernel interfaces that a daemon does not need. Returns 0
 * or -errno.
 */
int confine_supervisor(void);

/*
 * The listener of credsspd-rdp and its children, when it listens: as confine_supervisor(), and no program is run,
 * no socket but AF_UNIX is made, none listens anew; with Landlock (ABI 4) none connects over TCP. Returns 0 or -errno.
 */
int confine_listener(void);

/*
 * For processes that call modules of the host (NSS, libkrb5's plugins), whose system calls nobody knows: no filter that
 * kills, but they need no ptrace, no exec, no other process and no other privileges; with Landlock they write no file.
 * What they read is left to the modes of files: such a process runs as a user that owns none. The process ends with
 * its parent. @forks: it may make processes of its own. @name is shown by ps(1). Returns 0 or -errno.
 */
int confine_helper(int control_fd, const char *name, bool forks);

/* One line for the log: what of this the kernel has. */
const char *confine_says(void);
