/* SPDX-License-Identifier: MIT */
/* KERB_TICKET_LOGON: what FreeRDP and Windows send, and every way for an offset or a length to be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>

#include "common/wire/ticketlogon.h"
#include "tests/unit/build.h"

struct fixed {
	uint32_t type, flags, service_len, granting_len;
	uint64_t service, granting;
};

static void put(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

/* The fixed part and @tail octets behind it, each with its offset from the start as its value. */
static struct buf make(const struct fixed *f, size_t tail)
{
	struct buf b = buf_new(32 + tail);

	put(b.p, f->type, 4);
	put(b.p + 4, f->flags, 4);
	put(b.p + 8, f->service_len, 4);
	put(b.p + 12, f->granting_len, 4);
	put(b.p + 16, f->service, 8);
	put(b.p + 24, f->granting, 8);
	for (size_t i = 32; i < b.len; i++)
		b.p[i] = (uint8_t)i;
	return b;
}

#define TAIL 20U /* the last octet is at 51 */
#define TOP UINT64_MAX

static const struct {
	const char *name;
	struct fixed f;
	int result;
} rows[] = {
	{ "one behind the other", { 10, 2, 8, 12, 32, 40 }, 0 },
	{ "the other way round", { 10, 2, 8, 12, 44, 32 }, 0 },
	{ "padding between and behind", { 10, 2, 4, 4, 32, 40 }, 0 },
	{ "padding in front", { 10, 2, 4, 4, 40, 48 }, 0 },
	{ "one octet each", { 10, 2, 1, 1, 50, 51 }, 0 },
	{ "without flags", { 10, 0, 8, 12, 32, 40 }, 0 },
	{ "with every flag", { 10, UINT32_MAX, 8, 12, 32, 40 }, 0 },
	{ "type 0", { 0, 2, 8, 12, 32, 40 }, -EPROTO },
	{ "type 9", { 9, 2, 8, 12, 32, 40 }, -EPROTO },
	{ "type 11", { 11, 2, 8, 12, 32, 40 }, -EPROTO },
	{ "type 10 and a high octet", { 0x1000000aU, 2, 8, 12, 32, 40 }, -EPROTO },
	{ "no service ticket", { 10, 2, 0, 12, 32, 40 }, -EPROTO },
	{ "no ticket-granting ticket", { 10, 2, 8, 0, 32, 40 }, -EPROTO },
	{ "neither", { 10, 2, 0, 0, 32, 32 }, -EPROTO },
	{ "a service ticket in the fixed part", { 10, 2, 8, 12, 31, 40 }, -EPROTO },
	{ "at 0", { 10, 2, 8, 12, 0, 40 }, -EPROTO },
	{ "a ticket-granting ticket in the fixed part", { 10, 2, 8, 12, 32, 16 }, -EPROTO },
	{ "an octet in common", { 10, 2, 9, 12, 32, 40 }, -EPROTO },
	{ "the same octet, the other way round", { 10, 2, 8, 13, 44, 32 }, -EPROTO },
	{ "one inside the other", { 10, 2, 20, 4, 32, 40 }, -EPROTO },
	{ "the other inside the one", { 10, 2, 4, 20, 40, 32 }, -EPROTO },
	{ "the same", { 10, 2, 8, 8, 32, 32 }, -EPROTO },
	{ "an octet too long", { 10, 2, 8, 13, 32, 40 }, -EPROTO },
	{ "an octet too far", { 10, 2, 8, 12, 32, 41 }, -EPROTO },
	{ "the service ticket too long", { 10, 2, 9, 8, 44, 32 }, -EPROTO },
	{ "at the end", { 10, 2, 8, 1, 32, 52 }, -EPROTO },
	{ "behind it", { 10, 2, 8, 1, 32, 53 }, -EPROTO },
	{ "far behind it", { 10, 2, 8, 12, 32, 0x100000028U }, -EPROTO },
	{ "so far that 64 bits wrap", { 10, 2, 8, 12, 32, TOP - 11 }, -EPROTO },
	{ "the service ticket as well", { 10, 2, 8, 12, TOP - 7, 40 }, -EPROTO },
	{ "so that the sum is inside", { 10, 2, 48, 12, TOP - 7, 40 }, -EPROTO },
	{ "at the highest offset", { 10, 2, 1, 1, TOP, TOP }, -EPROTO },
	{ "of the greatest length", { 10, 2, UINT32_MAX, 12, 32, 40 }, -EPROTO },
	{ "of the greatest length, too", { 10, 2, 8, UINT32_MAX, 32, 40 }, -EPROTO },
	{ "so long that 32 bits wrap", { 10, 2, UINT32_MAX - 31, 12, 32, 40 }, -EPROTO },
};

static void test_rows(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct fixed *f = &rows[i].f;
		struct buf b AUTO_BUF = make(f, TAIL);
		struct ticketlogon t, before;
		int r;

		memset(&before, 0x5a, sizeof before);
		memcpy(&t, &before, sizeof t);
		r = ticketlogon_read(b.p, b.len, &t);
		if (r != rows[i].result)
			fail_msg("%s: %d", rows[i].name, r);
		if (r) {
			assert_memory_equal(&t, &before, sizeof t);
			continue;
		}
		assert_int_equal(t.flags, f->flags);
		assert_ptr_equal(t.service_ticket.p, b.p + f->service);
		assert_int_equal(t.service_ticket.len, f->service_len);
		assert_ptr_equal(t.ticket_granting.p, b.p + f->granting);
		assert_int_equal(t.ticket_granting.len, f->granting_len);
	}
}

static void test_truncated(void **state)
{
	struct buf b AUTO_BUF = make(&rows[0].f, TAIL);
	struct ticketlogon t;

	for (size_t n = 0; n < b.len; n++) {
		struct buf part AUTO_BUF = buf_copy(b.p, n);

		assert_int_equal(ticketlogon_read(part.p, part.len, &t), -EPROTO);
	}
	assert_int_equal(ticketlogon_read(NULL, 0, &t), -EPROTO);
}

/* Every pair of offsets and lengths around the edges, against the same rules said with wide numbers. */
static void test_all_small(void **state)
{
	unsigned passed = 0;

	for (uint64_t so = 30; so <= 42; so++)
		for (uint32_t sl = 0; sl <= 10; sl++)
			for (uint64_t go = 30; go <= 42; go++)
				for (uint32_t gl = 0; gl <= 10; gl++) {
					struct buf b AUTO_BUF = make(&(struct fixed){ 10, 2, sl, gl, so, go }, 8);
					bool good = sl && gl && so >= 32 && go >= 32 && so + sl <= 40 &&
						    go + gl <= 40 && (so + sl <= go || go + gl <= so);
					struct ticketlogon t;

					assert_int_equal(ticketlogon_read(b.p, b.len, &t), good ? 0 : -EPROTO);
					passed += good;
				}
	assert_true(passed > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_all_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
