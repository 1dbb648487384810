/* SPDX-License-Identifier: MIT */
/*
 * Scope-bound ownership: a variable marked with one of these attributes is
 * released when its scope ends, on every path. Ownership leaves a scope only
 * through TAKE_PTR() or TAKE_FD().
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(f) __attribute__((cleanup(f)))

static inline void cleanup_free_p_(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_p_(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void cleanup_fclose_p_(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

#define AUTO_FREE CLEANUP(cleanup_free_p_)
#define AUTO_CLOSE CLEANUP(cleanup_close_p_)
#define AUTO_FCLOSE CLEANUP(cleanup_fclose_p_)

/* Returns @ptr and sets it to NULL. */
#define TAKE_PTR(ptr) \
	({ \
		__typeof__(ptr) *take_p_ = &(ptr); \
		__typeof__(ptr) take_v_ = *take_p_; \
		*take_p_ = NULL; \
		take_v_; \
	})

/* Returns @fd and sets it to -1. */
#define TAKE_FD(fd) \
	({ \
		int *take_p_ = &(fd); \
		int take_v_ = *take_p_; \
		*take_p_ = -1; \
		take_v_; \
	})

/* Closes @fd unless it is negative. Always returns -1, for fd = close_fd(fd). */
static inline int close_fd(int fd)
{
	if (fd >= 0)
		(void)close(fd);
	return -1;
}
