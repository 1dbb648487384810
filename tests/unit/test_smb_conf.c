/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "credsspctl/host/smb-conf.h"

#define KEY "sync machine password to keytab"

static void check_text(const char *text, bool append, const char *wanted)
{
	AUTO_FREE char *got = NULL;

	assert_int_equal(smb_conf_set(text, KEY, "\"x:y\"", append, &got), 0);
	assert_string_equal(got, wanted);
}

static void test_added(void **state)
{
	check_text("[global]\n\tworkgroup = A\n\n[homes]\n\tread only = no\n", false,
		   "[global]\n\tworkgroup = A\n\t" KEY " = \"x:y\"\n\n[homes]\n\tread only = no\n");
	check_text("# x\n[ Global ]\n# sync machine password to keytab = no\n", true,
		   "# x\n[ Global ]\n# sync machine password to keytab = no\n\t" KEY " = \"x:y\"\n");
	check_text("[global]", false, "[global]\n\t" KEY " = \"x:y\"");
	/* in another section it says nothing */
	check_text("[homes]\n" KEY " = no\n[global]\na = b\n", true,
		   "[homes]\n" KEY " = no\n[global]\na = b\n\t" KEY " = \"x:y\"\n");
	/* the last line of the section continues */
	check_text("[global]\n\ta = b \\\n\t\tc\n", false, "[global]\n\ta = b \\\n\t\tc\n\t" KEY " = \"x:y\"\n");
}

static void test_appended(void **state)
{
	check_text("[global]\n\tSync  MachinePassword to keytab=\"/a:b\"\n\tc = d\n", true,
		   "[global]\n\tSync  MachinePassword to keytab=\"/a:b\" \"x:y\"\n\tc = d\n");
	check_text("[global]\n\t" KEY " = /a:b \\\n\t/c:d\n\te = f\n", true,
		   "[global]\n\t" KEY " = /a:b \\\n\t/c:d \"x:y\"\n\te = f\n");
	/* the last one is in force */
	check_text("[global]\n" KEY " = 1\n" KEY " = 2\n", true, "[global]\n" KEY " = 1\n" KEY " = 2 \"x:y\"\n");
}

static void test_replaced(void **state)
{
	check_text("[global]\n" KEY " = 1 \\\n2\n[x]\n", false, "[global]\n" KEY " = \"x:y\"\n[x]\n");
}

static void test_no_section(void **state)
{
	char *got = NULL;

	assert_int_equal(smb_conf_set("", KEY, "x", true, &got), -ENOENT);
	assert_int_equal(smb_conf_set("[homes]\n", KEY, "x", true, &got), -ENOENT);
}

static void check_unset(const char *text, const char *wanted)
{
	AUTO_FREE char *got = NULL;

	assert_int_equal(smb_conf_unset(text, KEY, &got), 0);
	assert_string_equal(got, wanted);
}

static void test_removed(void **state)
{
	char *got = NULL;

	check_unset("[global]\n\tSync  MachinePassword to keytab=1\n\tc = d\n", "[global]\n\tc = d\n");
	check_unset("[global]\n" KEY " = 1 \\\n2\n[x]\n", "[global]\n[x]\n");
	check_unset("[global]\n" KEY " = 1", "[global]\n");
	/* the last one is in force */
	check_unset("[global]\n" KEY " = 1\n" KEY " = 2\n", "[global]\n" KEY " = 1\n");
	assert_int_equal(smb_conf_unset("[global]\n# " KEY " = 1\n[x]\n" KEY " = 2\n", KEY, &got), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_added),      cmocka_unit_test(test_appended), cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_no_section), cmocka_unit_test(test_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
