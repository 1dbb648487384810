/* SPDX-License-Identifier: MIT */
/*
 * System call filters as lists (seccomp(2)): compiled by libseccomp once, before the first fork, and loaded by every
 * process with the plain system call. Building one in every process would cost more than a handshake.
 */
#pragma once

#include <linux/filter.h>
#include <stddef.h>

struct filter {
	struct sock_fprog program; /* owned */
};

#define FILTER_NULL \
	{ \
		{ \
			0, NULL \
		} \
	}

/* socket() in a list means AF_UNIX only, clone() a plain fork. */
struct filter_list {
	const int *call; /* SCMP_SYS() */
	size_t n;
	const struct filter_list *also; /* NULL, or another list that belongs to it */
};

#define FILTER_LIST(array) ((struct filter_list){ (array), sizeof(array) / sizeof *(array), NULL })

/*
 * Compiles a filter: calls in @allowed are allowed, calls in @not_there return ENOENT, mmap and mprotect are allowed
 * without PROT_EXEC, and every other call kills the process. Returns 0 or -errno; filter_done() frees *@ret_.
 */
int filter_make(struct filter_list allowed, struct filter_list not_there, struct filter *ret_);
void filter_done(struct filter *f);

/* Sets no_new_privs and enters the filter, irrevocably. Returns 0 or -errno. */
int filter_enter(const struct filter *f);
