/* SPDX-License-Identifier: MIT */
/* What the verifier reads from the AV pairs of a response. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "credsspd/ntlm-verifier/response.h"
#include "tests/unit/build.h"

#define END "\0\0\0\0"
#define TIME "\7\0\x08\0TIMESTAM"
#define OTHER_TIME "\7\0\x08\0TIMESTAR"
#define MIC "\6\0\4\0\2\0\0\0"
#define NO_MIC "\6\0\4\0\0\0\0\0"
#define NAMES "\2\0\2\0D\0\1\0\2\0C\0"
#define TERMSRV "T\0E\0R\0M\0S\0R\0V\0/\0"
#define BINDINGS "\x0a\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

#define PAIRS(s) s, sizeof(s) - 1

static const struct {
	const char *name, *p;
	size_t len;
	bool require;
	enum refusal refusal;
	bool mic;
} rows[] = {
	{ "as Windows", PAIRS(NAMES TIME MIC BINDINGS "\x09\0\x12\0" TERMSRV "h\0" END END), true, REFUSAL_NONE, true },
	{ "no MIC", PAIRS(NAMES TIME END), false, REFUSAL_NONE, false },
	{ "no MIC where it is demanded", PAIRS(NAMES TIME END), true, REFUSAL_WEAK_NTLM, false },
	{ "flags without MIC", PAIRS(TIME NO_MIC END), false, REFUSAL_NONE, false },
	{ "the same where it is demanded", PAIRS(TIME NO_MIC END), true, REFUSAL_WEAK_NTLM, false },
	{ "flags twice, the MIC first", PAIRS(TIME MIC NO_MIC END), true, REFUSAL_NONE, true },
	{ "flags twice, the MIC last", PAIRS(NO_MIC TIME MIC END), true, REFUSAL_NONE, true },
	{ "not sorted", PAIRS(MIC TIME NAMES END), true, REFUSAL_NONE, true },
	{ "no timestamp", PAIRS(NAMES MIC END), false, REFUSAL_WEAK_NTLM, false },
	{ "another timestamp", PAIRS(NAMES OTHER_TIME MIC END), false, REFUSAL_REPLAY, false },
	{ "another one beside ours", PAIRS(TIME OTHER_TIME MIC END), false, REFUSAL_REPLAY, false },
	{ "ours twice", PAIRS(TIME TIME END), false, REFUSAL_NONE, false },
	{ "a short timestamp", PAIRS("\7\0\7\0TIMESTA" END), false, REFUSAL_REPLAY, false },
	{ "short flags", PAIRS(TIME "\6\0\3\0\2\0\0" END), false, REFUSAL_BAD_CREDENTIALS, false },
	{ "an empty target name", PAIRS(TIME "\x09\0\0\0" END), false, REFUSAL_NONE, false },
	{ "in small letters", PAIRS(TIME "\x09\0\x10\0t\0e\0r\0m\0s\0r\0v\0/\0" END), false, REFUSAL_NONE, false },
	{ "another service", PAIRS(TIME "\x09\0\x0c\0c\0i\0f\0s\0/\0h\0" END), false, REFUSAL_REPLAY, false },
	{ "another service with our name", PAIRS(TIME "\x09\0\x12\0H\0T\0T\0P\0/\0R\0D\0P\0001\0" END), false,
	  REFUSAL_REPLAY, false },
	{ "impacket's", PAIRS(TIME "\x09\0\x12\0c\0i\0f\0s\0/\0r\0d\0p\0001\0" END), false, REFUSAL_NONE, false },
	{ "impacket's and more", PAIRS(TIME "\x09\0\x14\0c\0i\0f\0s\0/\0r\0d\0p\0001\0001\0" END), false,
	  REFUSAL_REPLAY, false },
	{ "a target name cut", PAIRS(TIME "\x09\0\x0f\0T\0E\0R\0M\0S\0R\0V\0/" END), false, REFUSAL_REPLAY, false },
	{ "other characters", PAIRS(TIME "\x09\0\x10\0T\1E\0R\0M\0S\0R\0V\0/\0" END), false, REFUSAL_REPLAY, false },
	{ "one of two is another service", PAIRS(TIME "\x09\0\x10\0" TERMSRV "\x09\0\x0a\0c\0i\0f\0s\0/\0" END), false,
	  REFUSAL_REPLAY, false },
	{ "no end", PAIRS(TIME MIC), false, REFUSAL_BAD_CREDENTIALS, false },
	{ "no pairs", PAIRS(""), false, REFUSAL_BAD_CREDENTIALS, false },
	{ "beyond the response", PAIRS(TIME "\1\0\xff\0" END), false, REFUSAL_BAD_CREDENTIALS, false },
	{ "what follows the end does not count", PAIRS(TIME END OTHER_TIME), false, REFUSAL_NONE, false },
};

static void test_pairs(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf fixed = buf_fill(0, 44);
		const struct response_rules rules = { (const uint8_t *)"TIMESTAM", "RDP1", rows[i].require };
		const char *detail = NULL;
		bool mic = true;
		enum refusal refusal;

		fixed.p[16] = fixed.p[17] = 1;
		struct buf r AUTO_BUF = JOIN(fixed, buf_copy(rows[i].p, rows[i].len));

		refusal = response_check((struct view){ r.p, r.len }, &rules, &mic, &detail);
		if (refusal != rows[i].refusal || mic != rows[i].mic || !detail ||
		    (refusal != REFUSAL_NONE) != !!*detail)
			fail_msg("%s: %s, %d, %s", rows[i].name, refusal_word(refusal), mic, detail);
	}
}

static void test_shapes(void **state)
{
	const struct response_rules rules = { (const uint8_t *)"TIMESTAM", "RDP1", false };
	const char *detail;
	bool mic;

	for (size_t n = 0; n < 44; n++) {
		struct buf r AUTO_BUF = buf_fill(1, n);

		assert_int_equal(response_check((struct view){ r.p, n }, &rules, &mic, &detail), REFUSAL_WEAK_NTLM);
		assert_string_equal(detail, "the response is not NTLMv2");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_shapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
