/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "credsspctl/textdiff.h"

static char *diff(const char *before, const char *after)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	textdiff_show(out, before, after);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void test_rows(void **state)
{
	static const struct {
		const char *before, *after, *shown;
	} row[] = {
		{ "", "", "" },
		{ "a\nb\n", "a\nb\n", "" },
		{ "", "a\n", "  + a\n" },
		{ "a\n", "", "  - a\n" },
		{ "a\nb\nc\n", "a\nx\nc\n", "  - b\n  + x\n" },
		{ "a\nb\nc\nd\n", "a\nc\ny\nd\n", "  - b\n  + y\n" },
		{ "a\nb\nc\nd\ne\n", "b\nx\nd\nf\n", "  - a\n  - c\n  + x\n  - e\n  + f\n" },
		{ "a\na\n", "a\na\na\n", "  + a\n" },
		/* only the newline at the end */
		{ "a\nb", "a\nb\n", "  - b\n  + b\n" },
		{ "a\x1b[2J\n", "", "  - a\\x1b[2J\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_FREE char *shown = diff(row[i].before, row[i].after);

		assert_string_equal(shown, row[i].shown);
	}
}

static void test_too_long(void **state)
{
	size_t n = DIFF_LINES_MAX + 1;
	AUTO_FREE char *before = calloc(2 * n + 3, 1), *shown = NULL;

	(void)state;
	assert_non_null(before);
	for (size_t i = 0; i < n; i++)
		strcpy(before + 2 * i, "x\n");
	shown = diff(before, "y\n");
	assert_int_equal(strlen(shown), 6 * n + 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
