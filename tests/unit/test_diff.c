/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "credsspctl/host/diff.h"

static char *diff(const char *before, const char *after)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	assert_int_equal(diff_print(out, "/a file", before, after), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void test_rows(void **state)
{
	static const struct {
		const char *before, *after, *shown;
	} row[] = {
		{ "", "", "" },
		{ NULL, NULL, "" },
		{ "a\nb\n", "a\nb\n", "" },
		{ NULL, "a\n", "--- /dev/null\n+++ /a file\n@@ -0,0 +1 @@\n+a\n" },
		{ "a\n", NULL, "--- /a file\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n" },
		{ "a\nb\nc\n", "a\nx\nc\n", "--- /a file\n+++ /a file\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n" },
		{ "a\nb", "a\nb\n",
		  "--- /a file\n+++ /a file\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n" },
		/* nothing of a file's can do anything to a terminal */
		{ "\ta\x1b[2J\n", "", "--- /a file\n+++ /a file\n@@ -1 +0,0 @@\n-\ta\\x1b[2J\n" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_FREE char *shown = diff(row[i].before, row[i].after);

		assert_string_equal(shown, row[i].shown);
	}
}

/* More than a pipe holds. */
static void test_long(void **state)
{
	size_t n = 100000;
	AUTO_FREE char *before = calloc(2 * n + 1, 1);
	AUTO_FREE char *shown = NULL;

	assert_non_null(before);
	for (size_t i = 0; i < n; i++)
		memcpy(before + 2 * i, "x\n", 2);
	shown = diff(before, NULL);
	assert_non_null(strstr(shown, "-x\n-x\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
