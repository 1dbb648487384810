/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "credsspd-rdp/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
/* source, destination, ports */
#define BODY4 "\xc0\x00\x02\x07\xc0\x00\x02\x01\xc3\x50\x0d\x3d"
#define SOURCE6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
#define MAPPED6 "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x07"
#define TARGET6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
#define PORTS "\xc3\x50\x0d\x3d"
/* PP2_TYPE_AUTHORITY "ts1", PP2_TYPE_NOOP */
#define TLVS "\x02\x00\x03ts1\x04\x00\x01\x00"

#define HEADER(s) .p = SIGNATURE s, .len = sizeof(SIGNATURE s) - 1

struct row {
	const char *name, *p;
	size_t len;
	int result;
	const char *rhost;
	uint16_t rport;
};

static const struct row rows[] = {
	{ "TCP over IPv4", HEADER("\x21\x11\x00\x0c" BODY4), 1, "192.0.2.7", 50000 },
	{ "TCP over IPv4 with TLVs", HEADER("\x21\x11\x00\x16" BODY4 TLVS), 1, "192.0.2.7", 50000 },
	{ "TCP over IPv6", HEADER("\x21\x21\x00\x24" SOURCE6 TARGET6 PORTS), 1, "2001:db8::7", 50000 },
	{ "TCP over IPv6 with TLVs", HEADER("\x21\x21\x00\x2e" SOURCE6 TARGET6 PORTS TLVS), 1, "2001:db8::7", 50000 },
	{ "IPv4 in IPv6 is IPv4", HEADER("\x21\x21\x00\x24" MAPPED6 TARGET6 PORTS), 1, "192.0.2.7", 50000 },
	{ "LOCAL, a health check", HEADER("\x20\x00\x00\x00"), 1, "", 0 },
	{ "LOCAL ignores its addresses", HEADER("\x20\x11\x00\x0c" BODY4), 1, "", 0 },
	{ "PROXY of an unknown family", HEADER("\x21\x00\x00\x00"), 1, "", 0 },
	{ "UDP is nobody's RDP", HEADER("\x21\x12\x00\x0c" BODY4), 1, "", 0 },

	{ "address block too short for IPv4", HEADER("\x21\x11\x00\x0b\xc0\x00\x02\x07\xc0\x00\x02\x01\xc3\x50\x0d"),
	  -EPROTO, NULL, 0 },
	{ "IPv4 addresses called IPv6", HEADER("\x21\x21\x00\x0c" BODY4), -EPROTO, NULL, 0 },
	{ "another version", HEADER("\x11\x11\x00\x0c" BODY4), -EPROTO, NULL, 0 },
	{ "version 3", HEADER("\x31\x11\x00\x0c" BODY4), -EPROTO, NULL, 0 },
	{ "another command", HEADER("\x22\x11\x00\x0c" BODY4), -EPROTO, NULL, 0 },
	{ "longer than what is read", HEADER("\x21\x11\x02\x09"), -EMSGSIZE, NULL, 0 },
	{ "as long as it can say", HEADER("\x21\x11\xff\xff"), -EMSGSIZE, NULL, 0 },
	{ "version 1", "PROXY TCP4 192.0.2.7 192.0.2.1 50000 3389\r\n", 43, -EPROTO, NULL, 0 },
	{ "version 1, first octet", "P", 1, -EPROTO, NULL, 0 },
	{ "a connection request", "\x03\x00\x00\x13\x0e\xe0\0\0\0\0\0\x01\x00\x08\x00\x03\0\0\0", 19, -EPROTO, NULL,
	  0 },
	{ "signature broken at its end", "\r\n\r\n\0\r\nQUIT\r\x21\x11\x00\x0c" BODY4, 28, -EPROTO, NULL, 0 },
};

static int read_exactly(const char *p, size_t len, size_t *ret_total, struct proxy_peer *ret_peer)
{
	/* on the heap, to the octet: reading on is seen by the sanitizer */
	uint8_t *copy = malloc(len ? len : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, p, len);
	r = proxy_read(copy, len, ret_total, ret_peer);
	free(copy);
	return r;
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];
		struct proxy_peer peer = { .rhost = "untouched", .rport = 1 };
		size_t total = 4711;
		int r = read_exactly(row->p, row->len, &total, &peer);

		if (r != row->result)
			fail_msg("%s: %d, not %d", row->name, r, row->result);
		assert_int_equal(total, r == 1 ? row->len : 4711);
		assert_string_equal(peer.rhost, r == 1 ? row->rhost : "untouched");
		assert_int_equal(peer.rport, r == 1 ? row->rport : 1);
	}
}

static void test_begins(void **state)
{
	const uint8_t *p = (const uint8_t *)SIGNATURE "\x21";

	for (size_t len = 0; len <= sizeof SIGNATURE; len++)
		assert_int_equal(proxy_begins(p, len), len >= sizeof SIGNATURE - 1);
	assert_false(proxy_begins((const uint8_t *)"\r\n\r\n\0\r\nQUIT\r", 12));
}

/* What TCP has cut anywhere is waited for, as long as it can still become a header. */
static void test_truncated(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (size_t len = 0; rows[i].result == 1 && len < rows[i].len; len++) {
			struct proxy_peer peer = { .rport = 1 };
			size_t total = 4711;

			if (read_exactly(rows[i].p, len, &total, &peer) != 0)
				fail_msg("%s, cut at %zu", rows[i].name, len);
			assert_int_equal(total, 4711);
			assert_int_equal(peer.rport, 1);
		}
	}
}

/* What follows is not the header's. */
static void test_followed(void **state)
{
	static const char both[] = SIGNATURE "\x21\x11\x00\x0c" BODY4 "\x03\x00\x00\x13";
	struct proxy_peer peer;
	size_t total = 0;

	assert_int_equal(read_exactly(both, sizeof both - 1, &total, &peer), 1);
	assert_int_equal(total, sizeof both - 1 - 4);
	assert_string_equal(peer.rhost, "192.0.2.7");
}

/* The longest one that is read, and AF_UNIX, whose addresses fill 216 octets. */
static void test_long(void **state)
{
	char p[PROXY_V2_MAX] = SIGNATURE "\x21\x31";
	struct proxy_peer peer;
	size_t total = 0;

	memset(p + 16, 'x', sizeof p - 16);
	p[14] = 0;
	p[15] = (char)216;
	assert_int_equal(read_exactly(p, sizeof p, &total, &peer), 1);
	assert_int_equal(total, 16 + 216);
	assert_string_equal(peer.rhost, "");
	p[14] = (char)((PROXY_V2_MAX - 16) >> 8);
	p[15] = (char)((PROXY_V2_MAX - 16) & 0xff);
	assert_int_equal(read_exactly(p, sizeof p, &total, &peer), 1);
	assert_int_equal(total, sizeof p);
	assert_int_equal(read_exactly(p, sizeof p - 1, &total, &peer), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),     cmocka_unit_test(test_begins), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_followed), cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
