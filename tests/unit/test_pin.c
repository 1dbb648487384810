/* SPDX-License-Identifier: MIT */
/* What is a question for the PIN, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pam_credssp/pin.h"

static void test_questions(void **state)
{
	static const struct {
		const char *text;
		bool asked, danger;
	} row[] = {
		/* libkrb5 */
		{ "alice PIN: ", true, false },
		{ "alice PIN (Warning: PIN count low): ", true, false },
		{ "alice PIN (Warning: PIN final try): ", true, true },
		{ "alice PIN (Warning: PIN locked): ", true, true },
		{ "                                 PIN", true, false },
		/* pam_sss, pam_pkcs11 */
		{ "PIN for alice: ", true, false },
		{ "PIN f\303\274r alice: ", true, false },
		{ "Smart card PIN: ", true, false },
		{ "PIN for token: ", true, false },
		/* not this one */
		{ "", false, false },
		{ "Password: ", false, false },
		{ "Kennwort: ", false, false },
		{ "pin: ", false, false },
		{ "SPIN: ", false, false },
		{ "PINE: ", false, false },
		{ "PIN2: ", false, false },
		{ "\303\204PIN: ", false, false },
		{ "my password PIN: ", false, false },
		{ "PIN or PASSWORD: ", false, false },
		{ "New PIN: ", false, false },
		{ "PIN again: ", false, false },
		{ "Confirm PIN: ", false, false },
		{ "SO PIN: ", false, false },
		{ "PUK (not PIN): ", false, false },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		if (pin_is_asked(row[i].text) != row[i].asked)
			fail_msg("asked: %s", row[i].text);
		if (row[i].asked && pin_is_in_danger(row[i].text) != row[i].danger)
			fail_msg("danger: %s", row[i].text);
	}
	assert_false(pin_is_asked(NULL));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
