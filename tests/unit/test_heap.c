/* SPDX-License-Identifier: MIT */
/* That a process which has settled its heap lets its children allocate from pages that lie together, and gives pages back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/mman.h>
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

/* Only whole pages are given back; a part of a page is left as it is. */
static void test_release_pages(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *p = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	memset(p, 1, 4 * page);
	release_pages(p + 1, 0);
	release_pages(p + 1, page);
	release_pages(p + page - 1, page);
	assert_int_equal(p[0] + p[page] + p[2 * page], 3);
	release_pages(p + page - 1, 2 * page + 2); /* the second and the third page, and a byte on each side */
	assert_int_equal(p[page - 1], 1);
	assert_int_equal(p[page] + p[2 * page - 1] + p[2 * page] + p[3 * page - 1], 0);
	assert_int_equal(p[3 * page], 1);
	(void)munmap(p, 4 * page);
}

/* Of this process, in KiB. */
static long stack_size(void)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	char line[512];
	long size = -1;
	bool stack = false;

	assert_non_null(f);
	while (size < 0 && fgets(line, sizeof line, f)) {
		stack = stack || strstr(line, "[stack]");
		if (stack)
			(void)sscanf(line, "Rss: %ld", &size);
	}
	(void)fclose(f);
	return size;
}

__attribute__((noinline)) static int use_stack(void)
{
	volatile uint8_t used[48U << 10];

	for (size_t i = 0; i < sizeof used; i++)
		used[i] = (uint8_t)i;
	return used[sizeof used - 2];
}

static void test_release_stack(void **state)
{
	volatile uint8_t mine[64] = { 1, 2, 3 };
	long before;

	if (SANITIZED)
		skip();
	assert_int_equal(use_stack(), 0xfe);
	before = stack_size();
	release_stack();
	assert_in_range(stack_size(), 1, before - 32);
	assert_int_equal(mine[0] + mine[1] + mine[2] + mine[63], 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_it_they_do_not),
		cmocka_unit_test(test_chunks_lie_together),
		cmocka_unit_test(test_release_pages),
		cmocka_unit_test(test_release_stack),
	};

	heap_prepare();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
