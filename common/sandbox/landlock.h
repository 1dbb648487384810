/* SPDX-License-Identifier: MIT */
/* Landlock (landlock(7)) restricts files, TCP and signals of a process, where the kernel supports it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Rights to files, as numbers, because the host's headers may lack some. */
#define LANDLOCK_EXECUTE ((uint64_t)1 << 0)
#define LANDLOCK_READ ((uint64_t)1 << 2 | (uint64_t)1 << 3)                     /* files and directories */
#define LANDLOCK_WRITE ((uint64_t)1 << 1 | (uint64_t)1 << 14)                   /* into files; truncate them */
#define LANDLOCK_REPLACE (LANDLOCK_WRITE | (uint64_t)1 << 5 | (uint64_t)1 << 8) /* remove and make regular files */

enum landlock_flags {
	LANDLOCK_FILES = 1,      /* no access to files, except by the rules */
	LANDLOCK_NO_TCP = 2,     /* no connect, no bind; ABI 4, Linux 6.7 */
	LANDLOCK_NO_SIGNALS = 4, /* to processes outside; ABI 6, Linux 6.12 */
};

/* Allows @rights to the file @path, or to the directory and everything below it. */
struct landlock_rule {
	const char *path;
	uint64_t rights;
};

/* Returns the version of Landlock in this kernel, or 0 when it has no Landlock. */
int landlock_abi(void);

/*
 * Restricts this process and its later children, irrevocably, by @flags (enum landlock_flags) and the @n rules at @rule.
 * Flags and rights that the kernel's version does not know are left out. The process must have no_new_privs set. Returns
 * 0, 1 when there is no Landlock, or -errno.
 */
int landlock_enter(unsigned flags, const struct landlock_rule *rule, size_t n);
