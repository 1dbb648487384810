/* SPDX-License-Identifier: MIT */
/* What credsspctl prints of text from files and from clients: it must not control a terminal, and JSON stays JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "credsspctl/host/print-dbus.h"

static const struct {
	const char *in, *escaped, *json;
} rows[] = {
	{ "", "", "\"\"" },
	{ "alice", "alice", "\"alice\"" },
	{ "CORP\\alice", "CORP\\alice", "\"CORP\\\\alice\"" },
	{ "say \"x\"", "say \"x\"", "\"say \\\"x\\\"\"" },
	{ "a\x1b[2J\x7f", "a\\x1b[2J\\x7f", "\"a\\u001b[2J\\u007f\"" },
	{ "a\tb\n", "a\\x09b\\x0a", "\"a\\u0009b\\u000a\"" },
	{ "M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80", "M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80",
	  "\"M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80\"" },
	/* C1 controls: in UTF-8, and as they are in Latin-1 */
	{ "\xc2\x9b"
	  "2J",
	  "\\xc2\\x9b2J", "\"\\u009b2J\"" },
	{ "\x9b"
	  "2J",
	  "\\x9b2J", "\"?2J\"" },
	/* one bad byte does not change the characters beside it */
	{ "M\xfcller M\xc3\xbcller", "M\\xfcller M\xc3\xbcller", "\"M?ller M\xc3\xbcller\"" },
	{ "\xe0\x82\x9b", "\\xe0\\x82\\x9b", "\"???\"" },
	{ "cut \xe2\x82", "cut \\xe2\\x82", "\"cut ??\"" },
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80", "\"???\"" },
};

static char *text;
static size_t len;

static void assert_printed(FILE *f, const char *expected)
{
	assert_int_equal(fclose(f), 0);
	assert_string_equal(text, expected);
	free(text);
}

static void test_strings(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		FILE *f = open_memstream(&text, &len);

		print_escaped(f, rows[i].in);
		assert_printed(f, rows[i].escaped);
		f = open_memstream(&text, &len);
		print_json_string(f, rows[i].in);
		assert_printed(f, rows[i].json);
	}
}

static void test_lines(void **state)
{
	static const struct {
		const char *in, *out;
	} row[] = { { "", "\n" }, { "a\tb", "a\tb\n" }, { "\t\x9b\t", "\t\\x9b\t\n" } };

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		FILE *f = open_memstream(&text, &len);
		char *line = strdup(row[i].in);

		print_escaped_line(f, line);
		free(line);
		assert_printed(f, row[i].out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_strings), cmocka_unit_test(test_lines) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
