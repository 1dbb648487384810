/* SPDX-License-Identifier: MIT */
#include "common/base/heap.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/sanitized.h"

#define CHUNK_MIN 24U     /* the smallest chunk's room */
#define CHUNK_STEP 16U    /* between two sizes of chunks */
#define CHUNK_SMALL 1032U /* the largest of the sizes that malloc() caches for each thread */
#define CHUNK_LARGE 65536U
#define STACK_NEAR 1024U         /* bytes below a frame that the calls of release_stack() need */
#define STACK_RELEASED 65536U    /* bytes below them that are given back */
#define ROOM_AT_END (256U << 10) /* stays at the end of the heap: a child does not have to extend it first */

void heap_prepare(void)
{
	if (!SANITIZED)
		(void)mallopt(M_MXFAST, 0);
}

void release_pages(void *p, size_t len)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uint8_t *begin = p, *whole = begin + (-(uintptr_t)begin & (page - 1));

	if (len > (size_t)(whole - begin))
		(void)madvise(whole, (len - (size_t)(whole - begin)) & ~(page - 1), MADV_DONTNEED);
}

void release_stack(void)
{
	uint8_t *here = __builtin_frame_address(0);

	/* what is not mapped is left out; the nearest part is in use by the call itself */
	release_pages(here - STACK_NEAR - STACK_RELEASED, STACK_RELEASED);
}

/* Where the free space at the end of the heap begins. */
static uintptr_t end_of_use(void)
{
	return (uintptr_t)sbrk(0) - mallinfo2().keepcost;
}

/* Allocates chunks of @size until one comes from the end of the heap, which is given back. */
static void take_free_chunks(size_t size)
{
	static void **taken; /* the first of a list */

	for (;;) {
		uintptr_t end = end_of_use();
		void **p = malloc(size);

		if (!p || (uintptr_t)p >= end) {
			free(p);
			return;
		}
		*p = taken;
		taken = p;
	}
}

void heap_settle(void)
{
	if (SANITIZED)
		return;
	(void)malloc_trim(ROOM_AT_END);
	for (size_t size = CHUNK_LARGE; size > CHUNK_SMALL; size /= 2)
		take_free_chunks(size);
	for (size_t size = CHUNK_SMALL; size >= CHUNK_MIN; size -= CHUNK_STEP)
		take_free_chunks(size);
}
