/* SPDX-License-Identifier: MIT */
/*
 * Lines as they come out: standard error goes into a file, and the journal's entry point is ours here. What a client
 * can put into a line must neither start another one nor reach a terminal as a control.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/base/log.h"
#include "tests/unit/build.h"

/* ---- the journal ---- */

static char journal[32][4096];
static int journal_n;

int sd_journal_sendv_with_location(const char *file, const char *line, const char *func, const struct iovec *iov,
				   int n);

int sd_journal_sendv_with_location(const char *file, const char *line, const char *func, const struct iovec *iov, int n)
{
	assert_in_range(n, 3, 32);
	for (int i = 0; i < n; i++) {
		assert_in_range(iov[i].iov_len, 1, sizeof journal[0] - 1);
		memcpy(journal[i], iov[i].iov_base, iov[i].iov_len);
		journal[i][iov[i].iov_len] = '\0';
	}
	journal_n = n;
	errno = ENOENT; /* the journal is missing: callers of the log must not see that errno */
	return -ENOENT;
}

static bool in_journal(const char *field)
{
	for (int i = 0; i < journal_n; i++)
		if (strcmp(journal[i], field) == 0)
			return true;
	return false;
}

/* ---- standard error ---- */

static int file = -1, saved_stderr = -1;
static char text[32768];

static int capture(void **state)
{
	file = memfd_create("stderr", MFD_CLOEXEC);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(file >= 0 && saved_stderr >= 0);
	assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
	(void)unsetenv("JOURNAL_STREAM");
	log_open("credsspd-test");
	log_set_debug(false);
	journal_n = 0;
	return 0;
}

static int release(void **state)
{
	(void)dup2(saved_stderr, STDERR_FILENO);
	(void)close(saved_stderr);
	(void)close(file);
	(void)unsetenv("JOURNAL_STREAM");
	log_open("credsspd-test");
	return 0;
}

/* What was written since the last time. */
static char *written(void)
{
	ssize_t n = pread(file, text, sizeof text - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	assert_int_equal(ftruncate(file, 0), 0);
	assert_int_equal(lseek(file, 0, SEEK_SET), 0);
	return text;
}

/* The line without time and process, and the one newline at its end. */
static const char *line(void)
{
	static char head[64];
	char *p = written(), *at;

	(void)snprintf(head, sizeof head, " credsspd-test[%d] ", (int)getpid());
	at = strstr(p, head);
	assert_non_null(at);
	assert_int_equal(strspn(p, "0123456789."), at - p);
	at += strlen(head);
	p = strchr(at, '\n');
	assert_non_null(p);
	assert_string_equal(p, "\n");
	*p = '\0';
	return at;
}

static void test_lines(void **state)
{
	log_line(LOG_INFO, "%s, %d", "hello", 5);
	assert_string_equal(line(), "info: hello, 5");
	log_line(LOG_ERR, "no arguments");
	assert_string_equal(line(), "error: no arguments");
	log_line(LOG_WARNING, "%s", "%s%n");
	assert_string_equal(line(), "warning: %s%n");
}

static void test_debug(void **state)
{
	assert_false(log_debug_enabled());
	log_line(LOG_DEBUG, "not to be seen");
	assert_string_equal(written(), "");
	log_set_debug(true);
	assert_true(log_debug_enabled());
	log_line(LOG_DEBUG, "to be seen");
	assert_string_equal(line(), "debug: to be seen");
}

static void test_errno_is_kept(void **state)
{
	errno = EXDEV;
	log_line(LOG_INFO, "%m");
	assert_int_equal(errno, EXDEV);
	(void)line();
	log_set_debug(false);
	log_line(LOG_DEBUG, "x");
	assert_int_equal(errno, EXDEV);
}

static const struct log_logon full = {
	.logon = 17,
	.user = "alice",
	.rhost = "192.0.2.7",
	.rport = 50000,
	.service = "xrdp-sesman",
	.mechanism = "krb5",
	.version = 6,
	.kind = "password",
	.principal = "alice@EXAMPLE.COM",
	.reason = "bad-password",
};

static void test_fields(void **state)
{
	static const struct log_logon none = { .logon = 0 }, empty = { .user = "", .rhost = "", .reason = "" };

	log_logon_line(LOG_WARNING, &full, "refused");
	assert_string_equal(line(), "warning: refused logon=17 rhost=192.0.2.7 rport=50000 user=alice "
				    "service=xrdp-sesman mechanism=krb5 kind=password principal=alice@EXAMPLE.COM "
				    "reason=bad-password version=6");
	log_logon_line(LOG_WARNING, &none, "refused");
	assert_string_equal(line(), "warning: refused");
	log_logon_line(LOG_WARNING, &empty, "refused");
	assert_string_equal(line(), "warning: refused");
	assert_int_equal(journal_n, 0);
}

/* What a client that chooses its user name can make of a line. */
static const struct {
	const char *user, *out;
} attacks[] = {
	{ "alice", "user=alice" },
	{ "Alice Doe", "user=\"Alice Doe\"" },
	{ "x reason=none", "user=\"x reason=none\"" },
	{ "reason=none", "user=\"reason=none\"" },
	{ "x\" reason=\"none", "user=\"x\\x22 reason=\\x22none\"" },
	{ "CORP\\alice", "user=\"CORP\\x5calice\"" },
	{ "x\nJan  1 sshd[1]: Accepted", "user=\"x\\x0aJan  1 sshd[1]: Accepted\"" },
	{ "x\r\n", "user=\"x\\x0d\\x0a\"" },
	{ "\x1b[2J", "user=\"\\x1b[2J\"" },
	{ "\x7f", "user=\"\\x7f\"" },
	{ "\xc2\x9b"
	  "2J",
	  "user=\"\\xc2\\x9b2J\"" },
	{ "\x9b"
	  "2J",
	  "user=\"\\x9b2J\"" },
	{ "\xe0\x82\x9b", "user=\"\\xe0\\x82\\x9b\"" },
	{ "\xff\xfe", "user=\"\\xff\\xfe\"" },
	{ "M\xc3\xbcller", "user=M\xc3\xbcller" },
	{ "M\xfcller", "user=\"M\\xfcller\"" },
	{ "cut \xe2\x82", "user=\"cut \\xe2\\x82\"" },
	{ "\xf0\x9f\x98\x80", "user=\xf0\x9f\x98\x80" },
};

static void test_attacks(void **state)
{
	for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
		const struct log_logon who = { .user = attacks[i].user };
		char expected[256];

		(void)snprintf(expected, sizeof expected, "info: m %s", attacks[i].out);
		log_logon_line(LOG_INFO, &who, "m");
		assert_string_equal(line(), expected);
	}
}

/* The text of the line itself, where quotes and backslashes stay as they are. */
static void test_message(void **state)
{
	static const struct {
		const char *in, *out;
	} row[] = {
		{ "a \"b\" \\c", "a \"b\" \\c" },
		{ "a\nb\tc\rd", "a\\x0ab\\x09c\\x0dd" },
		{ "\x01\x1f\x7f", "\\x01\\x1f\\x7f" },
		{ "\xc2\x85\xc2\x9b\xc2\xa0", "\\xc2\\x85\\xc2\\x9b\xc2\xa0" },
		{ "\x9b\xc0\xaf\xed\xa0\x80", "\\x9b\\xc0\\xaf\\xed\\xa0\\x80" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char expected[256];

		(void)snprintf(expected, sizeof expected, "info: %s", row[i].out);
		log_line(LOG_INFO, "%s", row[i].in);
		assert_string_equal(line(), expected);
	}
}

/* Lines have an end: what is cut says so, and the fields are still there. */
static void test_long(void **state)
{
	static const uint8_t octet[] = { 'a', '\n', 0xc3 };

	for (size_t i = 0; i < sizeof octet; i++) {
		for (size_t len = 2030; len < 6000; len += len < 2060 ? 1 : 997) {
			struct buf in AUTO_BUF = buf_fill(octet[i], len + 1);
			struct log_logon who = full;
			const char *out;

			in.p[len] = '\0';
			who.user = who.principal = (char *)in.p;
			log_logon_line(LOG_INFO, &who, "%s", (char *)in.p);
			out = line();
			assert_true(strlen(out) < 5200);
			if (octet[i] != 'a' || len >= 2048)
				assert_non_null(strstr(out, "... logon=17 "));
			assert_non_null(strstr(out, " reason=bad-password version=6"));
		}
	}
}

static void test_journal(void **state)
{
	struct stat st;
	char stream[64];

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	/* another stream than ours, and nonsense: standard error */
	(void)snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
		       (unsigned long long)st.st_ino + 1);
	(void)setenv("JOURNAL_STREAM", stream, 1);
	log_open("credsspd-test");
	log_line(LOG_INFO, "text");
	assert_string_equal(line(), "info: text");
	(void)setenv("JOURNAL_STREAM", "nonsense", 1);
	log_open("credsspd-test");
	log_line(LOG_INFO, "text");
	assert_string_equal(line(), "info: text");
	assert_int_equal(journal_n, 0);

	(void)snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
		       (unsigned long long)st.st_ino);
	(void)setenv("JOURNAL_STREAM", stream, 1);
	log_open("credsspd-test");
	errno = EXDEV;
	log_logon_line(LOG_WARNING, &full, "refused\nforged");
	assert_int_equal(errno, EXDEV);
	assert_string_equal(written(), "");
	assert_int_equal(journal_n, 13);
	assert_true(
	    in_journal("MESSAGE=from 192.0.2.7: refused\\x0aforged logon=17 rport=50000 user=alice service=xrdp-sesman "
		       "mechanism=krb5 kind=password principal=alice@EXAMPLE.COM reason=bad-password version=6"));
	assert_true(in_journal("PRIORITY=4"));
	assert_true(in_journal("SYSLOG_IDENTIFIER=credsspd-test"));
	assert_true(in_journal("CREDSSP_LOGON=17"));
	assert_true(in_journal("CREDSSP_USER=alice"));
	assert_true(in_journal("CREDSSP_RHOST=192.0.2.7"));
	assert_true(in_journal("CREDSSP_RPORT=50000"));
	assert_true(in_journal("CREDSSP_SERVICE=xrdp-sesman"));
	assert_true(in_journal("CREDSSP_MECHANISM=krb5"));
	assert_true(in_journal("CREDSSP_VERSION=6"));
	assert_true(in_journal("CREDSSP_KIND=password"));
	assert_true(in_journal("CREDSSP_PRINCIPAL=alice@EXAMPLE.COM"));
	assert_true(in_journal("CREDSSP_REASON=bad-password"));

	/* a search finds the name as it is; controls cannot reach a terminal */
	log_logon_line(LOG_WARNING, &(struct log_logon){ .user = "CORP\\alice", .principal = "a\"b\nc" }, "refused");
	assert_true(in_journal("CREDSSP_USER=CORP\\alice"));
	assert_true(in_journal("CREDSSP_PRINCIPAL=a\"b\\x0ac"));

	/* a process that may not open a socket: the journal reads its standard error, the priority in front */
	journal_n = 0;
	log_use_stderr();
	log_logon_line(LOG_WARNING, &(struct log_logon){ .user = "alice" }, "refused");
	assert_int_equal(journal_n, 0);
	assert_string_equal(written(), "<4>refused user=alice\n");
	log_logon_line(LOG_WARNING, &(struct log_logon){ .user = "CORP\\alice", .principal = "a\"b\nc" }, "refused");
	assert_string_equal(written(), "<4>refused user=\"CORP\\x5calice\" principal=\"a\\x22b\\x0ac\"\n");
	/* the address is in front of what a client can choose */
	log_logon_line(LOG_WARNING, &(struct log_logon){ .user = "x from 192.0.2.9: ", .rhost = "192.0.2.7" },
		       "refused: %s", "from 192.0.2.8: refused");
	assert_string_equal(written(),
			    "<4>from 192.0.2.7: refused: from 192.0.2.8: refused user=\"x from 192.0.2.9: \"\n");
	/* as long as it can be: cut, and still one line */
	char longest[4000];

	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	log_logon_line(LOG_WARNING,
		       &(struct log_logon){ .user = longest,
					    .principal = longest,
					    .service = longest,
					    .kind = longest,
					    .mechanism = longest,
					    .rhost = "192.0.2.7",
					    .reason = "name" },
		       "%s", longest);
	assert_int_equal(strncmp(written(), "<4>from 192.0.2.7: xxx", 22), 0);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_non_null(strstr(text, " reason=name\n"));
}

static void test_escape(void **state)
{
	static const struct {
		size_t size;
		const char *in, *out;
	} row[] = {
		{ 8, "", "" },
		{ 8, "1234567", "1234567" },
		{ 8, "12345678", "1234..." },
		{ 8, "123\n", "123\\x0a" },
		{ 8, "1234\n", "1234..." },
		{ 8, "1\n\n", "1..." },
		{ 8, "\n\n", "\\x0a..." },
		{ 9, "\n\n", "\\x0a\\x0a" },
		{ 8, "\xe2\x82\xac\xe2\x82\xac", "\xe2\x82\xac\xe2\x82\xac" },
		{ 8, "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", "\xe2\x82\xac..." },
		{ 9, "1\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", "1\xe2\x82\xac..." },
		{ 64, "a\"b\\c", "a\\x22b\\x5cc" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct buf out AUTO_BUF = buf_new(row[i].size);
		struct buf in AUTO_BUF = buf_copy(row[i].in, strlen(row[i].in) + 1);

		assert_ptr_equal(log_escape((char *)out.p, out.len, (char *)in.p), out.p);
		assert_string_equal((char *)out.p, row[i].out);
	}
}

/* @c as RFC 3629 would have it, were it a character. */
static void put_character(uint32_t c, char out[5])
{
	memset(out, 0, 5);
	if (c < 0x80) {
		out[0] = (char)c;
		return;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n; i-- > 1; c /= 64)
		out[i] = (char)(0x80 + c % 64);
	out[0] = (char)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) + c);
}

/* Every value of 21 bits: as it is, or not one octet of it as it is. */
static void test_every_character(void **state)
{
	size_t plain = 0;

	for (uint32_t c = 1; c < 0x200000; c++) {
		bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
		bool as_it_is = !control && c != '"' && c != '\\' && c < 0x110000 && (c < 0xd800 || c > 0xdfff);
		char in[5], out[32];

		put_character(c, in);
		(void)log_escape(out, sizeof out, in);
		if ((strcmp(in, out) == 0) != as_it_is || (!as_it_is && strlen(out) != 4 * strlen(in)))
			fail_msg("U+%X: %s", c, out);
		plain += as_it_is;
	}
	/* without surrogates, 32 + 33 controls, quote and backslash */
	assert_int_equal(plain, 0x110000 - 0x800 - 65 - 2);
}

/* Of all pairs of octets those stay as they are that are two of ASCII or one character. */
static void test_every_pair(void **state)
{
	size_t plain = 0;

	for (unsigned v = 0; v < 0x10000; v++) {
		const char in[] = { (char)(v >> 8), (char)v, '\0' };
		char out[32];

		plain += in[0] && in[1] && strcmp(log_escape(out, sizeof out, in), in) == 0;
	}
	assert_int_equal(plain, 93 * 93 + (0x800 - 0xa0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines, capture, release),
		cmocka_unit_test_setup_teardown(test_debug, capture, release),
		cmocka_unit_test_setup_teardown(test_errno_is_kept, capture, release),
		cmocka_unit_test_setup_teardown(test_fields, capture, release),
		cmocka_unit_test_setup_teardown(test_attacks, capture, release),
		cmocka_unit_test_setup_teardown(test_message, capture, release),
		cmocka_unit_test_setup_teardown(test_long, capture, release),
		cmocka_unit_test_setup_teardown(test_journal, capture, release),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_every_character),
		cmocka_unit_test(test_every_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
