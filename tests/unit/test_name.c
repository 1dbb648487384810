/* SPDX-License-Identifier: MIT */
/* The names that are refused before a lookup, and how a name is split into user and domain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include <errno.h>

#include "common/wire/name.h"
#include "common/wire/utf16.h"
#include "tests/unit/build.h"

#define TEXT(s) s, sizeof(s) - 1

/* ---- one name ---- */

static const struct {
	const char *name;
	const char *p;
	size_t len;
	int result;
} checks[] = {
	{ "nothing", TEXT(""), 0 },
	{ "alice", TEXT("alice"), 0 },
	{ "a domain", TEXT("corp.example.com"), 0 },
	{ "what PAM hosts have", TEXT("_svc-web.01$"), 0 },
	{ "qualified", TEXT("CORP\\alice"), 0 },
	{ "a UPN", TEXT("alice@corp.example"), 0 },
	{ "spaces", TEXT("Alice B. Doe"), 0 },
	{ "umlauts", TEXT("M\xc3\xbcller"), 0 },
	{ "Han", TEXT("\xe4\xb8\xad\xe6\x96\x87"), 0 },
	{ "U+00A0, the first behind C1",
	  TEXT("a\xc2\xa0"
	       "b"),
	  0 },
	{ "a continuation that looks like C1", TEXT("\xc4\x85\xe2\x82\x9b"), 0 },
	{ "a field of passwd", TEXT("alice:x:0:0"), -EINVAL },
	{ "a colon first", TEXT(":"), -EINVAL },
	{ "a path", TEXT("../../etc/passwd"), -EINVAL },
	{ "a service principal", TEXT("TERMSRV/host"), -EINVAL },
	{ "a slash last", TEXT("alice/"), -EINVAL },
	{ "NUL inside", TEXT("root\0alice"), -EINVAL },
	{ "NUL first", TEXT("\0alice"), -EINVAL },
	{ "NUL last", TEXT("alice\0"), -EINVAL },
	{ "a forged line", TEXT("x\nJan  1 00:00:00 host sshd[1]: Accepted password for root"), -EINVAL },
	{ "carriage return", TEXT("alice\r"), -EINVAL },
	{ "a tab", TEXT("al\tice"), -EINVAL },
	{ "an escape sequence", TEXT("\x1b[2Jalice"), -EINVAL },
	{ "DEL", TEXT("alice\x7f"), -EINVAL },
	{ "CSI of C1",
	  TEXT("\xc2\x9b"
	       "2Jalice"),
	  -EINVAL },
	{ "the first of C1", TEXT("\xc2\x80"), -EINVAL },
	{ "NEL", TEXT("alice\xc2\x85"), -EINVAL },
	{ "the last of C1", TEXT("alice\xc2\x9f"), -EINVAL },
	{ "Latin-1", TEXT("M\xfcller"), -EINVAL },
	{ "'/' in two octets",
	  TEXT("a\xc0\xaf"
	       "b"),
	  -EINVAL },
	{ "':' in two octets",
	  TEXT("a\xc0\xba"
	       "b"),
	  -EINVAL },
	{ "NUL in two octets", TEXT("root\xc0\x80"), -EINVAL },
	{ "a surrogate", TEXT("\xed\xa0\x80"), -EINVAL },
	{ "a cut character", TEXT("alic\xc3"), -EINVAL },
	{ "C1 cut", TEXT("alic\xc2"), -EINVAL },
};

static void test_check(void **state)
{
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		struct buf in AUTO_BUF = buf_copy(checks[i].p, checks[i].len);
		int r = name_check((const char *)in.p, in.len);

		if (r != checks[i].result)
			fail_msg("%s: %d", checks[i].name, r);
	}
}

/* Each octet of ASCII, at each place. */
static void test_check_ascii(void **state)
{
	for (int c = 0; c < 0x80; c++) {
		int expected = c < 0x20 || c == 0x7f || c == ':' || c == '/' ? -EINVAL : 0;

		for (size_t at = 0; at < 5; at++) {
			struct buf in AUTO_BUF = LIT("alice");

			in.p[at] = (uint8_t)c;
			if (name_check((const char *)in.p, in.len) != expected)
				fail_msg("%02x at %zu", c, at);
		}
	}
}

static void test_check_length(void **state)
{
	struct buf most AUTO_BUF = buf_fill('a', ACCOUNT_NAME_MAX);
	struct buf over AUTO_BUF = buf_fill('a', ACCOUNT_NAME_MAX + 1);

	assert_int_equal(name_check((const char *)most.p, most.len), 0);
	assert_int_equal(name_check((const char *)over.p, over.len), -EINVAL);
}

/* ---- from UTF-16LE ---- */

static const struct {
	const char *name;
	const char *p;
	size_t len;
	int result;
	const char *out;
} decodes[] = {
	{ "nothing", TEXT(""), 0, "" },
	{ "a NUL", TEXT("\0\0"), 0, "" },
	{ "alice", TEXT("a\0l\0i\0c\0e\0"), 0, "alice" },
	{ "with the NUL of some clients", TEXT("a\0l\0i\0c\0e\0\0\0"), 0, "alice" },
	{ "umlauts", TEXT("\xfc\0"), 0, "\xc3\xbc" },
	{ "a letter whose low octet is zero", TEXT("\x00\x01"), 0, "\xc4\x80" },
	{ "a pair", TEXT("\x3d\xd8\x00\xde"), 0, "\xf0\x9f\x98\x80" },
	{ "qualified", TEXT("C\0\\\0a\0"), 0, "C\\a" },
	{ "two NULs", TEXT("\0\0\0\0"), -EINVAL, NULL },
	{ "two NULs at the end", TEXT("a\0\0\0\0\0"), -EINVAL, NULL },
	{ "NUL inside", TEXT("r\0\0\0x\0"), -EINVAL, NULL },
	{ "NUL first", TEXT("\0\0r\0"), -EINVAL, NULL },
	{ "NUL inside and at the end", TEXT("r\0\0\0x\0\0\0"), -EINVAL, NULL },
	{ "one octet", TEXT("a"), -EINVAL, NULL },
	{ "one octet of NUL", TEXT("\0"), -EINVAL, NULL },
	{ "an odd length", TEXT("a\0b"), -EINVAL, NULL },
	{ "an odd length that ends in NULs", TEXT("a\0\0"), -EINVAL, NULL },
	{ "a high surrogate", TEXT("a\0\x00\xd8"), -EINVAL, NULL },
	{ "a high surrogate and NUL", TEXT("\x00\xd8\0\0"), -EINVAL, NULL },
	{ "a low surrogate", TEXT("\x00\xdc"), -EINVAL, NULL },
	{ "a newline", TEXT("a\0\n\0b\0"), -EINVAL, NULL },
	{ "U+0085", TEXT("a\0\x85\0"), -EINVAL, NULL },
	{ "U+009B", TEXT("\x9b\0"), -EINVAL, NULL },
	{ "DEL", TEXT("\x7f\0"), -EINVAL, NULL },
	{ "a colon", TEXT("a\0:\0"), -EINVAL, NULL },
	{ "a slash", TEXT("a\0/\0"), -EINVAL, NULL },
};

static void test_decode(void **state)
{
	for (size_t i = 0; i < sizeof decodes / sizeof *decodes; i++) {
		struct buf in AUTO_BUF = buf_copy(decodes[i].p, decodes[i].len);
		char out[ACCOUNT_NAME_MAX + 1] = "untouched";
		int r = name_decode_utf16le(in.p, in.len, out);

		if (r != decodes[i].result || strcmp(out, r ? "untouched" : decodes[i].out) != 0)
			fail_msg("%s: %d, \"%s\"", decodes[i].name, r, out);
	}
}

/* @n times the character @c, with a NUL behind when @nul. */
static struct buf repeat_utf16(uint16_t c, size_t n, int nul)
{
	struct buf b = buf_new(2 * n + (nul ? 2 : 0));

	memset(b.p, 0, b.len);
	for (size_t i = 0; i < n; i++) {
		b.p[2 * i] = (uint8_t)c;
		b.p[2 * i + 1] = (uint8_t)(c >> 8);
	}
	return b;
}

/* The limit is one of UTF-8 octets. A character that does not fit is not cut and not left out. */
static void test_decode_length(void **state)
{
	static const struct {
		uint16_t c;
		size_t octets;
	} row[] = { { 'a', 1 }, { 0xfc, 2 }, { 0x20ac, 3 } };

	for (size_t i = 0; i < 2 * sizeof row / sizeof *row; i++) {
		size_t octets = row[i / 2].octets, most = ACCOUNT_NAME_MAX / octets;
		struct buf fits AUTO_BUF = repeat_utf16(row[i / 2].c, most, i % 2);
		struct buf over AUTO_BUF = repeat_utf16(row[i / 2].c, most + 1, i % 2);
		struct buf much AUTO_BUF = repeat_utf16(row[i / 2].c, 100000, i % 2);
		struct buf out AUTO_BUF = buf_fill('x', ACCOUNT_NAME_MAX + 1);

		assert_int_equal(name_decode_utf16le(over.p, over.len, (char *)out.p), -ENAMETOOLONG);
		assert_int_equal(name_decode_utf16le(much.p, much.len, (char *)out.p), -ENAMETOOLONG);
		assert_int_equal(out.p[0], 'x');
		assert_int_equal(name_decode_utf16le(fits.p, fits.len, (char *)out.p), 0);
		assert_int_equal(strlen((char *)out.p), most * octets);
	}
}

/* ---- user and domain ---- */

static const struct {
	const char *domain, *user;
	int result;
	const char *to_domain, *to_user;
} splits[] = {
	{ "", "alice", 0, "", "alice" },
	{ ".", "alice", 0, ".", "alice" },
	{ "", "a", 0, "", "a" },
	{ "", "C\\a", 0, "C", "a" },
	{ "CORP", "alice", 0, "CORP", "alice" },
	{ "corp.example", "alice", 0, "corp.example", "alice" },
	{ "CORP", "Alice B. Doe", 0, "CORP", "Alice B. Doe" },
	{ "CORP", "alice1", 0, "CORP", "alice1" },
	{ "CORP", "1alice", 0, "CORP", "1alice" },
	{ "1", "alice", 0, "1", "alice" },
	/* down-level names */
	{ "", "CORP\\alice", 0, "CORP", "alice" },
	{ "CORP", "CORP\\alice", 0, "CORP", "alice" },
	{ "corp", "CORP\\alice", 0, "CORP", "alice" },
	{ "", ".\\alice", 0, ".", "alice" },
	{ "", "\\alice", 0, "", "alice" },
	/* user principal names */
	{ "", "alice@corp.example", 0, "corp.example", "alice" },
	{ "CORP.EXAMPLE", "alice@corp.example", 0, "corp.example", "alice" },
	{ "CORP", "alice@corp.example", 0, "corp.example", "alice" },
	{ "c", "alice@c.example", 0, "c.example", "alice" },
	{ "", "alice@CORP", 0, "CORP", "alice" },
	/* the domain field beside it is name_understand()'s business */
	{ "OTHER", "CORP\\alice", 0, "CORP", "alice" },
	{ "CORP", "\\alice", 0, "", "alice" },
	{ "OTHER", "alice@corp.example", 0, "corp.example", "alice" },
	{ "", "alice@.example", 0, ".example", "alice" },
	/* two of them */
	{ "", "A\\B\\alice", -EINVAL, NULL, NULL },
	{ "", "CORP\\\\alice", -EINVAL, NULL, NULL },
	{ "", "\\\\host\\share", -EINVAL, NULL, NULL },
	{ "", "CORP\\alice\\", -EINVAL, NULL, NULL },
	{ "", "CORP\\alice@corp.example", -EINVAL, NULL, NULL },
	{ "", "alice@CORP\\root", -EINVAL, NULL, NULL },
	{ "", "alice@a@b", -EINVAL, NULL, NULL },
	{ "", "alice@@b", -EINVAL, NULL, NULL },
	{ "", "@@", -EINVAL, NULL, NULL },
	/* in the domain */
	{ "CORP\\x", "alice", -EINVAL, NULL, NULL },
	{ "\\", "alice", -EINVAL, NULL, NULL },
	{ "corp@x", "alice", -EINVAL, NULL, NULL },
	{ "@", "alice", -EINVAL, NULL, NULL },
	/* nobody */
	{ "", "", -EINVAL, NULL, NULL },
	{ "CORP", "", -EINVAL, NULL, NULL },
	{ "", "CORP\\", -EINVAL, NULL, NULL },
	{ "", "\\", -EINVAL, NULL, NULL },
	{ "", "@corp.example", -EINVAL, NULL, NULL },
	{ "", "alice@", -EINVAL, NULL, NULL },
	{ "", "@", -EINVAL, NULL, NULL },
	/* digits are refused only where they mean an account of this host */
	{ "", "0", 0, "", "0" },
	{ "CORP", "0", 0, "CORP", "0" },
	{ "", "0000@corp.example", 0, "corp.example", "0000" },
};

static void test_split(void **state)
{
	for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
		/* exactly long enough, so that the sanitizers see more */
		struct buf domain AUTO_BUF = buf_copy(splits[i].domain, strlen(splits[i].domain) + 1);
		struct buf user AUTO_BUF = buf_copy(splits[i].user, strlen(splits[i].user) + 1);
		char to_domain[ACCOUNT_NAME_MAX + 1] = "?", to_user[ACCOUNT_NAME_MAX + 1] = "?";
		int r = name_split((char *)domain.p, (char *)user.p, to_domain, to_user);

		if (r != splits[i].result)
			fail_msg("\"%s\" \"%s\": %d", splits[i].domain, splits[i].user, r);
		if (r == 0 && (strcmp(to_domain, splits[i].to_domain) != 0 || strcmp(to_user, splits[i].to_user) != 0))
			fail_msg("\"%s\" \"%s\": \"%s\" \"%s\"", splits[i].domain, splits[i].user, to_domain, to_user);
		if (r && (strcmp(to_domain, "?") != 0 || strcmp(to_user, "?") != 0))
			fail_msg("\"%s\" \"%s\": refused, but written", splits[i].domain, splits[i].user);
	}
}

static void test_split_length(void **state)
{
	char most[ACCOUNT_NAME_MAX + 1], over[ACCOUNT_NAME_MAX + 2];
	struct buf domain AUTO_BUF = buf_new(ACCOUNT_NAME_MAX + 1);
	struct buf user AUTO_BUF = buf_new(ACCOUNT_NAME_MAX + 1);

	memset(most, 'a', sizeof most - 1);
	most[sizeof most - 1] = '\0';
	memset(over, 'a', sizeof over - 1);
	over[sizeof over - 1] = '\0';
	assert_int_equal(name_split(most, most, (char *)domain.p, (char *)user.p), 0);
	assert_string_equal((char *)domain.p, most);
	assert_string_equal((char *)user.p, most);
	assert_int_equal(name_split(over, "alice", (char *)domain.p, (char *)user.p), -EINVAL);
	assert_int_equal(name_split("", over, (char *)domain.p, (char *)user.p), -EINVAL);
	/* one qualified name is as long as any */
	over[128] = '\\';
	assert_int_equal(name_split("", over, (char *)domain.p, (char *)user.p), -EINVAL);
	most[128] = '\\';
	assert_int_equal(name_split("", most, (char *)domain.p, (char *)user.p), 0);
	assert_int_equal(strlen((char *)domain.p), 128);
	assert_int_equal(strlen((char *)user.p), ACCOUNT_NAME_MAX - 129);
	most[128] = '@';
	assert_int_equal(name_split("", most, (char *)domain.p, (char *)user.p), 0);
	assert_int_equal(strlen((char *)user.p), 128);
	assert_int_equal(strlen((char *)domain.p), ACCOUNT_NAME_MAX - 129);
}

/* ---- meaning ---- */

static char *listed[] = { (char[]){ "BEDCORP" }, (char[]){ "AD.BED.TEST" }, (char[]){ "SALES.BED.TEST" },
			  (char[]){ "mail.test" }, NULL };
static char *realm_only[] = { (char[]){ "AD.BED.TEST" }, NULL };
static char *office[] = { (char[]){ "Office" }, NULL };
static char *empty[] = { NULL };

static bool is_own(const void *context, const char *domain)
{
	return strcasecmp(domain, "ts1") == 0 || strcasecmp(domain, "ts1.bed.test") == 0;
}

static bool is_realm(const void *context, const char *domain)
{
	static const char *const realms[] = { "AD.BED.TEST", "AD", "MIT.TEST", "MIT" };

	for (size_t i = 0; i < sizeof realms / sizeof *realms; i++)
		if (strcasecmp(domain, realms[i]) == 0)
			return true;
	return false;
}

struct meant {
	char **domains;
	const char *realm; /* NULL: NTLM */
	const char *domain, *user;
	enum name_trouble trouble;
	enum name_kind kind;
	const char *to_domain, *also;
};

static const struct meant meanings[] = {
	/* the domain field and the user name agree, each by a name of domains */
	{ listed, NULL, "BEDCORP", "1@ad.bed.test", 0, NAME_LISTED, "AD.BED.TEST", "BEDCORP" },
	{ listed, NULL, "bedcorp", "1@AD.BED.TEST", 0, NAME_LISTED, "AD.BED.TEST", "BEDCORP" },
	{ listed, NULL, "AD.BED.TEST", "BEDCORP\\1", 0, NAME_LISTED, "BEDCORP", "AD.BED.TEST" },
	{ listed, NULL, "ad.bed.test", "1@ad.bed.test", 0, NAME_LISTED, "AD.BED.TEST", "" },
	{ listed, NULL, "BEDCORP", "1@mail.test", 0, NAME_LISTED, "mail.test", "BEDCORP" },
	{ listed, "AD.BED.TEST", "BEDCORP", "1@ad.bed.test", 0, NAME_LISTED, "AD.BED.TEST", "BEDCORP" },
	{ listed, "AD.BED.TEST", "BEDCORP", "BEDCORP\\1", 0, NAME_LISTED, "BEDCORP", "" },
	/* the first label is the NetBIOS name only of a realm whose NetBIOS name is not listed */
	{ listed, NULL, "ad", "1@ad.bed.test", NAME_CONTRADICTION, 0, NULL, NULL },
	{ listed, "AD.BED.TEST", "ad", "1@ad.bed.test", NAME_CONTRADICTION, 0, NULL, NULL },
	{ listed, NULL, "ad", "1", NAME_DOMAIN, 0, NULL, NULL },
	{ listed, "AD.BED.TEST", "ad", "1", NAME_DOMAIN, 0, NULL, NULL },
	{ listed, "AD.BED.TEST", "", "ad\\1", NAME_DOMAIN, 0, NULL, NULL },
	{ listed, NULL, "SALES", "1", 0, NAME_LISTED, "SALES.BED.TEST", "" },
	{ listed, NULL, "sales", "1@sales.bed.test", 0, NAME_LISTED, "SALES.BED.TEST", "" },
	{ realm_only, "AD.BED.TEST", "AD", "1", 0, NAME_LISTED, "AD.BED.TEST", "" },
	{ realm_only, "AD.BED.TEST", "ad", "1@ad.bed.test", 0, NAME_LISTED, "AD.BED.TEST", "" },
	{ realm_only, "AD.BED.TEST", "BEDCORP", "1@ad.bed.test", NAME_CONTRADICTION, 0, NULL, NULL },
	{ listed, NULL, "BEDCORP.EVIL", "BEDCORP\\1", NAME_CONTRADICTION, 0, NULL, NULL },
	/* contradictions */
	{ listed, NULL, "FOREIGN", "1@ad.bed.test", NAME_CONTRADICTION, 0, NULL, NULL },
	{ listed, NULL, "FOREIGN", "BEDCORP\\1", NAME_CONTRADICTION, 0, NULL, NULL },
	{ listed, NULL, "BEDCORP", "TS1\\1", NAME_CONTRADICTION, 0, NULL, NULL },
	{ listed, NULL, "TS1", "1@ad.bed.test", NAME_CONTRADICTION, 0, NULL, NULL },
	{ listed, NULL, ".", "BEDCORP\\1", NAME_CONTRADICTION, 0, NULL, NULL },
	{ listed, NULL, "BEDCORP", "\\1", NAME_CONTRADICTION, 0, NULL, NULL },
	{ listed, NULL, "BEDCORP", "1@mit.test", NAME_CONTRADICTION, 0, NULL, NULL },
	{ listed, NULL, "BEDCORP", "1@other.test", NAME_CONTRADICTION, 0, NULL, NULL },
	{ empty, NULL, "DESKTOP-1", "DESKTOP-2\\1", NAME_CONTRADICTION, 0, NULL, NULL },
	{ empty, NULL, "DESKTOP-1", "TS1\\1", NAME_CONTRADICTION, 0, NULL, NULL },
	/* this host, by any two of its names */
	{ empty, NULL, "TS1", "ts1.bed.test\\1", 0, NAME_LOCAL, "ts1.bed.test", "" },
	{ empty, NULL, ".", "TS1\\1", 0, NAME_LOCAL, "TS1", "" },
	{ empty, NULL, "office", "1@ts1.bed.test", 0, NAME_LOCAL, "ts1.bed.test", "" },
	/* the client's own computer: the same in the domain field, in the user name, and in both */
	{ empty, NULL, "DESKTOP-1", "1", 0, NAME_BARE, "DESKTOP-1", "" },
	{ empty, NULL, "", "DESKTOP-1\\1", 0, NAME_BARE, "DESKTOP-1", "" },
	{ empty, NULL, "desktop-1", "DESKTOP-1\\1", 0, NAME_BARE, "DESKTOP-1", "" },
	{ empty, NULL, "", "192.168.1.5\\1", 0, NAME_BARE, "192.168.1.5", "" },
	{ listed, NULL, "", "DESKTOP-1\\1", 0, NAME_BARE, "DESKTOP-1", "" },
	/* a Kerberos client has none */
	{ empty, "MIT.TEST", "DESKTOP-1", "1", NAME_DOMAIN, 0, NULL, NULL },
	{ empty, "MIT.TEST", "", "DESKTOP-1\\1", NAME_DOMAIN, 0, NULL, NULL },
	/* the ticket's realm, and others */
	{ empty, "MIT.TEST", "mit", "1@mit.test", 0, NAME_TICKET, "mit.test", "" },
	{ empty, "NEW.TEST", "NEW", "1", 0, NAME_TICKET, "NEW", "" },
	{ empty, "NEW.TEST", "NEW.TEST", "NEW\\1", 0, NAME_TICKET, "NEW", "" },
	{ empty, "NEW", "NEW.TEST", "1", NAME_DOMAIN, 0, NULL, NULL },
	{ empty, "NEW.TEST", "MIT.TEST", "1", NAME_DOMAIN, 0, NULL, NULL },
	{ empty, NULL, "MIT", "1", NAME_DOMAIN, 0, NULL, NULL },
	{ empty, NULL, "", "1@mit.test", NAME_DOMAIN, 0, NULL, NULL },
	/* a UPN whose suffix is of no domain */
	{ empty, NULL, "", "1@mail.example", NAME_UPN, 0, NULL, NULL },
	{ listed, NULL, "", "1@mail.example", NAME_UPN, 0, NULL, NULL },
	{ listed, "AD.BED.TEST", "", "1@mail.example", NAME_UPN, 0, NULL, NULL },
	{ empty, NULL, "mail.example", "1@mail.example", NAME_UPN, 0, NULL, NULL },
	/* not names */
	{ empty, NULL, "", "a:1", NAME_CHARACTERS, 0, NULL, NULL },
	{ empty, NULL, "a/b", "1", NAME_CHARACTERS, 0, NULL, NULL },
	{ empty, NULL, "", "AzureAD\\1@mit.test", NAME_FORM, 0, NULL, NULL },
	{ empty, NULL, "A\\B", "1", NAME_FORM, 0, NULL, NULL },
	{ empty, NULL, "", "", NAME_FORM, 0, NULL, NULL },
	{ NULL, NULL, "", "1", 0, NAME_BARE, "", "" },
};

static void test_understand(void **state)
{
	for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
		const struct meant *row = &meanings[i];
		const struct name_host host = { .domains = row->domains,
						.local_domains = row->domains ? office : NULL,
						.ticket_realm = row->realm,
						.is_own = is_own,
						.is_realm = is_realm };
		struct name_meaning m = { .kind = (enum name_kind)99 };
		enum name_trouble trouble = name_understand(&host, row->domain, row->user, &m);

		if (trouble != row->trouble)
			fail_msg("%zu: (%s, %s): trouble %d, not %d", i, row->domain, row->user, trouble, row->trouble);
		if (trouble != NAME_FINE) {
			assert_int_equal(m.kind, 99);
			continue;
		}
		if (m.kind != row->kind || strcmp(m.domain, row->to_domain) != 0 || strcmp(m.also, row->also) != 0)
			fail_msg("%zu: (%s, %s): kind %d, \"%s\", also \"%s\"", i, row->domain, row->user, m.kind,
				 m.domain, m.also);
		assert_string_equal(m.user, "1");
	}
}

/* An entry that no domain can have as its name: the meaning has room for a name. */
static void test_long_entry(void **state)
{
	char entry[ACCOUNT_NAME_MAX + 2], *domains[] = { entry, NULL };
	const struct name_host host = { .domains = domains, .is_own = is_own, .is_realm = is_realm };
	struct name_meaning m;

	memset(entry, 'x', sizeof entry - 1);
	entry[sizeof entry - 1] = '\0';
	memcpy(entry, "LONG.", 5);
	assert_int_equal(name_understand(&host, "LONG", "1", &m), NAME_FINE);
	assert_int_equal(m.kind, NAME_BARE);
	entry[ACCOUNT_NAME_MAX] = '\0';
	assert_int_equal(name_understand(&host, "LONG", "1", &m), NAME_FINE);
	assert_int_equal(m.kind, NAME_LISTED);
	assert_string_equal(m.domain, entry);
}

static void test_of_dns(void **state)
{
	assert_true(name_is_of_dns("ts1.Example.org", "TS1.example.org"));
	assert_true(name_is_of_dns("TS1", "ts1.example.org"));
	assert_true(name_is_of_dns("TERMINALSERVER-", "terminalserver-07.example.org"));
	assert_false(name_is_of_dns("TERMINALSERVER-0", "terminalserver-07.example.org"));
	assert_false(name_is_of_dns("TERMINALSERVER", "terminalserver-07.example.org"));
	assert_false(name_is_of_dns("ts1.example", "ts1.example.org"));
	assert_false(name_is_of_dns("", ".example.org"));
}

static void test_digits(void **state)
{
	assert_true(name_is_digits("4711"));
	assert_true(name_is_digits("0"));
	assert_false(name_is_digits(""));
	assert_false(name_is_digits("7up"));
	assert_false(name_is_digits("a1"));
	assert_false(name_is_digits("-1"));
}

/* Each trouble has words of its own; names in them cannot end a quotation, and what is too long is cut. */
static void test_words(void **state)
{
	char out[200], previous[200] = "", longest[ACCOUNT_NAME_MAX + 1];

	assert_string_equal(name_trouble_text(NAME_FINE, "AzureAD", "x", out, sizeof out), "");
	for (enum name_trouble t = NAME_CHARACTERS; t < NAME_TROUBLES_; t++) {
		assert_true(strlen(name_trouble_text(t, "D", "u", out, sizeof out)) > 10);
		assert_string_not_equal(out, previous);
		strcpy(previous, out);
	}
	assert_non_null(strstr(name_trouble_text(NAME_DIGITS, "", "1", out, sizeof out), "digits"));
	(void)name_trouble_text(NAME_CONTRADICTION, "BED CORP", "OTHER\\al\"ice\n", out, sizeof out);
	assert_non_null(strstr(out, "domain \"BED CORP\", user \"OTHER\\x5cal\\x22ice\\x0a\""));
	assert_non_null(strstr(name_trouble_text(NAME_FORM, "", "azuread\\u@x", out, sizeof out), "Microsoft"));
	assert_non_null(strstr(name_trouble_text(NAME_UPN, "MicrosoftAccount", "u@x", out, sizeof out), "Microsoft"));
	assert_null(strstr(name_trouble_text(NAME_FORM, "AzureADs", "AzureADx\\u", out, sizeof out), "Microsoft"));
	assert_true(strlen(name_trouble_text((enum name_trouble)255, "", "", out, sizeof out)) > 10);
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	(void)name_trouble_text(NAME_DOMAIN, longest, longest, out, sizeof out);
	assert_true(strlen(out) < sizeof out);
	assert_non_null(strstr(out, "aaa...\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),         cmocka_unit_test(test_check_ascii),
		cmocka_unit_test(test_check_length),  cmocka_unit_test(test_decode),
		cmocka_unit_test(test_decode_length), cmocka_unit_test(test_split),
		cmocka_unit_test(test_split_length),  cmocka_unit_test(test_understand),
		cmocka_unit_test(test_long_entry),    cmocka_unit_test(test_of_dns),
		cmocka_unit_test(test_digits),        cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
