/* SPDX-License-Identifier: MIT */
/* The real systemctl, with commands that change nothing and need no running systemd. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "credsspctl/host/systemctl.h"

static void test_exit_status(void **state)
{
	struct systemctl_host host = systemctl_of_this_host();
	const char *const version[] = { "--quiet", "--version", NULL };
	const char *const unknown[] = { "no-such-verb", NULL };
	const char *const missing[] = { "--quiet", "--root=/nonexistent", "is-enabled", "no-such.service", NULL };
	const char *const many[] = { "1", "2", "3", "4", "5", "6", "7", "8", "9", NULL };

	assert_int_equal(host.systemctl(host.userdata, version), 0);
	assert_true(host.systemctl(host.userdata, unknown) > 0);
	assert_true(host.systemctl(host.userdata, missing) > 0);
	assert_int_equal(host.systemctl(host.userdata, many), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
