/* SPDX-License-Identifier: MIT */
/* xrdp's ini files. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "credsspctl/host/ini.h"

static char path[] = "/tmp/test-ini.XXXXXX";

static const char text[] = "outside=1\n"
			   "[Globals]\n"
			   "port = one \n"
			   "; port=two\n"
			   "#port=three\n"
			   "!port=four\n"
			   "empty=\n"
			   "no equals sign\n"
			   "with=a=b\r\n"
			   "note=one # two = three\n"
			   "[Xorg]\n"
			   "name=Xorg\n"
			   "port=-1\n"
			   " [globals] \n"
			   "Port=last";

static void test_get(void **state)
{
	static const struct {
		const char *section, *key, *value;
	} row[] = {
		{ "Globals", "port", "one" }, { "globals", "EMPTY", "" },  { "Globals", "with", "a=b" },
		{ "Globals", "note", "one" }, { "xorg", "port", "-1" },    { "Globals", "outside", NULL },
		{ "Globals", "name", NULL },  { "Nothing", "port", NULL }, { "Globals", "no equals", NULL },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char *value = NULL;
		int r = ini_get(path, row[i].section, row[i].key, &value);

		assert_int_equal(r, row[i].value ? 0 : -ENOENT);
		if (row[i].value)
			assert_string_equal(value, row[i].value);
		else
			assert_null(value);
		free(value);
	}
}

static void test_no_file(void **state)
{
	char *value = NULL;

	assert_int_equal(ini_get("/nonexistent/file", "Globals", "port", &value), -ENOENT);
	assert_false(ini_has_section("/nonexistent/file", "Globals"));
}

static void test_section(void **state)
{
	assert_true(ini_has_section(path, "xORG"));
	assert_false(ini_has_section(path, "Xor"));
	assert_false(ini_has_section(path, ""));
}

static void test_truth(void **state)
{
	assert_true(ini_is_true("1") && ini_is_true("Yes") && ini_is_true("true") && ini_is_true("ON"));
	assert_false(ini_is_true("") || ini_is_true("0") || ini_is_true("no") || ini_is_true("truely"));
}

static int set_up(void **state)
{
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, text, sizeof text - 1) != (ssize_t)sizeof text - 1)
		return -1;
	return close(fd);
}

static int tear_down(void **state)
{
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_section),
		cmocka_unit_test(test_truth),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
