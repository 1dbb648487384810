/* SPDX-License-Identifier: MIT */
/* The sandbox of a connection's process. */
#pragma once

#include <stddef.h>

#include "common/sandbox/filter.h"

/* Makes the system call filter; called once, in the listener. Returns 0 or -errno. */
int connection_filter(struct filter *ret_);

/*
 * Enters the sandbox: after that the process cannot open files, make or connect sockets, or start programs. @mapped: the
 * bytes of address space that the listener uses. Returns 0 or -errno.
 */
int connection_confine(const struct filter *filter, size_t mapped);
