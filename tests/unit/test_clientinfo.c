/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "credsspd-rdp/clientinfo.h"
#include "credsspd-rdp/mcs.h"

#define UNICODE 0x10U
#define TICKET "credssp1:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"

/* Client Info as a client would send it. */
struct info {
	const char *string[5]; /* ASCII; NULL: "" */
	uint32_t flags;
	size_t pad[5]; /* so many octets longer than the string, filled with 'x' */
	const char *extended;
	size_t extended_len;
	int short_length; /* PER length in one octet */
};

static size_t put(uint8_t *p, size_t at, const void *from, size_t n)
{
	memcpy(p + at, from, n);
	return at + n;
}

/* The PDU on the heap, to the octet. */
static uint8_t *make(const struct info *in, size_t *ret_len)
{
	static uint8_t b[65536];
	size_t at = 15 + 4 + 18, unit = in->flags & UNICODE ? 2 : 1, n;
	uint8_t *p;

	memset(b, 0, sizeof b);
	memcpy(b, "\x03\x00\x00\x00\x02\xf0\x80\x64\x00\x06\x03\xeb\x70", 13);
	memcpy(b + 15, "\x40\x00\x00\x00\x09\x04\x00\x00", 8);
	for (size_t i = 0; i < 4; i++)
		b[23 + i] = (uint8_t)(in->flags >> (8 * i));
	for (size_t s = 0; s < 5; s++) {
		size_t start = at;

		for (const char *c = in->string[s] ? in->string[s] : ""; *c; c++, at += unit)
			b[at] = (uint8_t)*c;
		memset(b + at, 'x', in->pad[s]);
		at += in->pad[s];
		n = at - start;
		b[27 + 2 * s] = (uint8_t)n;
		b[28 + 2 * s] = (uint8_t)(n >> 8);
		at += unit;
	}
	if (in->extended)
		at = put(b, at, in->extended, in->extended_len);
	n = at - 15;
	b[13] = (uint8_t)(0x80 | n >> 8);
	b[14] = (uint8_t)n;
	b[2] = (uint8_t)(at >> 8);
	b[3] = (uint8_t)at;
	if (in->short_length) {
		assert_true(n < 0x80);
		b[13] = (uint8_t)n;
		memmove(b + 14, b + 15, n);
		b[3] = (uint8_t)--at;
	}
	p = malloc(at);
	assert_non_null(p);
	memcpy(p, b, at);
	*ret_len = at;
	return p;
}

static int rewrite(const struct info *in, uint8_t out[CLIENT_INFO_OUT_MAX], size_t *ret_len)
{
	size_t len;
	uint8_t *p = make(in, &len);
	int r;

	assert_int_equal(mcs_kind(p, len), MCS_CLIENT_INFO);
	r = client_info_rewrite(p, len, "alice", TICKET, out, ret_len);
	free(p);
	return r;
}

/* What xrdp reads from it: flags, five strings (UTF-16LE, ASCII only), the rest. */
struct read_back {
	uint32_t code_page, flags;
	char string[5][600];
	const uint8_t *extended;
	size_t extended_len;
};

static void read_back(const uint8_t *p, size_t len, struct read_back *r)
{
	size_t at = 37;

	assert_true(len > 37);
	assert_int_equal((size_t)p[2] << 8 | p[3], len);
	assert_int_equal(((size_t)p[13] & 0x7f) << 8 | p[14], len - 15);
	assert_int_equal(p[13] & 0x80, 0x80);
	assert_memory_equal(p, "\x03\x00", 2);
	assert_memory_equal(p + 4, "\x02\xf0\x80\x64\x00\x06\x03\xeb\x70", 9);
	assert_memory_equal(p + 15, "\x40\x00\x00\x00", 4);
	assert_int_equal(mcs_kind(p, len), MCS_CLIENT_INFO);
	r->code_page = (uint32_t)p[19] | (uint32_t)p[20] << 8 | (uint32_t)p[21] << 16 | (uint32_t)p[22] << 24;
	r->flags = (uint32_t)p[23] | (uint32_t)p[24] << 8 | (uint32_t)p[25] << 16 | (uint32_t)p[26] << 24;
	for (size_t s = 0; s < 5; s++) {
		size_t n = (size_t)p[27 + 2 * s] | (size_t)p[28 + 2 * s] << 8;

		assert_true(n % 2 == 0 && n < 512 && at + n + 2 <= len);
		for (size_t i = 0; i < n / 2; i++) {
			r->string[s][i] = (char)p[at + 2 * i];
			assert_int_equal(p[at + 2 * i + 1], 0);
		}
		r->string[s][n / 2] = '\0';
		assert_memory_equal(p + at + n, "\0\0", 2);
		at += n + 2;
	}
	r->extended = p + at;
	r->extended_len = len - at;
}

#define EXTENDED \
	"\x02\x00\x14\x00" \
	"1\0" \
	"9\0" \
	"2\0" \
	".\0" \
	"0\0" \
	".\0" \
	"2\0" \
	".\0" \
	"7\0" \
	"\0\0" \
	"\x02\x00\0\0"

static void test_rewrite(void **state)
{
	static const struct {
		const char *name;
		struct info in;
		uint32_t flags;
		const char *shell, *directory;
	} row[] = {
		{ "FreeRDP: unicode, password repeated, no auto-logon",
		  { .string = { "R", "alice", "CANARY" },
		    .flags = 0x0001013b & ~8U,
		    .extended = EXTENDED,
		    .extended_len = sizeof EXTENDED - 1 },
		  0x0001013b,
		  "",
		  "" },
		{ "auto-logon already", { .string = { "", "alice", "CANARY" }, .flags = 0x3b }, 0x3b, "", "" },
		{ "a client without the flags of ours",
		  { .string = { "", "bob", "" }, .flags = UNICODE },
		  0x3b,
		  "",
		  "" },
		{ "somebody else's name", { .string = { "CORP", "root", "CANARY" }, .flags = 0x3b }, 0x3b, "", "" },
		{ "PIN and saved credentials",
		  { .string = { "", "alice", "1234" }, .flags = 0x0014003b },
		  0x3b,
		  "",
		  "" },
		{ "every other flag stays", { .flags = 0xffffffff }, 0xffebffff, "", "" },
		{ "shell and directory",
		  { .string = { "", "alice", "", "xterm -e mc", "/srv" }, .flags = UNICODE },
		  0x3b,
		  "xterm -e mc",
		  "/srv" },
		{ "one octet a character",
		  { .string = { "R", "alice", "CANARY", "xterm", "/srv" },
		    .extended = EXTENDED,
		    .extended_len = sizeof EXTENDED - 1 },
		  0x3b,
		  "xterm",
		  "/srv" },
		{ "an old client: nothing extended, length in one octet",
		  { .string = { "R", "alice", "CANARY" }, .flags = UNICODE, .short_length = 1 },
		  0x3b,
		  "",
		  "" },
		{ "all empty", { .flags = 0 }, 0x3b, "", "" },
		{ "extended part of a client to come",
		  { .flags = UNICODE, .extended = "\xff\xff\xff", .extended_len = 3 },
		  0x3b,
		  "",
		  "" },
	};
	static uint8_t out[CLIENT_INFO_OUT_MAX];
	static struct read_back back;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		size_t len = 0;

		memset(out, 0xaa, sizeof out);
		if (rewrite(&row[i].in, out, &len) != 0)
			fail_msg("%s", row[i].name);
		read_back(out, len, &back);
		if (back.flags != row[i].flags)
			fail_msg("%s: flags %08x", row[i].name, back.flags);
		assert_int_equal(back.code_page, 0x409);
		assert_string_equal(back.string[0], "");
		assert_string_equal(back.string[1], "alice");
		assert_string_equal(back.string[2], TICKET);
		assert_string_equal(back.string[3], row[i].shell);
		assert_string_equal(back.string[4], row[i].directory);
		assert_int_equal(back.extended_len, row[i].in.extended_len);
		if (back.extended_len)
			assert_memory_equal(back.extended, row[i].in.extended, back.extended_len);
		/* what the client typed is gone */
		assert_null(memmem(out, sizeof out, "C\0A\0N\0A\0R\0Y\0", 12));
		assert_null(memmem(out, sizeof out, "CANARY", 6));
	}
}

static void test_lengths(void **state)
{
	static const struct {
		const char *name;
		struct info in;
		int result;
	} row[] = {
		/* what is replaced may be longer than xrdp would take */
		{ "a long password", { .flags = UNICODE, .pad = { 0, 0, 1024 } }, 0 },
		{ "a longer one", { .flags = UNICODE, .pad = { 0, 0, 1026 } }, -ENAMETOOLONG },
		{ "domain and user, long", { .flags = UNICODE, .pad = { 1024, 1024 } }, 0 },
		/* what is kept may not */
		{ "shell that xrdp takes", { .flags = UNICODE, .pad = { 0, 0, 0, 510 } }, 0 },
		{ "shell that it does not", { .flags = UNICODE, .pad = { 0, 0, 0, 512 } }, -ENAMETOOLONG },
		{ "directory that xrdp takes", { .flags = UNICODE, .pad = { 0, 0, 0, 0, 510 } }, 0 },
		{ "directory that it does not", { .flags = UNICODE, .pad = { 0, 0, 0, 0, 512 } }, -ENAMETOOLONG },
		{ "ANSI shell that xrdp takes", { .pad = { 0, 0, 0, 255 } }, 0 },
		{ "ANSI shell that it does not", { .pad = { 0, 0, 0, 256 } }, -ENAMETOOLONG },
		{ "the longest string that can be said", { .pad = { 65534 / 2 - 100 } }, -EPROTO },
		{ "odd length", { .flags = UNICODE, .pad = { 0, 3 } }, -EPROTO },
		{ "odd length of the shell", { .flags = UNICODE, .pad = { 0, 0, 0, 1 } }, -EPROTO },
	};
	static uint8_t out[CLIENT_INFO_OUT_MAX];
	static char extended[9000];

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		size_t len = 0, in_len;
		uint8_t *p;
		int r;

		p = make(&row[i].in, &in_len);
		r = client_info_rewrite(p, in_len, "alice", TICKET, out, &len);
		if (r != row[i].result)
			fail_msg("%s: %d", row[i].name, r);
		free(p);
	}
	for (size_t n = 7800; n < sizeof extended; n += 100) {
		struct info in = { .flags = UNICODE, .extended = extended, .extended_len = n };
		size_t len = 0;
		/* behind headers, fixed part, five terminators, "alice" and the ticket */
		size_t whole = 37 + 10 + 10 + 2 * TICKET_LEN + n;

		assert_int_equal(rewrite(&in, out, &len), whole <= CLIENT_INFO_OUT_MAX ? 0 : -ENAMETOOLONG);
		assert_int_equal(len, whole <= CLIENT_INFO_OUT_MAX ? whole : 0);
	}
}

static void test_names(void **state)
{
	static const struct {
		const char *user;
		int result;
		size_t len; /* in UTF-16LE */
	} row[] = {
		{ "alice", 0, 10 },           { "j\xc3\xb6rg", 0, 8 },
		{ "\xf0\x9f\x90\xa7", 0, 4 }, /* a pair of surrogates */
		{ "\xff", -EILSEQ, 0 },       { "\xc0\x80", -EILSEQ, 0 },
	};
	static uint8_t out[CLIENT_INFO_OUT_MAX];
	char name[ACCOUNT_NAME_MAX + 1];
	const struct info in = { .flags = UNICODE };
	size_t len, n;
	uint8_t *p = make(&in, &len);

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		assert_int_equal(client_info_rewrite(p, len, row[i].user, TICKET, out, &n), row[i].result);
		if (row[i].result == 0)
			assert_int_equal(out[29], row[i].len);
	}
	memset(name, 'a', sizeof name);
	name[255] = '\0';
	assert_int_equal(client_info_rewrite(p, len, name, TICKET, out, &n), 0);
	assert_int_equal((size_t)out[29] | (size_t)out[30] << 8, 510);
	name[255] = 'a';
	name[256] = '\0';
	assert_int_equal(client_info_rewrite(p, len, name, TICKET, out, &n), -ENAMETOOLONG);
	free(p);
}

static void test_strings(void **state)
{
	static uint8_t out[CLIENT_INFO_OUT_MAX];
	static struct read_back back;
	const struct info unicode = { .string = { "R", "al\001ice", "se\001ret", "xterm" }, .flags = UNICODE };
	const struct info ansi = { .string = { "R", "alice",
					       "s\xe9"
					       "cret",
					       "x\xe9term" } };
	size_t len, n;
	uint8_t *p = make(&unicode, &len), *inner;

	/* inner NULs of what is replaced go with it */
	while ((inner = memchr(p + 37, 1, len - 37)))
		*inner = 0;
	assert_int_equal(client_info_rewrite(p, len, "alice", TICKET, out, &n), 0);
	read_back(out, n, &back);
	assert_string_equal(back.string[1], "alice");
	assert_string_equal(back.string[2], TICKET);
	assert_string_equal(back.string[3], "xterm");
	/* no terminator behind a string, either half of it */
	p[37 + 2] = 1;
	assert_int_equal(client_info_rewrite(p, len, "alice", TICKET, out, &n), -EPROTO);
	p[37 + 2] = 0;
	p[37 + 3] = 1;
	assert_int_equal(client_info_rewrite(p, len, "alice", TICKET, out, &n), -EPROTO);
	free(p);
	/* of another code page nothing is guessed where it is kept, and nothing asked where it is not */
	p = make(&ansi, &len);
	assert_int_equal(client_info_rewrite(p, len, "alice", TICKET, out, &n), -EILSEQ);
	inner = memrchr(p, 0xe9, len);
	assert_non_null(inner);
	*inner = 'e';
	assert_int_equal(client_info_rewrite(p, len, "alice", TICKET, out, &n), 0);
	free(p);
}

/* Cut at each octet, as a PDU that says so itself: refused until only the extended part is shorter. */
static void test_truncated(void **state)
{
	static const struct info in[] = {
		{ .string = { "R", "alice", "secret", "xterm", "/srv" },
		  .flags = UNICODE,
		  .extended = EXTENDED,
		  .extended_len = sizeof EXTENDED - 1 },
		{ .string = { "R", "alice", "secret", "xterm", "/srv" },
		  .extended = EXTENDED,
		  .extended_len = sizeof EXTENDED - 1 },
	};
	static uint8_t out[CLIENT_INFO_OUT_MAX];

	for (size_t i = 0; i < sizeof in / sizeof *in; i++) {
		size_t whole, n;
		uint8_t *p = make(&in[i], &whole);

		for (size_t len = 0; len < whole; len++) {
			uint8_t *cut = malloc(len ? len : 1);
			size_t body = len > 15 ? len - 15 : 0;
			int expected = len >= whole - in[i].extended_len ? 0 : -EPROTO;

			assert_non_null(cut);
			memcpy(cut, p, len);
			/* the outer lengths unchanged */
			assert_int_equal(client_info_rewrite(cut, len, "alice", TICKET, out, &n), -EPROTO);
			if (len > 15) {
				cut[13] = (uint8_t)(0x80 | body >> 8);
				cut[14] = (uint8_t)body;
				if (client_info_rewrite(cut, len, "alice", TICKET, out, &n) != expected)
					fail_msg("form %zu, cut at %zu", i, len);
			}
			free(cut);
		}
		free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rewrite), cmocka_unit_test(test_lengths),   cmocka_unit_test(test_names),
		cmocka_unit_test(test_strings), cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
