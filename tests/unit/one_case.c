/* SPDX-License-Identifier: MIT */
/* Linked with every unit test: with TEST_CASE set, as tests/prove sets it, only the case of that name is run, test_NAME or NAME. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NAME_MAX_LEN 128U

static void __attribute__((constructor)) choose_case(void)
{
	static char name[NAME_MAX_LEN]; /* cmocka keeps the pointer */
	const char *wanted = getenv("TEST_CASE");

	if (!wanted || !*wanted)
		return;
	(void)snprintf(name, sizeof name, "%s%s", strncmp(wanted, "test_", 5) == 0 ? "" : "test_", wanted);
	for (char *p = name; *p; p++)
		if (*p == ' ')
			*p = '_';
	cmocka_set_test_filter(name);
}
