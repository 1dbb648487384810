/* SPDX-License-Identifier: MIT */
/*
 * The system call filter of workers: what GSSAPI, malloc and our sockets need; opening files says ENOENT;
 * everything else kills the process.
 */
#pragma once

#include <linux/filter.h>
#include <stddef.h>

struct filter {
	struct sock_filter *program;
	size_t len; /* instructions */
};

/* Compiles the filter once, in the template; loading it in a worker is one system call. Returns 0 or -errno. */
int filter_compile(struct filter *ret_filter);

/* Loads it into this process, for good. Returns 0 or -errno. */
int filter_load(const struct filter *f);
