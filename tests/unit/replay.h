/* SPDX-License-Identifier: MIT */
/*
 * What tests with a table `targets` of fuzz targets do with the seeds: every one, beginnings of it, its octets as other
 * values. Before it: REPLAY_ALONE(name, len), true for a seed that is run as it is and no more; REPLAY_SLOWLY, by which
 * steps are multiplied.
 */
#pragma once

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/seeds.c"

#define SEEDS_MAX 1200

struct target {
	const char *name;
	int (*run)(const uint8_t *data, size_t size);
	unsigned step;     /* between the values of an octet, which is changed by 1, 1 + step ... */
	size_t octets;     /* that are changed at most, from the front */
	size_t beginnings; /* about so many at most */
};

static const struct target targets[];
static const size_t n_targets;

static struct {
	const struct target *target;
	struct buf octets;
	bool alone;
} seeds[SEEDS_MAX];
static size_t n_seeds;

static void keep(void *arg, const char *target, const char *name, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < n_targets; i++) {
		if (strcmp(targets[i].name, target) != 0)
			continue;
		assert_true(n_seeds < SEEDS_MAX);
		seeds[n_seeds].target = &targets[i];
		seeds[n_seeds].alone = REPLAY_ALONE(name, len);
		seeds[n_seeds++].octets = buf_copy(p, len);
	}
}

static int setup(void **state)
{
	seeds_make(keep, NULL);
	return 0;
}

static int teardown(void **state)
{
	while (n_seeds)
		buf_free(&seeds[--n_seeds].octets);
	return 0;
}

static void test_seeds(void **state)
{
	for (size_t i = 0; i < n_seeds; i++)
		assert_int_equal(seeds[i].target->run(seeds[i].octets.p, seeds[i].octets.len), 0);
	for (size_t t = 0; t < n_targets; t++) {
		size_t of = 0;

		for (size_t i = 0; i < n_seeds; i++)
			of += seeds[i].target == &targets[t];
		assert_in_range(of, 3, SEEDS_MAX);
	}
}

static void test_beginnings(void **state)
{
	for (size_t i = 0; i < n_seeds; i++) {
		size_t all = seeds[i].octets.len, step = (all / seeds[i].target->beginnings + 1) * REPLAY_SLOWLY;

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
	for (size_t i = 0; i < n_seeds; i++) {
		const struct target *t = seeds[i].target;

		if (seeds[i].alone)
			continue;
		for (size_t at = 0; at < seeds[i].octets.len && at < t->octets; at++) {
			uint8_t *p = &seeds[i].octets.p[at], was = *p;

			for (unsigned v = 1; v < 256; v += t->step * REPLAY_SLOWLY) {
				*p = (uint8_t)(was + v);
				assert_int_equal(t->run(seeds[i].octets.p, seeds[i].octets.len), 0);
			}
			*p = was;
		}
	}
}
