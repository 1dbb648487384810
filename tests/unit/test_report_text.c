/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "credsspctl/report/report-text.h"

static char *printed(void (*print)(FILE *out, const char *text), const char *text)
{
	char *got = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&got, &len);

	assert_non_null(out);
	print(out, text);
	assert_int_equal(fclose(out), 0);
	return got;
}

static void test_configuration(void **state)
{
	static const struct {
		const char *text, *shown;
	} row[] = {
		{ "", "" },
		{ "# a\n  ; b\n\n[credsspd]\n\tntlm = off\n", "  [credsspd]\n  \tntlm = off\n" },
		{ "\tLDAP_PassWord = a b\nx = 1", "  \tLDAP_PassWord = (left out)\n  x = 1\n" },
		{ "auth required pam_x.so use_first_pass passwd=geheim debug\n",
		  "  auth required pam_x.so use_first_pass passwd= (left out)\n" },
		{ "auth required pam_x.so use_first_pass try_first_pass\n",
		  "  auth required pam_x.so use_first_pass try_first_pass\n" },
		{ "private_key = /etc/key.pem\n", "  private_key = /etc/key.pem\n" },
		{ "pin=1234\n", "  pin= (left out)\n" },
		{ "a\x1b[2J = b\n", "  a\\x1b[2J = b\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_FREE char *got = printed(report_print_configuration, row[i].text);

		assert_string_equal(got, row[i].shown);
	}
}

static void test_log(void **state)
{
	static const struct {
		const char *text, *shown;
	} row[] = {
		{ "", "" },
		{ "192.0.2.1: refused rhost=192.0.2.1 rport=5 user=alice reason=x\nalice was here, malice not\n",
		  "  address-1: refused rhost=address-1 rport=5 user=user-1 reason=x\n  user-1 was here, malice "
		  "not\n" },
		{ "user=a rhost=::1\nuser=\"b c\" rhost=::1\nuser=a@R\n",
		  "  user=user-1 rhost=address-1\n  user=\"user-2\" rhost=address-1\n  user=user-3\n" },
		{ "ruser= rhost=h  user=u principal=u@R\n",
		  "  ruser= rhost=address-1  user=user-1 principal=principal-1\n" },
		/* pam_krb5 */
		{ "authentication failure; logname=u uid=0 ruser= rhost=h\n",
		  "  authentication failure; logname=user-1 uid=0 ruser= rhost=address-1\n" },
		/* one name begins with another */
		{ "user=a principal=a@R\na@RS a@R a\n",
		  "  user=user-1 principal=principal-1\n  user-1@RS principal-1 user-1\n" },
		/* a value that a client has chosen */
		{ "user=\x1b]0;x\n", "  user=user-1\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_FREE char *got = printed(report_print_log, row[i].text);

		assert_string_equal(got, row[i].shown);
	}
}

/* More names than there is room for: nothing is shown rather than a name. */
static void test_many(void **state)
{
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *got = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_non_null(f);
	for (unsigned i = 0; i < 1000; i++)
		(void)fprintf(f, "user=name%u\n", i);
	assert_int_equal(fclose(f), 0);
	got = printed(report_print_log, text);
	assert_string_equal(got, "  (left out)\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
