/* SPDX-License-Identifier: MIT */
/* Arguments of the module's lines: each word, each mistake, and no default for what was misspelt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <security/pam_appl.h>

#include "common/base/limits.h"
#include "pam_credssp/options.h"

static pam_handle_t *pamh;

static int parse(const char *text, struct options *o)
{
	static char copy[1024];
	const char *argv[16];
	char *rest = copy;
	int n = 0;

	(void)strncpy(copy, text, sizeof copy - 1);
	while (*text && (argv[n] = strsep(&rest, " ")))
		n++;
	return options_parse(pamh, n, argv, o);
}

static void test_defaults(void **state)
{
	struct options o;

	assert_int_equal(parse("", &o), PAM_SUCCESS);
	assert_true(o.action == ACTION_REDEEM && !o.require_ticket && !o.debug);
	assert_int_equal(o.timeout, PAM_TIMEOUT_DEFAULT_MSEC);
	assert_int_equal(parse("verify", &o), PAM_SUCCESS);
	assert_int_equal(o.timeout, PAM_VERIFY_TIMEOUT_DEFAULT_MSEC);
	/* the careful choice each time */
	assert_true(!o.final_try && !o.any_certificate && !o.pkcs11_module);
	assert_true(o.ccache == CCACHE_OWN && o.pin == PIN_PKINIT);
	assert_true(!o.accept_proof && o.minimum_uid == 1000);
}

static void test_words(void **state)
{
	struct options o;

	assert_int_equal(
	    parse("verify require_ticket debug timeout=7 pkcs11_module=/a/b.so final_try=allow certificate=any "
		  "ccache=pam_krb5 pin=conversation",
		  &o),
	    PAM_SUCCESS);
	assert_true(o.action == ACTION_VERIFY && o.require_ticket && o.debug && o.timeout == 7);
	assert_string_equal(o.pkcs11_module, "/a/b.so");
	assert_true(o.final_try && o.any_certificate && o.ccache == CCACHE_PAM_KRB5 && o.pin == PIN_CONVERSATION);
	assert_int_equal(parse("final_try=refuse certificate=match ccache=none pin=pkinit redeem", &o), PAM_SUCCESS);
	assert_true(!o.final_try && !o.any_certificate && o.ccache == CCACHE_NONE && o.pin == PIN_PKINIT);
	assert_int_equal(parse("verify accept_proof minimum_uid=0", &o), PAM_SUCCESS);
	assert_true(o.accept_proof && o.minimum_uid == 0);
	assert_int_equal(parse("minimum_uid=4294967294", &o), PAM_SUCCESS);
	assert_int_equal(o.minimum_uid, 4294967294U);
	assert_int_equal(parse("ccache=own", &o), PAM_SUCCESS);
	assert_int_equal(o.ccache, CCACHE_OWN);
}

static void test_mistakes(void **state)
{
	static const char *const wrong[] = {
		"verifyy",
		"verif",
		"VERIFY",
		"require_ticket=1",
		"timeout",
		"timeout=",
		"timeout=0",
		"timeout=60001",
		"timeout=1x",
		"pkcs11_module",
		"pkcs11_module=",
		"pkcs11_module=b.so",
		"pkcs11_module=/a:b.so",
		"final_try",
		"final_try=",
		"final_try=yes",
		"final_try=allowed",
		"certificate=",
		"certificate=all",
		"ccache=krb5",
		"pin=",
		"pin=none",
		"conversation",
		"accept_proof=",
		"accept_proofs",
		"accept",
		"minimum_uid",
		"minimum_uid=",
		"minimum_uid=-1",
		"minimum_uid=4294967295",
		"minimum_uid=1000x",
	};
	char path[MODULE_PATH_MAX + 32] = "pkcs11_module=/";
	struct options o;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (parse(wrong[i], &o) != PAM_SERVICE_ERR)
			fail_msg("%s", wrong[i]);
	memset(path + 15, 'a', MODULE_PATH_MAX - 1);
	assert_int_equal(parse(path, &o), PAM_SUCCESS);
	strcat(path, "a");
	assert_int_equal(parse(path, &o), PAM_SERVICE_ERR);
}

static int setup(void **state)
{
	static const struct pam_conv conv = { NULL, NULL };

	return pam_start("test", NULL, &conv, &pamh) != PAM_SUCCESS;
}

static int teardown(void **state)
{
	return pam_end(pamh, PAM_SUCCESS) != PAM_SUCCESS;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_mistakes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
