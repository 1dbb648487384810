/* SPDX-License-Identifier: MIT */
/* Confines a worker: resource limits and the system call filter. */
#pragma once

#include <stddef.h>

#include "common/sandbox/filter.h"

#define SANDBOX_FDS \
	8 /* descriptors below this number: three standard ones, two sockets, the pipe, and room to receive it */

/* The calls that a worker may make, and those that return ENOENT; a template's filter includes both. */
extern const struct filter_list sandbox_allowed, sandbox_not_there;

struct sandbox {
	struct filter filter;
	size_t address_space; /* RLIMIT_AS */
};

/* In the template: builds the filter. Returns 0 or -errno. */
int sandbox_init(struct sandbox *ret_);
void sandbox_done(struct sandbox *s);

/* In the worker: sets limits, no_new_privs and not dumpable, and enters the filter, irrevocably. Returns 0 or -errno.
 */
int sandbox_enter(const struct sandbox *s);
