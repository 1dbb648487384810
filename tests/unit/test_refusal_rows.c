/* SPDX-License-Identifier: MIT */
/* What a refused client is told: every reason, every phase, every version. docs/refusals.md prints the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "common/base/refusal.h"
#include "credsspd/supervisor/logon-table.h"
#include "include/credssp/channel.h"

/* MS-ERREF 2.3.1 */
#define LOGON_FAILURE 0xc000006dU
#define ACCESS_DENIED 0xc0000022U
#define NOBODY 0U

static const struct {
	enum refusal refusal;
	const char *word;
	uint32_t ntstatus;
	unsigned weight;
} rows[] = {
	{ REFUSAL_NONE, "none", LOGON_FAILURE, 0 },
	/* not understood, or perhaps not even a client */
	{ REFUSAL_PROTOCOL, "protocol", NOBODY, 1 },
	{ REFUSAL_VERSION, "version", 0xc00000bb, 0 },
	{ REFUSAL_MECHANISM, "mechanism", LOGON_FAILURE, 0 },
	{ REFUSAL_BINDING, "binding", NOBODY, 1 },
	{ REFUSAL_REPLAY, "replay", NOBODY, 1 },
	{ REFUSAL_TIMEOUT, "timeout", NOBODY, 0 },
	{ REFUSAL_CANCELLED, "cancelled", NOBODY, 0 },
	{ REFUSAL_ABANDONED, "abandoned", NOBODY, 1 },
	/* a wrong password, an unknown user and a system account are told alike */
	{ REFUSAL_BAD_CREDENTIALS, "bad-credentials", LOGON_FAILURE, 1 },
	{ REFUSAL_BAD_PASSWORD, "bad-password", LOGON_FAILURE, 1 },
	{ REFUSAL_UNKNOWN_USER, "unknown-user", LOGON_FAILURE, 1 },
	{ REFUSAL_NAME, "name", LOGON_FAILURE, 1 },
	{ REFUSAL_DOMAIN, "domain", LOGON_FAILURE, 0 },
	{ REFUSAL_SYSTEM_ACCOUNT, "system-account", LOGON_FAILURE, 1 },
	/* states of an account that has been proved */
	{ REFUSAL_ACCOUNT_LOCKED, "account-locked", 0xc0000234, 1 },
	{ REFUSAL_ACCOUNT_DISABLED, "account-disabled", 0xc0000072, 0 },
	{ REFUSAL_ACCOUNT_EXPIRED, "account-expired", 0xc0000193, 0 },
	{ REFUSAL_PASSWORD_EXPIRED, "password-expired", 0xc0000071, 0 },
	{ REFUSAL_PASSWORD_MUST_CHANGE, "password-must-change", 0xc0000224, 0 },
	{ REFUSAL_LOGON_HOURS, "logon-hours", 0xc000006f, 0 },
	{ REFUSAL_LOGON_WORKSTATION, "logon-workstation", 0xc0000070, 0 },
	{ REFUSAL_ACCOUNT_RESTRICTION, "account-restriction", 0xc000006e, 0 },
	{ REFUSAL_NOT_ALLOWED, "not-allowed", 0xc000015b, 0 },
	/* what was delegated */
	{ REFUSAL_MISMATCH, "mismatch", ACCESS_DENIED, 1 },
	{ REFUSAL_WEAK_NTLM, "weak-ntlm", 0xc00000bb, 0 },
	{ REFUSAL_EMPTY_PASSWORD, "empty-password", 0xc000006e, 1 },
	{ REFUSAL_CREDENTIAL_KIND, "credential-kind", ACCESS_DENIED, 0 },
	{ REFUSAL_TOO_LARGE, "too-large", ACCESS_DENIED, 0 },
	/* ours: no failure of the client's */
	{ REFUSAL_BACKOFF, "backoff", NOBODY, 0 },
	{ REFUSAL_LIMIT, "limit", NOBODY, 0 },
	{ REFUSAL_UNAVAILABLE, "unavailable", LOGON_FAILURE, 0 },
	{ REFUSAL_CRASHED, "crashed", NOBODY, BACKOFF_CRASH_WEIGHT },
	{ REFUSAL_INTERNAL, "internal", LOGON_FAILURE, 0 },
};
#define N_ROWS (sizeof rows / sizeof *rows)

_Static_assert(N_ROWS == REFUSAL_MAX_, "every refusal has a row here");

static void test_rows(void **state)
{
	bool seen[REFUSAL_MAX_] = { false };

	for (size_t i = 0; i < N_ROWS; i++) {
		assert_false(seen[rows[i].refusal]);
		seen[rows[i].refusal] = true;
		assert_string_equal(refusal_word(rows[i].refusal), rows[i].word);
		if (refusal_ntstatus(rows[i].refusal) != rows[i].ntstatus)
			fail_msg("%s: %08x", rows[i].word, refusal_ntstatus(rows[i].refusal));
		if (refusal_weight(rows[i].refusal) != rows[i].weight)
			fail_msg("%s: %u", rows[i].word, refusal_weight(rows[i].refusal));
		assert_true(strlen(rows[i].word) < CHANNEL_WORD_MAX);
		assert_true(strlen(refusal_text(rows[i].refusal)) > 0);
		/* no logon servers: mstsc would come again without CredSSP and send the password */
		assert_int_not_equal(refusal_ntstatus(rows[i].refusal), 0xc000005e);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(rows[i].word, rows[k].word);
	}
}

/* Values travel in records: what is out of range is an error of ours, never "not refused". */
static void test_out_of_range(void **state)
{
	static const unsigned row[] = { REFUSAL_MAX_, REFUSAL_MAX_ + 1, 255, 65535, ~0U };

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		assert_string_equal(refusal_word(row[i]), "internal");
		assert_string_equal(refusal_text(row[i]), refusal_text(REFUSAL_INTERNAL));
		assert_int_equal(refusal_ntstatus(row[i]), LOGON_FAILURE);
		assert_int_equal(refusal_weight(row[i]), 0);
	}
}

/* What a domain says about an account comes to the client as it was said; all else is no answer. */
static void test_statuses(void **state)
{
	static const struct {
		uint32_t status;
		enum refusal refusal;
		uint32_t told;
	} row[] = {
		{ LOGON_FAILURE, REFUSAL_BAD_PASSWORD, LOGON_FAILURE },
		{ 0xc000006a, REFUSAL_BAD_PASSWORD, LOGON_FAILURE },
		{ 0xc0000064, REFUSAL_UNKNOWN_USER, LOGON_FAILURE },
		{ 0xc000006e, REFUSAL_ACCOUNT_RESTRICTION, 0xc000006e },
		{ 0xc000006f, REFUSAL_LOGON_HOURS, 0xc000006f },
		{ 0xc0000070, REFUSAL_LOGON_WORKSTATION, 0xc0000070 },
		{ 0xc0000071, REFUSAL_PASSWORD_EXPIRED, 0xc0000071 },
		{ 0xc0000072, REFUSAL_ACCOUNT_DISABLED, 0xc0000072 },
		{ 0xc000015b, REFUSAL_NOT_ALLOWED, 0xc000015b },
		{ 0xc0000193, REFUSAL_ACCOUNT_EXPIRED, 0xc0000193 },
		{ 0xc0000224, REFUSAL_PASSWORD_MUST_CHANGE, 0xc0000224 },
		{ 0xc0000234, REFUSAL_ACCOUNT_LOCKED, 0xc0000234 },
		/* no logon servers, access denied, no trust, success */
		{ 0xc000005e, REFUSAL_UNAVAILABLE, LOGON_FAILURE },
		{ ACCESS_DENIED, REFUSAL_UNAVAILABLE, LOGON_FAILURE },
		{ 0xc000018b, REFUSAL_UNAVAILABLE, LOGON_FAILURE },
		{ 0, REFUSAL_UNAVAILABLE, LOGON_FAILURE },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		assert_int_equal(refusal_of_ntstatus(row[i].status), row[i].refusal);
		assert_int_equal(refusal_ntstatus(row[i].refusal), row[i].told);
	}
}

static void test_versions(void **state)
{
	static const bool has[] = { false, false, false, true, true, false, true, true };

	for (unsigned v = 0; v < sizeof has / sizeof *has; v++)
		assert_int_equal(refusal_version_has_error_code(v), has[v]);
}

/* Every reason in every situation: exactly one way is taken, and a client that has left is told nothing. */
static void test_signal(void **state)
{
	for (unsigned refusal = 0; refusal < REFUSAL_MAX_; refusal++) {
		for (unsigned i = 0; i < 16; i++) {
			bool confirmed = i & 1, told = i & 2, early = i & 4, ended = i & 8;
			struct refusal_signal t = logon_refusal_signal(refusal, confirmed, told, early, ended);
			bool by_early = confirmed && early && ended;

			if (told || refusal == REFUSAL_CANCELLED || refusal == REFUSAL_ABANDONED) {
				assert_int_equal(t.alert, 0);
				assert_int_equal(t.early_result, CHANNEL_EARLY_NONE);
			} else {
				assert_int_equal(t.alert, by_early ? 0 : 49);
				assert_int_equal(t.early_result,
						 by_early ? CHANNEL_EARLY_ACCESS_DENIED : CHANNEL_EARLY_NONE);
			}
			/* 0 is AUTHZ_SUCCESS */
			assert_int_not_equal(t.early_result, 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),     cmocka_unit_test(test_out_of_range), cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_versions), cmocka_unit_test(test_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
