/* SPDX-License-Identifier: MIT */
/*
 * What reaches a refused client: every reason in every phase, version and protocol, as one table, next to what
 * docs/refusals.md promises. The rules one by one are in test_refusal_rows.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/refusal.h"
#include "common/wire/tsrequest.h"
#include "credsspd/supervisor/logon-table.h"
#include "include/credssp/channel.h"

#define ALERT 49
#define EARLY 5
#define NOTHING 0

/* Where a logon can be when it is refused. */
enum place {
	TOKENS,    /* tokens are exchanged, up to the server's pubKeyAuth */
	CONFIRMED, /* the server's pubKeyAuth is out, authInfo was not read */
	DELEGATED, /* authInfo was read */
	PLACES
};

struct seen {
	uint32_t error_code;
	int alert;
	int early_result; /* -1: none */
};

/* What the client gets, from the parts that worker, supervisor and front end ask. */
static struct seen see(enum refusal refusal, unsigned version, enum place place, bool hybrid_ex)
{
	struct seen s = { .early_result = -1 };
	struct refusal_signal t;

	/* a worker that has answered pubKeyAuth sends no errorCode any more */
	if (place == TOKENS && refusal_version_has_error_code(version))
		s.error_code = refusal_ntstatus(refusal);
	t = logon_refusal_signal(refusal, place != TOKENS, s.error_code != 0, hybrid_ex, place == DELEGATED);
	s.alert = t.alert;
	if (t.early_result != CHANNEL_EARLY_NONE)
		s.early_result = t.early_result;
	return s;
}

/* errorCode where version and phase carry one; a client that is not told by it gets an alert or an early result. */
static const struct {
	enum refusal refusal;
	uint32_t error_code;
	bool left; /* the client has left */
} rows[] = {
	{ REFUSAL_PROTOCOL, NOTHING, false },
	{ REFUSAL_VERSION, 0xc00000bb, false },
	{ REFUSAL_MECHANISM, 0xc000006d, false },
	{ REFUSAL_BINDING, NOTHING, false },
	{ REFUSAL_REPLAY, NOTHING, false },
	{ REFUSAL_WEAK_NTLM, 0xc00000bb, false },
	{ REFUSAL_TIMEOUT, NOTHING, false },
	{ REFUSAL_CANCELLED, NOTHING, true },
	{ REFUSAL_ABANDONED, NOTHING, true },
	{ REFUSAL_BAD_CREDENTIALS, 0xc000006d, false },
	{ REFUSAL_BAD_PASSWORD, 0xc000006d, false },
	{ REFUSAL_UNKNOWN_USER, 0xc000006d, false },
	{ REFUSAL_ACCOUNT_LOCKED, 0xc0000234, false },
	{ REFUSAL_ACCOUNT_DISABLED, 0xc0000072, false },
	{ REFUSAL_ACCOUNT_EXPIRED, 0xc0000193, false },
	{ REFUSAL_PASSWORD_EXPIRED, 0xc0000071, false },
	{ REFUSAL_PASSWORD_MUST_CHANGE, 0xc0000224, false },
	{ REFUSAL_LOGON_HOURS, 0xc000006f, false },
	{ REFUSAL_LOGON_WORKSTATION, 0xc0000070, false },
	{ REFUSAL_ACCOUNT_RESTRICTION, 0xc000006e, false },
	{ REFUSAL_NAME, 0xc000006d, false },
	{ REFUSAL_DOMAIN, 0xc000006d, false },
	{ REFUSAL_SYSTEM_ACCOUNT, 0xc000006d, false },
	{ REFUSAL_NOT_ALLOWED, 0xc000015b, false },
	{ REFUSAL_MISMATCH, 0xc0000022, false },
	{ REFUSAL_EMPTY_PASSWORD, 0xc000006e, false },
	{ REFUSAL_CREDENTIAL_KIND, 0xc0000022, false },
	{ REFUSAL_TOO_LARGE, 0xc0000022, false },
	{ REFUSAL_BACKOFF, NOTHING, false },
	{ REFUSAL_LIMIT, NOTHING, false },
	{ REFUSAL_UNAVAILABLE, 0xc000006d, false },
	{ REFUSAL_CRASHED, NOTHING, false },
	{ REFUSAL_INTERNAL, 0xc000006d, false },
};
#define N_ROWS (sizeof rows / sizeof *rows)

_Static_assert(N_ROWS == REFUSAL_MAX_ - 1, "every refusal has a row");

/* Which of the three ways is taken, for a reason that has an errorCode. */
static const struct {
	unsigned version;
	bool hybrid_ex;
	struct {
		bool error_code;
		int alert, early_result;
	} at[PLACES];
} ways[] = {
	{ 2, false, { { false, ALERT, -1 }, { false, ALERT, -1 }, { false, ALERT, -1 } } },
	{ 2, true, { { false, ALERT, -1 }, { false, ALERT, -1 }, { false, NOTHING, EARLY } } },
	{ 3, false, { { true, NOTHING, -1 }, { false, ALERT, -1 }, { false, ALERT, -1 } } },
	{ 3, true, { { true, NOTHING, -1 }, { false, ALERT, -1 }, { false, NOTHING, EARLY } } },
	{ 4, false, { { true, NOTHING, -1 }, { false, ALERT, -1 }, { false, ALERT, -1 } } },
	{ 4, true, { { true, NOTHING, -1 }, { false, ALERT, -1 }, { false, NOTHING, EARLY } } },
	{ 5, false, { { false, ALERT, -1 }, { false, ALERT, -1 }, { false, ALERT, -1 } } },
	{ 5, true, { { false, ALERT, -1 }, { false, ALERT, -1 }, { false, NOTHING, EARLY } } },
	{ 6, false, { { true, NOTHING, -1 }, { false, ALERT, -1 }, { false, ALERT, -1 } } },
	{ 6, true, { { true, NOTHING, -1 }, { false, ALERT, -1 }, { false, NOTHING, EARLY } } },
};

static void check(size_t row, size_t way, enum place place)
{
	struct seen s = see(rows[row].refusal, ways[way].version, place, ways[way].hybrid_ex);
	bool coded = ways[way].at[place].error_code && rows[row].error_code;
	int alert = coded || rows[row].left          ? NOTHING
		    : ways[way].at[place].error_code ? ALERT
						     : ways[way].at[place].alert;
	int early = rows[row].left ? -1 : ways[way].at[place].early_result;

	if (s.error_code != (coded ? rows[row].error_code : 0) || s.alert != alert || s.early_result != early)
		fail_msg("%s, version %u%s, place %d: errorCode %08x, alert %d, early result %d",
			 refusal_word(rows[row].refusal), ways[way].version, ways[way].hybrid_ex ? ", HYBRID_EX" : "",
			 place, s.error_code, s.alert, s.early_result);
}

static void test_table(void **state)
{
	for (size_t row = 0; row < N_ROWS; row++)
		for (size_t way = 0; way < sizeof ways / sizeof *ways; way++)
			for (enum place place = TOKENS; place < PLACES; place++)
				check(row, way, place);
}

/* Never two of them, and none only for a client that has left. */
static void test_one_way(void **state)
{
	for (enum refusal r = REFUSAL_PROTOCOL; r < REFUSAL_MAX_; r++) {
		for (unsigned version = 0; version < 10; version++) {
			for (unsigned i = 0; i < 2 * PLACES; i++) {
				struct seen s = see(r, version, i / 2, i % 2);
				int ways_taken = (s.error_code != 0) + (s.alert != 0) + (s.early_result != -1);

				assert_int_equal(ways_taken, r != REFUSAL_CANCELLED && r != REFUSAL_ABANDONED);
				assert_int_not_equal(s.early_result, 0); /* AUTHZ_SUCCESS */
			}
		}
	}
}

/* The four octets that clients understand; five (a leading zero, as ASN.1 would have it) they do not. */
static void test_octets(void **state)
{
	uint8_t expected[] = { 0x30, 0x0d, 0xa0, 3, 2, 1, 6, 0xa4, 6, 2, 4, 0, 0, 0, 0 };
	uint8_t out[sizeof expected];
	size_t len = 0;

	for (size_t row = 0; row < N_ROWS; row++) {
		struct tsrequest t = { .version = 6, .has_error_code = true };

		t.error_code = refusal_ntstatus(rows[row].refusal);
		for (unsigned i = 0; i < 4; i++)
			expected[11 + i] = (uint8_t)(rows[row].error_code >> (24 - 8 * i));
		assert_int_equal(tsrequest_write(&t, out, sizeof out, &len), 0);
		assert_int_equal(len, sizeof expected);
		assert_memory_equal(out, expected, len);
	}
}

/* "| `word` | C000006D | text |", or "-" for none. */
static void test_page(void **state)
{
	FILE *f AUTO_FCLOSE = fopen("docs/refusals.md", "re");
	unsigned found = 0;
	char line[1024];

	if (!f)
		fail_msg("no docs/refusals.md: run this in the top directory");
	while (fgets(line, sizeof line, f)) {
		char word[64], code[32], text[32] = "-";

		if (sscanf(line, "| `%63[a-z-]` | %31[-0-9A-F] |", word, code) != 2)
			continue;
		for (size_t row = 0; row < N_ROWS; row++) {
			if (strcmp(refusal_word(rows[row].refusal), word) != 0)
				continue;
			if (rows[row].error_code)
				(void)snprintf(text, sizeof text, "%08X", rows[row].error_code);
			assert_string_equal(code, text);
			found++;
		}
	}
	assert_int_equal(found, N_ROWS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_one_way),
		cmocka_unit_test(test_octets),
		cmocka_unit_test(test_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
