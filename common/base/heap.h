/* SPDX-License-Identifier: MIT */
/*
 * The heap of a process that forks for every connection or handshake. Each page that the child writes to is copied, and
 * so is each page that the parent writes to afterwards. malloc() spreads these writes over the whole heap: it merges the
 * fast bins, and it takes free chunks from wherever they are.
 */
#pragma once

#include <stddef.h>

/* Turns malloc()'s fast bins off, so that they are never merged. Called once, before the process allocates much. */
void heap_prepare(void);

/* Gives the whole pages of @p[@len] back to the kernel: they read as zeros from then on. */
void release_pages(void *p, size_t len);

/* The same for the pages of the stack that deeper calls than this one have used. */
void release_stack(void);

/*
 * Takes all free chunks below the end of the heap out of use, for good: what is allocated from here on lies together.
 * Called when the process has started up, before it forks.
 */
void heap_settle(void);
