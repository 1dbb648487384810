/* SPDX-License-Identifier: MIT */
/* Landlock (landlock(7)): what a process may still do with files, TCP and signals, where the kernel knows it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Rights to files, whatever the headers of this host know. */
#define LANDLOCK_READ ((uint64_t)1 << 2 | (uint64_t)1 << 3)                     /* files and directories */
#define LANDLOCK_WRITE ((uint64_t)1 << 1 | (uint64_t)1 << 14)                   /* into files; truncate them */
#define LANDLOCK_REPLACE (LANDLOCK_WRITE | (uint64_t)1 << 5 | (uint64_t)1 << 8) /* remove and make regular files */

enum landlock_flags {
	LANDLOCK_FILES = 1,      /* no file but by a rule */
	LANDLOCK_NO_TCP = 2,     /* no connect, no bind; ABI 4, Linux 6.7 */
	LANDLOCK_NO_SIGNALS = 4, /* to processes outside; ABI 6, Linux 6.12 */
};

/* Everything below @path. */
struct landlock_rule {
	const char *path;
	uint64_t rights;
};

/* 0: the kernel has none. */
int landlock_abi(void);

/*
 * For good, for this process and its children; what of @flags and rights the kernel's version does not know is left
 * out. Needs no new privileges. Returns 0, 1 when there is no Landlock, or -errno.
 */
int landlock_enter(unsigned flags, const struct landlock_rule *rule, size_t n);
