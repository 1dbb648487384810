/* SPDX-License-Identifier: MIT */
/* TSCredentials as clients send them, and malformed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "credsspd/worker/delegation.h"
#include "tests/unit/build.h"

/* A small DER writer of the test's own: lengths in the two-octet long form, which the readers take. */
struct der {
	uint8_t p[8192];
	size_t len;
};

static void wrap(struct der *out, uint8_t tag, const uint8_t *p, size_t len)
{
	static uint8_t copy[8192];

	memcpy(copy, p, len); /* @p may be in @out */
	out->p[0] = tag;
	out->p[1] = 0x82;
	out->p[2] = (uint8_t)(len >> 8);
	out->p[3] = (uint8_t)len;
	memcpy(out->p + 4, copy, len);
	out->len = 4 + len;
}

/* [n] { OCTET STRING { ASCII or Latin-1 text as UTF-16LE } } appended to @out */
static void string_field(struct der *out, uint8_t n, const char *text, size_t len)
{
	static struct der f;
	static uint8_t utf16[8192];

	for (size_t i = 0; i < len; i++) {
		utf16[2 * i] = (uint8_t)text[i];
		utf16[2 * i + 1] = 0;
	}
	wrap(&f, 0x04, utf16, 2 * len);
	wrap(&f, (uint8_t)(0xa0 | n), f.p, f.len);
	memcpy(out->p + out->len, f.p, f.len);
	out->len += f.len;
}

static void with_type(struct der *d, uint8_t type)
{
	static struct der all;
	const uint8_t cred_type[] = { 0xa0, 3, 2, 1, type };

	wrap(d, 0x30, d->p, d->len);
	wrap(d, 0x04, d->p, d->len);
	wrap(d, 0xa1, d->p, d->len);
	memcpy(all.p, cred_type, sizeof cred_type);
	memcpy(all.p + sizeof cred_type, d->p, d->len);
	wrap(d, 0x30, all.p, sizeof cred_type + d->len);
}

static struct delegation got;
static struct handover handover;
static struct secret bytes;

static enum refusal read_der(const void *p, size_t len, unsigned flags)
{
	AUTO_SECRET struct secret in = SECRET_NULL;
	enum refusal refusal;

	memset(&got, 0x5a, sizeof got);
	secret_done(&bytes);
	assert_int_equal(secret_init(&in, len), 0);
	assert_int_equal(secret_append(&in, p, len), 0);
	refusal = delegation_read(&in, flags, &got, &bytes);
	if (refusal == REFUSAL_NONE)
		assert_int_equal(handover_read(&bytes, &handover), 0);
	else
		assert_null(secret_expose(&bytes));
	if (refusal != REFUSAL_NONE)
		assert_true(!got.domain[0] && !got.user[0]);
	return refusal;
}

static enum refusal password_creds(const char *domain, size_t domain_len, const char *user, size_t user_len,
				   const char *pw, size_t pw_len, unsigned flags)
{
	static struct der d;

	d.len = 0;
	string_field(&d, 0, domain, domain_len);
	string_field(&d, 1, user, user_len);
	string_field(&d, 2, pw, pw_len);
	with_type(&d, 1);
	return read_der(d.p, d.len, flags);
}

#define CREDS(domain, user, pw) password_creds(domain, sizeof domain - 1, user, sizeof user - 1, pw, sizeof pw - 1, 0)

static void assert_password(const char *want)
{
	assert_int_equal(got.kind, CREDENTIAL_PASSWORD);
	assert_int_equal(handover.kind, CREDENTIAL_PASSWORD);
	assert_int_equal(handover.field[HANDOVER_PASSWORD].len, strlen(want));
	assert_memory_equal(handover.field[HANDOVER_PASSWORD].p_, want, strlen(want));
}

static void test_password(void **unused)
{
	assert_int_equal(CREDS("CORP", "alice", "secret"), REFUSAL_NONE);
	assert_string_equal(got.domain, "CORP");
	assert_string_equal(got.user, "alice");
	assert_password("secret");
	/* one trailing NUL belongs to the form */
	assert_int_equal(CREDS("CORP\0", "alice\0", "secret\0"), REFUSAL_NONE);
	assert_string_equal(got.domain, "CORP");
	assert_string_equal(got.user, "alice");
	assert_password("secret");
	/* no domain; U+00E9 twice becomes UTF-8; control characters are a password's business */
	assert_int_equal(CREDS("", "ren\xe9", "\xe9\t\n"), REFUSAL_NONE);
	assert_string_equal(got.domain, "");
	assert_string_equal(got.user, "ren\xc3\xa9");
	assert_password("\xc3\xa9\t\n");
}

static void test_refused(void **unused)
{
	assert_int_equal(CREDS("CORP", "alice", ""), REFUSAL_EMPTY_PASSWORD);
	assert_int_equal(CREDS("CORP", "alice", "\0"), REFUSAL_EMPTY_PASSWORD);
	assert_int_equal(CREDS("CORP", "", "secret"), REFUSAL_NAME);
	assert_int_equal(CREDS("CORP", "al\0ice", "secret"), REFUSAL_NAME);
	assert_int_equal(CREDS("CORP", "alice\0\0", "secret"), REFUSAL_NAME);
	assert_int_equal(CREDS("x\nalice:1", "alice", "secret"), REFUSAL_NAME);
	assert_int_equal(CREDS("CORP", "a/b", "secret"), REFUSAL_NAME);
	assert_int_equal(CREDS("CORP", "alice", "sec\0ret"), REFUSAL_PROTOCOL);
	assert_int_equal(CREDS("CORP", "alice", "secret\0\0"), REFUSAL_PROTOCOL);
}

static void test_lengths(void **unused)
{
	static char text[PASSWORD_MAX + 1];

	memset(text, 'p', sizeof text);
	assert_int_equal(password_creds("", 0, "u", 1, text, PASSWORD_MAX, 0), REFUSAL_NONE);
	assert_int_equal(handover.field[HANDOVER_PASSWORD].len, PASSWORD_MAX);
	assert_int_equal(password_creds("", 0, "u", 1, text, PASSWORD_MAX + 1, 0), REFUSAL_TOO_LARGE);
	assert_int_equal(password_creds("", 0, text, ACCOUNT_NAME_MAX, "p", 1, 0), REFUSAL_NONE);
	assert_int_equal(password_creds("", 0, text, ACCOUNT_NAME_MAX + 1, "p", 1, 0), REFUSAL_NAME);
	assert_int_equal(password_creds(text, ACCOUNT_NAME_MAX + 1, "u", 1, "p", 1, 0), REFUSAL_NAME);
}

static void test_restricted_admin(void **unused)
{
	/* as clients send it, octet by octet */
	static const uint8_t empty[] = { 0x30, 0x17, 0xa0, 0x03, 0x02, 0x01, 0x01, 0xa1, 0x10, 0x04, 0x0e, 0x30, 0x0c,
					 0xa0, 0x02, 0x04, 0x00, 0xa1, 0x02, 0x04, 0x00, 0xa2, 0x02, 0x04, 0x00 };

	assert_int_equal(read_der(empty, sizeof empty, 0), REFUSAL_CREDENTIAL_KIND);
	assert_int_equal(got.kind, CREDENTIAL_RESTRICTED_ADMIN);
	assert_int_equal(read_der(empty, sizeof empty, (unsigned)~WORKER_RESTRICTED_ADMIN), REFUSAL_CREDENTIAL_KIND);
	assert_int_equal(read_der(empty, sizeof empty, WORKER_RESTRICTED_ADMIN), REFUSAL_NONE);
	assert_int_equal(got.kind, CREDENTIAL_RESTRICTED_ADMIN);
	assert_int_equal(handover.kind, CREDENTIAL_RESTRICTED_ADMIN);
	assert_null(handover.field[HANDOVER_PASSWORD].p_);
	assert_string_equal(got.user, "");
	assert_int_equal(CREDS("\0", "\0", "\0"), REFUSAL_CREDENTIAL_KIND);
	/* the flag makes no empty password acceptable beside a name */
	assert_int_equal(password_creds("", 0, "alice", 5, "", 0, WORKER_RESTRICTED_ADMIN), REFUSAL_EMPTY_PASSWORD);
}

/* ---- smart cards ---- */

struct card {
	const char
	    *string[7]; /* PIN; cardName, readerName, containerName, cspName; userHint, domainHint. NULL: absent */
	size_t len[7];
};

#define STRING(s) s, sizeof(s) - 1

static void maybe_field(struct der *out, uint8_t n, const struct card *c, size_t i)
{
	if (c->string[i])
		string_field(out, n, c->string[i], c->len[i]);
}

static enum refusal smartcard_creds(const struct card *c, unsigned flags)
{
	static const uint8_t key_spec[] = { 0xa0, 3, 2, 1, 1 };
	static struct der d, csp;

	d.len = 0;
	maybe_field(&d, 0, c, 0);
	memcpy(csp.p, key_spec, csp.len = sizeof key_spec);
	for (uint8_t i = 1; i <= 4; i++)
		maybe_field(&csp, i, c, i);
	wrap(&csp, 0x30, csp.p, csp.len);
	wrap(&csp, 0xa1, csp.p, csp.len);
	memcpy(d.p + d.len, csp.p, csp.len);
	d.len += csp.len;
	maybe_field(&d, 2, c, 5);
	maybe_field(&d, 3, c, 6);
	with_type(&d, 2);
	return read_der(d.p, d.len, flags);
}

static struct card card(const char *pin)
{
	return (struct card){ { pin, "Card", "Reader 0", "3f00", "CSP", "alice", "CORP" },
			      { strlen(pin), 4, 8, 4, 3, 5, 4 } };
}

static void set(struct card *c, size_t i, const char *p, size_t len)
{
	c->string[i] = p;
	c->len[i] = len;
}

static const enum handover_tag tag_of[5] = { HANDOVER_PIN, HANDOVER_CARD_NAME, HANDOVER_READER_NAME,
					     HANDOVER_CONTAINER_NAME, HANDOVER_CSP_NAME };

static void assert_field(enum handover_tag tag, const char *want)
{
	assert_int_equal(handover.field[tag].p_ != NULL, want != NULL);
	if (want) {
		assert_int_equal(handover.field[tag].len, strlen(want));
		assert_memory_equal(handover.field[tag].p_, want, strlen(want));
	}
}

static void test_smartcard(void **unused)
{
	struct card c = card("1234");

	for (unsigned absent = 0; absent < 1U << 6; absent++) {
		struct card some = c;

		for (size_t i = 1; i < 7; i++)
			if (absent & 1U << (i - 1))
				some.string[i] = NULL;
		assert_int_equal(smartcard_creds(&some, WORKER_SMARTCARD), REFUSAL_NONE);
		assert_int_equal(got.kind, CREDENTIAL_SMARTCARD);
		assert_int_equal(handover.kind, CREDENTIAL_SMARTCARD);
		for (size_t i = 0; i < 5; i++)
			assert_field(tag_of[i], some.string[i]);
		assert_null(handover.field[HANDOVER_PASSWORD].p_);
		assert_string_equal(got.user, some.string[5] ? "alice" : "");
		assert_string_equal(got.domain, some.string[6] ? "CORP" : "");
	}
	/* one trailing NUL belongs to the form; empty is not absent */
	for (size_t i = 0; i < 7; i++)
		c.len[i]++;
	set(&c, 4, STRING(""));
	assert_int_equal(smartcard_creds(&c, WORKER_SMARTCARD), REFUSAL_NONE);
	assert_field(HANDOVER_PIN, "1234");
	assert_field(HANDOVER_CONTAINER_NAME, "3f00");
	assert_field(HANDOVER_CSP_NAME, "");
	assert_string_equal(got.user, "alice");
}

static void test_smartcard_refused(void **unused)
{
	static char text[2 * CARD_STRING_MAX];
	static const struct {
		size_t i;
		const char *p;
		size_t len;
		enum refusal refusal;
	} row[] = {
		{ 0, STRING(""), REFUSAL_EMPTY_PASSWORD },
		{ 0, STRING("\0"), REFUSAL_EMPTY_PASSWORD },
		{ 0,
		  STRING("12\0"
			 "34"),
		  REFUSAL_PROTOCOL },
		{ 0, text, PIN_MAX, REFUSAL_NONE },
		{ 0, text, PIN_MAX + 1, REFUSAL_TOO_LARGE },
		{ 1, STRING("a\0b"), REFUSAL_PROTOCOL },
		{ 2, STRING("a\0b"), REFUSAL_PROTOCOL },
		{ 3, STRING("a\0\0"), REFUSAL_PROTOCOL },
		{ 4, STRING("\0b"), REFUSAL_PROTOCOL },
		{ 1, text, CARD_STRING_MAX, REFUSAL_NONE },
		{ 1, text, CARD_STRING_MAX + 1, REFUSAL_TOO_LARGE },
		{ 2, text, CARD_STRING_MAX + 1, REFUSAL_TOO_LARGE },
		{ 3, text, CARD_STRING_MAX + 1, REFUSAL_TOO_LARGE },
		{ 4, text, CARD_STRING_MAX + 1, REFUSAL_TOO_LARGE },
		/* what a configuration string of PKINIT would be cut at is just a string here */
		{ 3, STRING("x:module_name=/p/evil.so"), REFUSAL_NONE },
		{ 5, STRING("al/ice"), REFUSAL_NAME },
		{ 5, STRING("al\0ice"), REFUSAL_NAME },
		{ 5, STRING("alice\n"), REFUSAL_NAME },
		{ 6, STRING("CO:RP"), REFUSAL_NAME },
		{ 6, STRING("CORP\0\0"), REFUSAL_NAME },
		{ 5, text, ACCOUNT_NAME_MAX + 1, REFUSAL_NAME },
	};

	memset(text, '1', sizeof text);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct card c = card("1234");
		enum refusal refusal;

		set(&c, row[i].i, row[i].p, row[i].len);
		refusal = smartcard_creds(&c, WORKER_SMARTCARD);
		if (refusal != row[i].refusal)
			fail_msg("%zu: %s", i, refusal_word(refusal));
		assert_int_equal(got.kind, CREDENTIAL_SMARTCARD);
	}
	for (unsigned flags = 0; flags < 256; flags++) {
		struct card c = card("1234");

		assert_int_equal(smartcard_creds(&c, flags),
				 flags & WORKER_SMARTCARD ? REFUSAL_NONE : REFUSAL_CREDENTIAL_KIND);
	}
}

/* Half of a surrogate pair, in each of the strings. */
static void test_smartcard_utf16(void **unused)
{
	static const char mark[] = "\x11\x22\x33";

	for (size_t i = 0; i < 7; i++) {
		static struct der d, csp;
		const uint8_t key_spec[] = { 0xa0, 3, 2, 1, 1 };
		struct card c = card("1234");
		uint8_t *at;

		set(&c, i, STRING(mark));
		assert_int_equal(smartcard_creds(&c, WORKER_SMARTCARD), i < 5 ? REFUSAL_NONE : REFUSAL_NAME);
		/* the same again, and then the middle character is changed in place */
		d.len = 0;
		maybe_field(&d, 0, &c, 0);
		memcpy(csp.p, key_spec, csp.len = sizeof key_spec);
		for (uint8_t n = 1; n <= 4; n++)
			maybe_field(&csp, n, &c, n);
		wrap(&csp, 0x30, csp.p, csp.len);
		wrap(&csp, 0xa1, csp.p, csp.len);
		memcpy(d.p + d.len, csp.p, csp.len);
		d.len += csp.len;
		maybe_field(&d, 2, &c, 5);
		maybe_field(&d, 3, &c, 6);
		with_type(&d, 2);
		at = memmem(d.p, d.len, "\x11\0\x22\0\x33\0", 6);
		assert_non_null(at);
		at[3] = 0xd8;
		assert_int_equal(read_der(d.p, d.len, WORKER_SMARTCARD), i < 5 ? REFUSAL_PROTOCOL : REFUSAL_NAME);
	}
}

/* ---- remote guard ---- */

static void put_le(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

/* TSRemoteGuardCreds with tickets of these lengths, of 'S' and 'T'. */
static struct buf remote_guard(const char *package, size_t service, size_t granting, struct buf supplemental)
{
	struct buf logon = buf_fill(0, 32 + service + granting), name = buf_new(2 * strlen(package));

	put_le(logon.p, 10, 4);
	put_le(logon.p + 4, 2, 4);
	put_le(logon.p + 8, service, 4);
	put_le(logon.p + 12, granting, 4);
	put_le(logon.p + 16, 32, 8);
	put_le(logon.p + 24, 32 + service, 8);
	memset(logon.p + 32, 'S', service);
	memset(logon.p + 32 + service, 'T', granting);
	for (size_t i = 0; i < name.len; i++)
		name.p[i] = (uint8_t)(i % 2 ? 0 : package[i / 2]);
	return sequence(JOIN(
	    context(0, LIT("\x02\x01\x06")),
	    context(
		1, octets(sequence(JOIN(context(0, sequence(JOIN(context(0, octets(name)), context(1, octets(logon))))),
					supplemental))))));
}

static enum refusal remote_guard_creds(const char *package, size_t service, size_t granting, unsigned flags)
{
	struct buf b AUTO_BUF = remote_guard(package, service, granting, buf_new(0));

	return read_der(b.p, b.len, flags);
}

static void assert_tickets(size_t service, size_t granting)
{
	const struct handover_field s = handover.field[HANDOVER_SERVICE_TICKET], t = handover.field[HANDOVER_KRB_CRED];

	assert_int_equal(got.kind, CREDENTIAL_REMOTE_GUARD);
	assert_int_equal(handover.kind, CREDENTIAL_REMOTE_GUARD);
	assert_string_equal(got.user, "");
	assert_string_equal(got.domain, "");
	assert_int_equal(s.len, service);
	assert_int_equal(t.len, granting);
	for (size_t i = 0; i < service; i++)
		assert_int_equal(((const char *)s.p_)[i], 'S');
	for (size_t i = 0; i < granting; i++)
		assert_int_equal(((const char *)t.p_)[i], 'T');
	for (unsigned tag = 1; tag < HANDOVER_SERVICE_TICKET; tag++)
		assert_null(handover.field[tag].p_);
}

static void test_remote_guard(void **unused)
{
	const size_t room = HANDOVER_MAX - HANDOVER_HEADER_LEN - 2 * HANDOVER_FIELD_HEADER_LEN;

	assert_int_equal(remote_guard_creds("Kerberos", 700, 1500, WORKER_REMOTE_GUARD), REFUSAL_NONE);
	assert_tickets(700, 1500);
	assert_int_equal(remote_guard_creds("Kerberos", 700, room - 700, WORKER_REMOTE_GUARD), REFUSAL_NONE);
	assert_tickets(700, room - 700);
	assert_int_equal(remote_guard_creds("Kerberos", 700, room - 699, WORKER_REMOTE_GUARD), REFUSAL_TOO_LARGE);
	assert_int_equal(remote_guard_creds("Kerberos", room, 1, WORKER_REMOTE_GUARD), REFUSAL_TOO_LARGE);
	assert_int_equal(remote_guard_creds("Kerberos", HANDOVER_MAX, 1, WORKER_REMOTE_GUARD), REFUSAL_TOO_LARGE);
	assert_int_equal(remote_guard_creds("Kerberos", 0, 1500, WORKER_REMOTE_GUARD), REFUSAL_PROTOCOL);
	assert_int_equal(remote_guard_creds("Kerberos", 700, 0, WORKER_REMOTE_GUARD), REFUSAL_PROTOCOL);
	for (unsigned flags = 0; flags < 256; flags++)
		assert_int_equal(remote_guard_creds("Kerberos", 7, 7, flags),
				 flags & WORKER_REMOTE_GUARD ? REFUSAL_NONE : REFUSAL_CREDENTIAL_KIND);
	assert_int_equal(got.kind, CREDENTIAL_REMOTE_GUARD);
}

static void test_remote_guard_packages(void **unused)
{
	static const char *const other[] = { "NTLM", "", "kerberos", "Kerbero", "Kerberosx", "KDC" };

	for (size_t i = 0; i < sizeof other / sizeof *other; i++)
		assert_int_equal(remote_guard_creds(other[i], 7, 7, WORKER_REMOTE_GUARD), REFUSAL_CREDENTIAL_KIND);
	/* supplemental NTLM keys are not looked at */
	struct buf b AUTO_BUF = remote_guard("Kerberos", 7, 9,
					     context(1, sequence(sequence(JOIN(context(0, octets(LIT("N\0T\0L\0M\0"))),
									       context(1, octets(LIT("key"))))))));

	assert_int_equal(read_der(b.p, b.len, WORKER_REMOTE_GUARD), REFUSAL_NONE);
	assert_tickets(7, 9);
}

static void test_other_kinds(void **unused)
{
	static struct der d;

	/* an unknown credType */
	string_field(&d, 0, "x", 1);
	with_type(&d, 9);
	assert_int_equal(read_der(d.p, d.len, 0xff), REFUSAL_CREDENTIAL_KIND);
	assert_int_equal(got.kind, CREDENTIAL_NONE);
	/* nothing of the sort */
	assert_int_equal(read_der("\x30\x03\x02\x01", 4, 0xff), REFUSAL_PROTOCOL);
	assert_int_equal(got.kind, CREDENTIAL_NONE);
	assert_int_equal(read_der("", 0, 0xff), REFUSAL_PROTOCOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_password),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_restricted_admin),
		cmocka_unit_test(test_smartcard),
		cmocka_unit_test(test_smartcard_refused),
		cmocka_unit_test(test_smartcard_utf16),
		cmocka_unit_test(test_remote_guard),
		cmocka_unit_test(test_remote_guard_packages),
		cmocka_unit_test(test_other_kinds),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	secret_done(&bytes);
	return r;
}
