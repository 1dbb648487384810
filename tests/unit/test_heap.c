/* SPDX-License-Identifier: MIT */
/* That a process which has settled its heap lets its children allocate from pages that lie together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "common/base/heap.h"
#include "common/base/sanitized.h"

#define HOLES 200U
#define SIZE 136U /* of a chunk that malloc() would merge or cache, depending on its neighbours */

static void *held[2U * HOLES];

/* Leaves free chunks all over the heap, one on each page, between chunks that stay. */
static void make_holes(void)
{
	for (size_t i = 0; i < 2U * HOLES; i++) {
		held[i] = malloc(i % 2 ? 4000 : SIZE);
		assert_non_null(held[i]);
	}
	for (size_t i = 0; i < 2U * HOLES; i += 2) {
		free(held[i]);
		held[i] = NULL;
	}
}

static size_t count_pages(size_t chunks)
{
	uintptr_t last = 0;
	size_t pages = 0;

	for (size_t i = 0; i < chunks; i++) {
		uintptr_t page = (uintptr_t)malloc(SIZE) / (uintptr_t)sysconf(_SC_PAGESIZE);

		pages += page != last;
		last = page;
	}
	return pages;
}

static void test_chunks_lie_together(void **state)
{
	if (SANITIZED)
		skip();
	make_holes();
	heap_settle();
	assert_in_range(count_pages(HOLES), 1, HOLES * (SIZE + 16U) / (size_t)sysconf(_SC_PAGESIZE) + 2U);
}

static void test_without_it_they_do_not(void **state)
{
	if (SANITIZED)
		skip();
	make_holes();
	assert_true(count_pages(HOLES) > HOLES / 2U);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_it_they_do_not),
		cmocka_unit_test(test_chunks_lie_together),
	};

	heap_prepare();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
