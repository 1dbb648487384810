/* SPDX-License-Identifier: MIT */
/*
 * The fuzz targets without a fuzzer: every seed, every beginning of it, every octet of it as other values, pairs of
 * seeds one behind the other. The same in every run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fuzz/fuzz.h"

#define LLVMFuzzerTestOneInput fuzz_clientinfo
#include "tests/fuzz/fuzz_clientinfo.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_gsstoken
#include "tests/fuzz/fuzz_gsstoken.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_handover
#include "tests/fuzz/fuzz_handover.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_mcs
#include "tests/fuzz/fuzz_mcs.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_proxy
#include "tests/fuzz/fuzz_proxy.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_ticketlogon
#include "tests/fuzz/fuzz_ticketlogon.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_tscredentials
#include "tests/fuzz/fuzz_tscredentials.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_tsrequest
#include "tests/fuzz/fuzz_tsrequest.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_usertouser
#include "tests/fuzz/fuzz_usertouser.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_x224
#include "tests/fuzz/fuzz_x224.c"
#undef LLVMFuzzerTestOneInput
#include "tests/fuzz/seeds.c"

#define SEEDS_MAX 1200

static const struct target {
	const char *name;
	int (*run)(const uint8_t *data, size_t size);
} targets[] = {
	{ "clientinfo", fuzz_clientinfo },
	{ "gsstoken", fuzz_gsstoken },
	{ "handover", fuzz_handover },
	{ "mcs", fuzz_mcs },
	{ "proxy", fuzz_proxy },
	{ "ticketlogon", fuzz_ticketlogon },
	{ "tscredentials", fuzz_tscredentials },
	{ "tsrequest", fuzz_tsrequest },
	{ "usertouser", fuzz_usertouser },
	{ "x224", fuzz_x224 },
};
#define N_TARGETS (sizeof targets / sizeof *targets)

static struct {
	const struct target *target;
	struct buf octets;
} seeds[SEEDS_MAX];
static size_t n_seeds;

static void keep(void *arg, const char *target, const char *name, const uint8_t *p, size_t len)
{
	(void)arg;
	(void)name;
	assert_true(n_seeds < SEEDS_MAX);
	seeds[n_seeds].target = NULL;
	for (size_t i = 0; i < N_TARGETS; i++)
		if (strcmp(targets[i].name, target) == 0)
			seeds[n_seeds].target = &targets[i];
	if (seeds[n_seeds].target) /* the others are test_fuzz_deep's */
		seeds[n_seeds++].octets = buf_copy(p, len);
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
		for (size_t len = 0; len < seeds[i].octets.len; len++) {
			struct buf part AUTO_BUF = buf_copy(seeds[i].octets.p, len);

			assert_int_equal(seeds[i].target->run(part.p, part.len), 0);
		}
	}
}

static void test_octets(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_seeds; i++) {
		for (size_t at = 0; at < seeds[i].octets.len; at++) {
			uint8_t *p = &seeds[i].octets.p[at], was = *p;

			for (unsigned v = 0; v < 256; v++) {
				*p = (uint8_t)v;
				assert_int_equal(seeds[i].target->run(seeds[i].octets.p, seeds[i].octets.len), 0);
			}
			*p = was;
		}
	}
}

/* Any seed to any target, alone and behind another. */
static void test_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_seeds; i++) {
		for (size_t k = 0; k < n_seeds; k++) {
			struct buf both AUTO_BUF = JOIN(buf_copy(seeds[i].octets.p, seeds[i].octets.len),
							buf_copy(seeds[k].octets.p, seeds[k].octets.len));

			assert_int_equal(seeds[i].target->run(seeds[k].octets.p, seeds[k].octets.len), 0);
			assert_int_equal(seeds[i].target->run(both.p, both.len), 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seeds),
		cmocka_unit_test(test_beginnings),
		cmocka_unit_test(test_octets),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
