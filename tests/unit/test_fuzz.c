/* SPDX-License-Identifier: MIT */
/* Not under valgrind: the sanitizers see more here. */
/*
 * The fuzz targets without a fuzzer: every seed, every beginning of it, every octet of it as other values, pairs of
 * seeds one behind the other. The same in every run.
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

#define LLVMFuzzerTestOneInput fuzz_clientinfo
#include "tests/fuzz/fuzz_clientinfo.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_gsstoken
#include "tests/fuzz/fuzz_gsstoken.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_handover
#include "tests/fuzz/fuzz_handover.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_logoninfo
#include "tests/fuzz/fuzz_logoninfo.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_mcs
#include "tests/fuzz/fuzz_mcs.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_name
#include "tests/fuzz/fuzz_name.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_negotiation
#include "tests/fuzz/fuzz_negotiation.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_ntlm
#include "tests/fuzz/fuzz_ntlm.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_proxy
#include "tests/fuzz/fuzz_proxy.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_spnego
#include "tests/fuzz/fuzz_spnego.c"
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
#define REPLAY_ALONE(name, len) false
#define REPLAY_SLOWLY 1U
#include "tests/unit/replay.h"

#define TARGET_BY(step, name) \
	{ \
#name, fuzz_##name, step, SIZE_MAX, SIZE_MAX \
	}
#define TARGET(name) TARGET_BY(1, name)
/* tscredentials: each run maps and unmaps several secrets, and takes a hundred times as long as a run of the others. */
static const struct target targets[] = {
	TARGET(clientinfo), TARGET(gsstoken),   TARGET(handover),    TARGET(logoninfo),
	TARGET(mcs),        TARGET(name),       TARGET(negotiation), TARGET(ntlm),
	TARGET(proxy),      TARGET(spnego),     TARGET(ticketlogon), TARGET_BY(5, tscredentials),
	TARGET(tsrequest),  TARGET(usertouser), TARGET(x224),
};
static const size_t n_targets = sizeof targets / sizeof *targets;

/* Any seed to any target, alone and behind another. */
static void test_others(void **state)
{
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
