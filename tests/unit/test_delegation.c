/* SPDX-License-Identifier: MIT */
/* TSCredentials as clients send them, and as nobody should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "credsspd/auth/delegation.h"

/* A small DER writer of the test's own: lengths in the two-octet long form, which the readers take. */
struct der {
	uint8_t p[8192];
	size_t len;
};

static void tlv(struct der *out, uint8_t tag, const uint8_t *p, size_t len)
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
	tlv(&f, 0x04, utf16, 2 * len);
	tlv(&f, (uint8_t)(0xa0 | n), f.p, f.len);
	memcpy(out->p + out->len, f.p, f.len);
	out->len += f.len;
}

static void with_type(struct der *d, uint8_t type)
{
	static struct der all;
	const uint8_t cred_type[] = { 0xa0, 3, 2, 1, type };

	tlv(d, 0x30, d->p, d->len);
	tlv(d, 0x04, d->p, d->len);
	tlv(d, 0xa1, d->p, d->len);
	memcpy(all.p, cred_type, sizeof cred_type);
	memcpy(all.p + sizeof cred_type, d->p, d->len);
	tlv(d, 0x30, all.p, sizeof cred_type + d->len);
}

static struct delegation got;
static struct handover handover;
static struct secret bytes;

static enum refusal read_der(const void *p, size_t len, unsigned flags)
{
	AUTO_SECRET struct secret in = SECRET_NULL;
	enum refusal refusal;

	memset(&got, 0, sizeof got);
	secret_done(&bytes);
	assert_int_equal(secret_init(&in, len), 0);
	assert_int_equal(secret_append(&in, p, len), 0);
	refusal = delegation_read(&in, flags, &got, &bytes);
	if (refusal == REFUSAL_NONE)
		assert_int_equal(handover_read(&bytes, &handover), 0);
	else
		assert_null(secret_expose(&bytes));
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
	(void)unused;
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
	(void)unused;
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

	(void)unused;
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

	(void)unused;
	assert_int_equal(read_der(empty, sizeof empty, 0), REFUSAL_CREDENTIAL_KIND);
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

static void test_other_kinds(void **unused)
{
	static struct der d, csp;
	const uint8_t key_spec[] = { 0xa0, 3, 2, 1, 0 };

	(void)unused;
	/* TSSmartCardCreds {pin, TSCspDataDetail {keySpec}} */
	d.len = 0;
	string_field(&d, 0, "1234", 4);
	tlv(&csp, 0x30, key_spec, sizeof key_spec);
	tlv(&csp, 0xa1, csp.p, csp.len);
	memcpy(d.p + d.len, csp.p, csp.len);
	d.len += csp.len;
	with_type(&d, 2);
	assert_int_equal(read_der(d.p, d.len, 0xff), REFUSAL_CREDENTIAL_KIND);
	/* a credType that nobody knows */
	d.len = 0;
	string_field(&d, 0, "x", 1);
	with_type(&d, 9);
	assert_int_equal(read_der(d.p, d.len, 0xff), REFUSAL_CREDENTIAL_KIND);
	/* nothing of the sort */
	assert_int_equal(read_der("\x30\x03\x02\x01", 4, 0xff), REFUSAL_PROTOCOL);
	assert_int_equal(read_der("", 0, 0xff), REFUSAL_PROTOCOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_password),    cmocka_unit_test(test_refused),
		cmocka_unit_test(test_lengths),     cmocka_unit_test(test_restricted_admin),
		cmocka_unit_test(test_other_kinds),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	secret_done(&bytes);
	return r;
}
