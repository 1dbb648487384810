/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>

#include "credsspd-rdp/x224.h"

#define COOKIE "Cookie: mstshash=alice\r\n"
#define CORRELATION \
	"\x06\x00\x24\x00" \
	"0123456789abcdef" \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define NEG(flags, protocols) "\x01" flags "\x08\x00" protocols
#define HYBRID "\x03\x00\x00\x00"
#define EX "\x0b\x00\x00\x00"

struct row {
	const char *name;
	const char *tail; /* behind the class octet */
	size_t len;
	int result;
	struct x224_request request;
};

#define TAIL(s) s, sizeof(s) - 1
#define YES(f, p) \
	0, \
	{ \
		.negotiates = true, .flags = (f), .protocols = (p) \
	}
#define NO \
	-EPROTO, \
	{ \
		.negotiates = false \
	}

static const struct row rows[] = {
	{ "FreeRDP 2", TAIL(COOKIE NEG("\0", HYBRID)), YES(0, 3) },
	{ "FreeRDP 3", TAIL(COOKIE NEG("\0", EX)), YES(0, 0x0b) },
	{ "no cookie", TAIL(NEG("\0", HYBRID)), YES(0, 3) },
	{ "an empty cookie", TAIL("Cookie: mstshash=\r\n" NEG("\0", HYBRID)), YES(0, 3) },
	{ "a cookie with a domain", TAIL("Cookie: mstshash=R\\alice\r\n" NEG("\0", HYBRID)), YES(0, 3) },
	{ "a broker's routing token", TAIL("Cookie: msts=3640205228.15629.0000\r\n" NEG("\0", EX)), YES(0, 0x0b) },
	{ "a bare routing token", TAIL("tsv://MS Terminal Services Plugin.1.Farm\r\n" NEG("\0", EX)), YES(0, 0x0b) },
	{ "correlation info", TAIL(COOKIE NEG("\x08", EX) CORRELATION), YES(8, 0x0b) },
	{ "correlation info, restricted admin", TAIL(NEG("\x09", EX) CORRELATION), YES(9, 0x0b) },
	{ "remote guard", TAIL(COOKIE NEG("\x02", EX)), YES(2, 0x0b) },
	{ "RDSTLS and RDSAAD too", TAIL(COOKIE NEG("\0", "\x1f\x00\x00\x00")), YES(0, 0x1f) },
	{ "bits that nobody knows", TAIL(NEG("\xf0", "\x02\xff\xff\xff")), YES(0xf0, 0xffffff02) },
	{ "TLS only", TAIL(COOKIE NEG("\0", "\x01\0\0\0")), YES(0, 1) },
	{ "standard security only", TAIL(COOKIE NEG("\0", "\0\0\0\0")), YES(0, 0) },
	{ "no negotiation", TAIL(COOKIE), 0, { .negotiates = false } },
	{ "nothing at all", TAIL(""), 0, { .negotiates = false } },

	{ "a cookie without an end", TAIL("Cookie: mstshash=alice"), NO },
	{ "a cookie that only just does not end", TAIL("Cookie: mstshash=alice\r"), NO },
	{ "correlation info promised", TAIL(NEG("\x08", EX)), NO },
	{ "correlation info cut",
	  TAIL(NEG("\x08", EX) "\x06\x00\x24\x00"
			       "0123"),
	  NO },
	{ "correlation info of another type",
	  TAIL(NEG("\x08", EX) "\x07\x00\x24\x00"
			       "0123456789abcdef"
			       "0123456789abcdef"),
	  NO },
	{ "correlation info of another length",
	  TAIL(NEG("\x08", EX) "\x06\x00\x25\x00"
			       "0123456789abcdef"
			       "0123456789abcdef"),
	  NO },
	{ "correlation info not promised", TAIL(NEG("\0", EX) CORRELATION), NO },
	{ "an octet behind it", TAIL(NEG("\0", EX) "\0"), NO },
	{ "two negotiations", TAIL(NEG("\0", EX) NEG("\0", EX)), NO },
	{ "two cookies", TAIL(COOKIE COOKIE NEG("\0", EX)), NO },
	{ "a response", TAIL("\x02\x00\x08\x00" EX), NO },
	{ "negotiation of another length", TAIL("\x01\x00\x09\x00" EX "\0"), NO },
	{ "negotiation cut", TAIL("\x01\x00\x08\x00\x03\0\0"), NO },
};

/* The whole PDU, on the heap, to the octet. */
static uint8_t *pdu(const char *tail, size_t len, size_t *ret_len)
{
	uint8_t *p = calloc(1, 11 + len);

	assert_non_null(p);
	p[0] = 3;
	p[2] = (uint8_t)((11 + len) >> 8);
	p[3] = (uint8_t)(11 + len);
	p[4] = (uint8_t)(6 + len);
	p[5] = 0xe0;
	memcpy(p + 11, tail, len);
	*ret_len = 11 + len;
	return p;
}

static void test_requests(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];
		struct x224_request q = { .protocols = 4711 };
		size_t len, total = 0;
		uint8_t *p = pdu(row->tail, row->len, &len);
		int r;

		assert_int_equal(x224_frame(p, len, &total), 1);
		assert_int_equal(total, len);
		r = x224_request_read(p, len, &q);
		if (r != row->result)
			fail_msg("%s: %d, not %d", row->name, r, row->result);
		assert_int_equal(q.protocols, r == 0 ? row->request.protocols : 4711);
		assert_int_equal(q.flags, row->request.flags);
		assert_int_equal(q.negotiates, row->request.negotiates);
		free(p);
	}
}

/* Cut anywhere, with a length that says so: never read beyond its end, and never taken for what it was. */
static void test_cut(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (size_t n = 0; n < rows[i].len; n++) {
			struct x224_request q;
			size_t len;
			uint8_t *p = pdu(rows[i].tail, n, &len);

			if (x224_request_read(p, len, &q) == 0 && rows[i].result == 0 && q.negotiates)
				fail_msg("%s, cut at %zu", rows[i].name, n);
			free(p);
		}
	}
}

static void test_headers(void **state)
{
	static const struct {
		const char *name;
		size_t at;
		uint8_t value;
	} row[] = {
		{ "length indicator too small", 4, 0x0d },
		{ "length indicator too large", 4, 0x0f },
		{ "length indicator 0", 4, 0 },
		{ "a connection confirm", 5, 0xd0 },
		{ "data", 5, 0xf0 },
		{ "a disconnect request", 5, 0x80 },
		{ "credit", 5, 0xe1 },
		{ "class 4", 10, 0x40 },
	};
	struct x224_request q;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		size_t len;
		uint8_t *p = pdu(NEG("\0", EX), 8, &len);

		assert_int_equal(x224_request_read(p, len, &q), 0);
		p[row[i].at] = row[i].value;
		if (x224_request_read(p, len, &q) != -EPROTO)
			fail_msg("%s", row[i].name);
		free(p);
	}
	for (size_t n = 0; n < 11; n++) {
		size_t len;
		uint8_t *p = pdu("", 0, &len);

		assert_int_equal(x224_request_read(p, n, &q), -EPROTO);
		free(p);
	}
}

/* The longest one: a length indicator of 254. One of 255 is reserved, and more cannot be said. */
static void test_longest(void **state)
{
	char tail[512] = COOKIE;
	struct x224_request q;
	size_t len;
	uint8_t *p;

	memset(tail, 'x', sizeof tail);
	memcpy(tail, "Cookie: ", 8);
	memcpy(tail + 246, "\r\n", 2);
	p = pdu(tail, 248, &len);
	assert_int_equal(p[4], 254);
	assert_int_equal(x224_request_read(p, len, &q), 0);
	free(p);
	memcpy(tail + 246, "x\r\n", 3);
	p = pdu(tail, 249, &len);
	assert_int_equal(x224_request_read(p, len, &q), -EPROTO);
	free(p);
	p = pdu(tail, 512, &len);
	assert_int_equal(x224_request_read(p, len, &q), -EPROTO);
	free(p);
}

static void test_frames(void **state)
{
	static const struct {
		const char *p;
		size_t len;
		int result;
		size_t total;
	} row[] = {
		{ "", 0, 0, 0 },
		{ "\x03", 1, 0, 0 },
		{ "\x03\x00", 2, 0, 0 },
		{ "\x03\x00\x00", 3, 0, 0 },
		{ "\x03\x00\x00\x13", 4, 1, 0x13 },
		{ "\x03\x00\x00\x07", 4, 1, 7 },
		{ "\x03\x00\xff\xff", 4, 1, 65535 },
		{ "\x03\x00\x00\x06", 4, -EPROTO, 0 },
		{ "\x03\x00\x00\x00", 4, -EPROTO, 0 },
		{ "\x02", 1, -EPROTO, 0 },
		{ "\x03\x01", 2, -EPROTO, 0 },
		{ "\x44\x04\x00\x00", 4, -EPROTO, 0 }, /* fast-path input */
		{ "\x00\x13\x03\x00", 4, -EPROTO, 0 }, /* and its other form */
		{ "\x16\x03\x01\x02", 4, -EPROTO, 0 }, /* a ClientHello without X.224 */
		{ "\r\n\r\n", 4, -EPROTO, 0 },         /* a PROXY header from a peer that may not send one */
		{ "PROX", 4, -EPROTO, 0 },
		{ "GET ", 4, -EPROTO, 0 },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		size_t total = 4711;
		uint8_t *p = malloc(row[i].len ? row[i].len : 1);

		assert_non_null(p);
		memcpy(p, row[i].p, row[i].len);
		if (x224_frame(p, row[i].len, &total) != row[i].result)
			fail_msg("row %zu", i);
		assert_int_equal(total, row[i].result == 1 ? row[i].total : 4711);
		free(p);
	}
}

static void test_confirm(void **state)
{
	static const struct {
		uint32_t protocol;
		uint8_t flags;
		uint32_t failure;
		const char *expected;
	} row[] = {
		{ X224_PROTOCOL_HYBRID, 1, 0, "\x03\x00\x00\x13\x0e\xd0\0\0\0\0\0\x02\x01\x08\x00\x02\0\0\0" },
		{ X224_PROTOCOL_HYBRID_EX, 1, 0, "\x03\x00\x00\x13\x0e\xd0\0\0\0\0\0\x02\x01\x08\x00\x08\0\0\0" },
		{ 0, 1, X224_FAILURE_HYBRID_REQUIRED, "\x03\x00\x00\x13\x0e\xd0\0\0\0\0\0\x03\x00\x08\x00\x05\0\0\0" },
		/* a refusal never selects anything */
		{ X224_PROTOCOL_SSL, 1, X224_FAILURE_HYBRID_REQUIRED,
		  "\x03\x00\x00\x13\x0e\xd0\0\0\0\0\0\x03\x00\x08\x00\x05\0\0\0" },
	};
	uint8_t out[X224_CONFIRM_LEN];

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		memset(out, 0xaa, sizeof out);
		x224_confirm_write(out, row[i].protocol, row[i].flags, row[i].failure);
		assert_memory_equal(out, row[i].expected, sizeof out);
		assert_true(x224_is_confirm(out, sizeof out));
		assert_false(x224_is_confirm(out, 10));
	}
}

/* Our own request is one that we would take. */
static void test_own_request(void **state)
{
	static const char expected[] = "\x03\x00\x00\x13\x0e\xe0\0\0\0\0\0\x01\x00\x08\x00\x0b\0\0\0";
	uint8_t out[X224_CONFIRM_LEN];
	struct x224_request q;

	memset(out, 0xaa, sizeof out);
	x224_request_write(out, 0x0b);
	assert_memory_equal(out, expected, sizeof out);
	assert_int_equal(x224_request_read(out, sizeof out, &q), 0);
	assert_int_equal(q.protocols, 0x0b);
	assert_false(x224_is_confirm(out, sizeof out));
}

static void test_plain_confirm(void **state)
{
	uint8_t out[X224_CONFIRM_LEN], request[X224_CONFIRM_LEN];

	assert_int_equal(x224_plain_confirm_write(out), 11);
	assert_memory_equal(out, "\x03\0\0\x0b\x06\xd0\0\0\0\0\0", 11);
	assert_true(x224_is_confirm(out, 11));
	assert_false(x224_is_request(out, 11));
	x224_request_write(request, 3);
	assert_true(x224_is_request(request, sizeof request));
	assert_false(x224_is_request(request, 10));
	assert_false(x224_is_confirm(request, sizeof request));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),    cmocka_unit_test(test_cut),
		cmocka_unit_test(test_headers),     cmocka_unit_test(test_longest),
		cmocka_unit_test(test_frames),      cmocka_unit_test(test_confirm),
		cmocka_unit_test(test_own_request), cmocka_unit_test(test_plain_confirm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
