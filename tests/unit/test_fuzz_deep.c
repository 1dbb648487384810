/* SPDX-License-Identifier: MIT */
/*
 * The fuzz targets that work with libraries, without a fuzzer: every seed, every beginning of it, every octet of it as
 * a few other values; and, in each target, once more with allocations and library calls that fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/seeds.c"

#define SEEDS_MAX 1200
#define TOO_LARGE 65536U
/* the sanitizers take ten times as long, most of it for stacks (fuzz_conversation.c) */
#if defined(__SANITIZE_ADDRESS__)
#define SLOWLY 8U
#else
#define SLOWLY 1U
#endif

int fuzz_channel(const uint8_t *data, size_t size);
int fuzz_config(const uint8_t *data, size_t size);
int fuzz_conversation(const uint8_t *data, size_t size);
int fuzz_guard(const uint8_t *data, size_t size);
int fuzz_record(const uint8_t *data, size_t size);

static const struct target {
	const char *name;
	int (*run)(const uint8_t *data, size_t size);
	unsigned step; /* between the values of an octet, which is changed by 1, 1 + step ... */
	size_t octets; /* that are changed at most, from the front */
} targets[] = {
	{ "channel", fuzz_channel, 16, 128 },
	{ "config", fuzz_config, 97, 48 },
	{ "conversation", fuzz_conversation, 90, 10 },
	{ "guard", fuzz_guard, 32, 128 },
	{ "record", fuzz_record, 1, 16 },
};
#define N_TARGETS (sizeof targets / sizeof *targets)

static struct {
	const struct target *target;
	struct buf octets;
	bool alone; /* as it is, and no more: large, or a change already */
} seeds[SEEDS_MAX];
static size_t n_seeds;

static void keep(void *arg, const char *target, const char *name, const uint8_t *p, size_t len)
{
	(void)arg;
	for (size_t i = 0; i < N_TARGETS; i++) {
		if (strcmp(targets[i].name, target) != 0)
			continue;
		assert_true(n_seeds < SEEDS_MAX);
		seeds[n_seeds].target = &targets[i];
		seeds[n_seeds].alone = len > TOO_LARGE || strncmp(name, "octet-", 6) == 0;
		seeds[n_seeds++].octets = buf_copy(p, len);
	}
}

static int setup(void **state)
{
	(void)state;
	seeds_make(keep, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (n_seeds)
		buf_free(&seeds[--n_seeds].octets);
	return 0;
}

static void test_seeds(void **state)
{
	size_t of[N_TARGETS] = { 0 };

	(void)state;
	for (size_t i = 0; i < n_seeds; i++) {
		assert_int_equal(seeds[i].target->run(seeds[i].octets.p, seeds[i].octets.len), 0);
		of[seeds[i].target - targets]++;
	}
	for (size_t i = 0; i < N_TARGETS; i++)
		assert_in_range(of[i], 3, SEEDS_MAX);
}

static void test_beginnings(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_seeds; i++) {
		size_t all = seeds[i].octets.len, step = (all / 64 + 1) * SLOWLY;

		if (seeds[i].alone)
			continue;
		for (size_t len = 0; len < all; len += step) {
			struct buf part AUTO_BUF = buf_copy(seeds[i].octets.p, len);

			assert_int_equal(seeds[i].target->run(part.p, part.len), 0);
		}
	}
}

static void test_octets(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_seeds; i++) {
		const struct target *t = seeds[i].target;

		if (seeds[i].alone)
			continue;
		for (size_t at = 0; at < seeds[i].octets.len && at < t->octets; at++) {
			uint8_t *p = &seeds[i].octets.p[at], was = *p;

			for (unsigned v = 1; v < 256; v += t->step * SLOWLY) {
				*p = (uint8_t)(was + v);
				assert_int_equal(t->run(seeds[i].octets.p, seeds[i].octets.len), 0);
			}
			*p = was;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seeds),
		cmocka_unit_test(test_beginnings),
		cmocka_unit_test(test_octets),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
