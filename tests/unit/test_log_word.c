/* SPDX-License-Identifier: MIT */
/* Text of a client in the log of pam_credssp: it makes no field and no line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pam_credssp/log-word.h"

static void test_words(void **state)
{
	static const struct {
		const char *in, *out;
	} row[] = {
		{ "", "?" },
		{ "alice@EXAMPLE.COM", "alice@EXAMPLE.COM" },
		{ "host/a b@R", "host/a\\x20b@R" },
		{ "x logon=7", "x\\x20logon=7" },
		{ "a\nb", "a\\x0ab" },
		{ "CORP\\a\"", "CORP\\x5ca\\x22" },
		{ "M\xc3\xbcller", "M\\xc3\\xbcller" },
		{ "\x7f", "\\x7f" },
	};
	char out[LOG_WORD_MAX + 1], in[2 * LOG_WORD_MAX];

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		assert_string_equal(log_word(row[i].in, out), row[i].out);
	memset(in, '\n', sizeof in - 1);
	in[sizeof in - 1] = '\0';
	assert_true(strlen(log_word(in, out)) <= LOG_WORD_MAX);
	assert_int_equal(strlen(out) % 4, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_words) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
