/* SPDX-License-Identifier: MIT */
/* Not under valgrind: the sanitizers see more here. */
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

/* large, or a change already */
#define REPLAY_ALONE(name, len) ((len) > 65536U || strncmp(name, "octet-", 6) == 0)
/* the sanitizers take ten times as long, most of it for stacks (fuzz_exchange.c) */
#if defined(__SANITIZE_ADDRESS__)
#define REPLAY_SLOWLY 8U
#else
#define REPLAY_SLOWLY 1U
#endif
#include "tests/unit/replay.h"

int fuzz_channel(const uint8_t *data, size_t size);
int fuzz_config(const uint8_t *data, size_t size);
int fuzz_exchange(const uint8_t *data, size_t size);
int fuzz_guard(const uint8_t *data, size_t size);
int fuzz_record(const uint8_t *data, size_t size);

static const struct target targets[] = {
	{ "channel", fuzz_channel, 16, 128, 64 },  { "config", fuzz_config, 97, 48, 64 },
	{ "exchange", fuzz_exchange, 90, 10, 64 }, { "guard", fuzz_guard, 32, 128, 64 },
	{ "record", fuzz_record, 1, 16, 64 },
};
static const size_t n_targets = sizeof targets / sizeof *targets;

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seeds),
		cmocka_unit_test(test_beginnings),
		cmocka_unit_test(test_octets),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
