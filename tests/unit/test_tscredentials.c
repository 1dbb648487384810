/* SPDX-License-Identifier: MIT */
/* TSCredentials against MS-CSSP 2.2.1.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>

#include "common/wire/tscredentials.h"
#include "tests/unit/build.h"

#define DOMAIN "D\0O\0M\0"
#define USER "a\0l\0i\0c\0e\0"
#define PASSWORD "s\0e\0c\0r\0e\0t\0"
#define PIN "1\0002\0003\0004\0\0\0"
#define CARD "C\0a\0r\0d\0"
#define READER "R\0e\0a\0d\0e\0r\0"
#define CONTAINER "C\0o\0n\0t\0"
#define CSP "C\0s\0p\0"
#define HINT "h\0i\0n\0t\0"
#define REALM "R\0E\0A\0L\0M\0"
#define KERBEROS "K\0e\0r\0b\0e\0r\0o\0s\0"
#define BUFFER "\x0a\0\0\0\x02\0\0\0ticket"
#define NTLM "N\0T\0L\0M\0"

#define V(s) ((struct view){ (const uint8_t *)(s), sizeof(s) - 1 })

static bool view_is(struct view a, struct view b)
{
	return (a.p == NULL) == (b.p == NULL) && a.len == b.len && (!a.len || memcmp(a.p, b.p, a.len) == 0);
}

/* ---- making them ---- */

static unsigned length_octets;     /* of every header; 0: strict DER */
static unsigned elements;          /* constructed ones made so far */
static unsigned lengthen = ~0U;    /* the one of these that gets an octet more at its end */
static unsigned leave_empty = ~0U; /* or loses all of its contents */

static struct buf element(uint8_t tag, struct buf contents)
{
	return length_octets ? tlv_long(length_octets, tag, contents) : tlv(tag, contents);
}

static struct buf outer(uint8_t tag, struct buf contents)
{
	unsigned n = elements++;

	if (n == lengthen)
		contents = JOIN(contents, LIT("\0"));
	if (n == leave_empty) {
		buf_free(&contents);
		contents = buf_new(0);
	}
	return element(tag, contents);
}

static struct buf integer(unsigned n, uint8_t value)
{
	return outer((uint8_t)(0xa0 | n), element(0x02, buf_copy(&value, 1)));
}

/* [n] OCTET STRING, nothing when @v is absent. */
static struct buf string(unsigned n, struct view v)
{
	return v.p ? outer((uint8_t)(0xa0 | n), element(0x04, buf_copy(v.p, v.len))) : buf_new(0);
}

static struct buf credentials(uint8_t type, struct buf body)
{
	struct buf wrapped = outer(0xa1, outer(0x04, body));

	return outer(0x30, JOIN(integer(0, type), wrapped));
}

static struct buf password(struct view domain, struct view user, struct view word)
{
	struct buf d = string(0, domain), u = string(1, user), p = string(2, word);

	return credentials(1, outer(0x30, JOIN(d, u, p)));
}

static struct buf smartcard(const struct ts_smartcard_creds *s)
{
	struct buf csp =
	    outer(0x30, JOIN(integer(0, (uint8_t)s->key_spec), string(1, s->card_name), string(2, s->reader_name),
			     string(3, s->container_name), string(4, s->csp_name)));
	struct buf detail = outer(0xa1, csp);

	return credentials(
	    2, outer(0x30, JOIN(string(0, s->pin), detail, string(2, s->user_hint), string(3, s->domain_hint))));
}

static struct buf package(struct view name, struct view buffer)
{
	struct buf n = string(0, name), b = string(1, buffer);

	return outer(0x30, JOIN(n, b));
}

/* @supplemental: -1: no field, else that many. */
static struct buf remote_guard(int supplemental)
{
	struct buf logon = outer(0xa0, package(V(KERBEROS), V(BUFFER)));
	struct buf list = buf_new(0);

	if (supplemental < 0)
		return credentials(6, outer(0x30, JOIN(logon, list)));
	for (int i = 0; i < supplemental; i++)
		list = JOIN(list, package(V(NTLM), V("nt")));
	list = outer(0x30, list);
	list = outer(0xa1, list);
	return credentials(6, outer(0x30, JOIN(logon, list)));
}

static const struct ts_smartcard_creds full_card = {
	.pin = V(PIN),
	.key_spec = 1,
	.card_name = V(CARD),
	.reader_name = V(READER),
	.container_name = V(CONTAINER),
	.csp_name = V(CSP),
	.user_hint = V(HINT),
	.domain_hint = V(REALM),
};

static struct buf full_password(void)
{
	return password(V(DOMAIN), V(USER), V(PASSWORD));
}

static struct buf full_smartcard(void)
{
	return smartcard(&full_card);
}

static struct buf full_remote_guard(void)
{
	return remote_guard(2);
}

static struct buf (*const full[])(void) = { full_password, full_smartcard, full_remote_guard };
#define N_FULL (sizeof full / sizeof *full)

static const enum ts_cred_type full_type[N_FULL] = { TS_CRED_PASSWORD, TS_CRED_SMARTCARD, TS_CRED_REMOTE_GUARD };

static void assert_refused(const struct buf *m, int expected)
{
	struct tscredentials c, before;
	int r;

	memset(&before, 0x5a, sizeof before);
	memcpy(&c, &before, sizeof c);
	r = tscredentials_read(m->p, m->len, &c);
	if (r != expected)
		fail_msg("%d instead of %d", r, expected);
	assert_memory_equal(&c, &before, sizeof c);
}

/* ---- accepted ---- */

static void test_passwords(void **state)
{
	static const struct view value[] = { V(""), V("x\0"), V(USER "\0\0"), V("\0\0"), V("\0\xd8"), V("odd") };
	const size_t n = sizeof value / sizeof *value;

	for (size_t i = 0; i < n * n * n; i++) {
		struct view d = value[i % n], u = value[i / n % n], p = value[i / n / n];
		struct buf m AUTO_BUF = password(d, u, p);
		struct tscredentials c;

		/* text is not this reader's to judge: views into the input, as they are */
		assert_int_equal(tscredentials_read(m.p, m.len, &c), 0);
		assert_int_equal(c.type, TS_CRED_PASSWORD);
		assert_true(view_is(c.password.domain_name, d));
		assert_true(view_is(c.password.user_name, u));
		assert_true(view_is(c.password.password, p));
		assert_in_range((uintptr_t)c.password.password.p, (uintptr_t)m.p, (uintptr_t)m.p + m.len);
	}
}

/* MS-RDPBCGR: Restricted Admin, octet for octet what mstsc and FreeRDP send. */
static void test_restricted_admin(void **state)
{
	static const uint8_t sent[25] =
	    "\x30\x17\xa0\x03\x02\x01\x01\xa1\x10\x04\x0e\x30\x0c\xa0\x02\x04\x00\xa1\x02\x04"
	    "\x00\xa2\x02\x04";
	struct tscredentials c;
	struct buf m AUTO_BUF = buf_copy(sent, sizeof sent);

	assert_int_equal(tscredentials_read(m.p, m.len, &c), 0);
	assert_int_equal(c.type, TS_CRED_PASSWORD);
	assert_true(view_is(c.password.domain_name, V("")));
	assert_true(view_is(c.password.user_name, V("")));
	assert_true(view_is(c.password.password, V("")));
}

static void test_long_passwords(void **state)
{
	static const size_t length[] = { 126, 127, 128, 129, 254, 255, 256, 257, 3072, 3074, 65535, 65536, 70000 };

	for (size_t i = 0; i < sizeof length / sizeof *length; i++) {
		struct buf word AUTO_BUF = buf_fill('p', length[i]);
		struct buf m AUTO_BUF = password(V(DOMAIN), V(USER), (struct view){ word.p, word.len });
		struct tscredentials c;

		assert_int_equal(tscredentials_read(m.p, m.len, &c), 0);
		assert_int_equal(c.password.password.len, length[i]);
		assert_memory_equal(c.password.password.p, word.p, word.len);
	}
}

/* The optional fields of a smart card in every combination. */
static void test_smartcards(void **state)
{
	for (unsigned with = 0; with < 64; with++) {
		struct ts_smartcard_creds s = full_card;
		struct view *const optional[] = { &s.card_name, &s.reader_name, &s.container_name,
						  &s.csp_name,  &s.user_hint,   &s.domain_hint };

		for (unsigned i = 0; i < 6; i++)
			if (!(with >> i & 1))
				*optional[i] = VIEW_NULL;
		s.key_spec = with % 3;

		struct buf m AUTO_BUF = smartcard(&s);
		struct tscredentials c;

		assert_int_equal(tscredentials_read(m.p, m.len, &c), 0);
		assert_int_equal(c.type, TS_CRED_SMARTCARD);
		assert_true(view_is(c.smartcard.pin, s.pin));
		assert_int_equal(c.smartcard.key_spec, s.key_spec);
		assert_true(view_is(c.smartcard.card_name, s.card_name));
		assert_true(view_is(c.smartcard.reader_name, s.reader_name));
		assert_true(view_is(c.smartcard.container_name, s.container_name));
		assert_true(view_is(c.smartcard.csp_name, s.csp_name));
		assert_true(view_is(c.smartcard.user_hint, s.user_hint));
		assert_true(view_is(c.smartcard.domain_hint, s.domain_hint));
	}
}

static void test_remote_guards(void **state)
{
	for (int supplemental = -1; supplemental <= 20; supplemental++) {
		struct buf m AUTO_BUF = remote_guard(supplemental);
		struct tscredentials c;

		assert_int_equal(tscredentials_read(m.p, m.len, &c), 0);
		assert_int_equal(c.type, TS_CRED_REMOTE_GUARD);
		assert_true(view_is(c.remote_guard.package_name, V(KERBEROS)));
		assert_true(view_is(c.remote_guard.cred_buffer, V(BUFFER)));
	}
}

/* Lengths that take more octets than they need, which rdesktop sends. */
static void test_long_lengths(void **state)
{
	for (size_t i = 0; i < N_FULL; i++) {
		for (length_octets = 1; length_octets <= 5; length_octets++) {
			struct buf m AUTO_BUF = full[i]();
			struct tscredentials c;

			if (length_octets <= 4)
				assert_int_equal(tscredentials_read(m.p, m.len, &c), 0);
			else
				assert_refused(&m, -EPROTO);
		}
		length_octets = 0;
	}
}

/* ---- refused ---- */

/* Also what an empty view at the end of a mapping must not lead to: the copies end where the message ends. */
static void test_truncated(void **state)
{
	for (size_t i = 0; i < N_FULL; i++) {
		struct buf m AUTO_BUF = full[i]();

		for (size_t n = 0; n < m.len; n++) {
			struct buf part AUTO_BUF = buf_copy(m.p, n);

			assert_refused(&part, -EPROTO);
		}
	}
}

/* Octets that are values of the messages above; all others are structure. */
static bool is_value(const struct buf *m, size_t at)
{
	static const struct view value[] = { V("\x04\x06" DOMAIN),    V("\x04\x0a" USER),     V("\x04\x0c" PASSWORD),
					     V("\x04\x0a" PIN),       V("\x04\x08" CARD),     V("\x04\x0c" READER),
					     V("\x04\x08" CONTAINER), V("\x04\x06" CSP),      V("\x04\x08" HINT),
					     V("\x04\x0a" REALM),     V("\x04\x10" KERBEROS), V("\x04\x0e" BUFFER),
					     V("\x04\x08" NTLM),      V("\x04\x02nt") };

	for (size_t i = 0; i < sizeof value / sizeof *value; i++) {
		for (const uint8_t *p = m->p; (p = memmem(p, m->len - (size_t)(p - m->p), value[i].p, value[i].len));
		     p++)
			if (at >= (size_t)(p - m->p) + 2 && at < (size_t)(p - m->p) + value[i].len)
				return true;
	}
	/* keySpec, the only INTEGER behind the type */
	return at > 12 && memcmp(m->p + at - 4, "\xa0\x03\x02\x01", 4) == 0;
}

static void test_every_octet(void **state)
{
	for (size_t i = 0; i < N_FULL; i++) {
		struct buf m AUTO_BUF = full[i]();
		struct tscredentials c;
		size_t values = 0;

		for (size_t at = 0; at < m.len; at++) {
			uint8_t was = m.p[at];
			bool value = is_value(&m, at);

			values += value;
			for (unsigned v = 0; v < 256 && !value; v++) {
				m.p[at] = (uint8_t)v;
				if (v != was && tscredentials_read(m.p, m.len, &c) == 0)
					fail_msg("type %d, octet %zu as %02x", full_type[i], at, v);
			}
			m.p[at] = was;
		}
		/* the test knows where the values are */
		assert_in_range(values, 28, m.len / 2 + 20);
	}
}

/* An octet more at the end of each element in turn, its length told; and each element in turn without contents. */
static void test_each_element(void **state)
{
	for (size_t i = 0; i < N_FULL; i++) {
		unsigned n;

		elements = 0;
		struct buf whole AUTO_BUF = full[i]();

		(void)whole;

		n = elements;
		assert_in_range(n, 7, 40);
		for (unsigned k = 0; k < n; k++) {
			elements = 0;
			lengthen = k;
			struct buf more AUTO_BUF = full[i]();

			lengthen = ~0U;
			elements = 0;
			leave_empty = k;
			struct buf less AUTO_BUF = full[i]();

			leave_empty = ~0U;
			assert_refused(&more, -EPROTO);
			/* only the list of supplemental credentials may be empty */
			if (full_type[i] == TS_CRED_REMOTE_GUARD && memmem(less.p, less.len, "\xa1\x02\x30\x00", 4)) {
				struct tscredentials c;

				assert_int_equal(tscredentials_read(less.p, less.len, &c), 0);
			} else {
				assert_refused(&less, -EPROTO);
			}
		}
	}
}

static void test_missing_fields(void **state)
{
	for (unsigned with = 0; with < 7; with++) {
		struct buf m AUTO_BUF = password(with & 1 ? V(DOMAIN) : VIEW_NULL, with & 2 ? V(USER) : VIEW_NULL,
						 with & 4 ? V(PASSWORD) : VIEW_NULL);

		assert_refused(&m, -EPROTO);
	}

	struct ts_smartcard_creds no_pin = full_card;

	no_pin.pin = VIEW_NULL;
	struct buf s AUTO_BUF = smartcard(&no_pin);
	struct buf no_csp AUTO_BUF = credentials(2, sequence(string(0, V(PIN))));
	struct buf no_buffer AUTO_BUF = credentials(6, sequence(context(0, package(V(KERBEROS), VIEW_NULL))));
	struct buf no_name AUTO_BUF = credentials(6, sequence(context(0, package(VIEW_NULL, V(BUFFER)))));
	struct buf no_logon AUTO_BUF = credentials(6, sequence(context(1, sequence(package(V(NTLM), V("nt"))))));
	struct buf bad_extra AUTO_BUF =
	    credentials(6, sequence(JOIN(context(0, package(V(KERBEROS), V(BUFFER))),
					 context(1, sequence(package(V(NTLM), VIEW_NULL))))));
	struct buf no_body AUTO_BUF = sequence(integer(0, 1));
	struct buf no_type AUTO_BUF = sequence(context(1, octets(sequence(LIT("")))));

	assert_refused(&s, -EPROTO);
	assert_refused(&no_csp, -EPROTO);
	assert_refused(&no_buffer, -EPROTO);
	assert_refused(&no_name, -EPROTO);
	assert_refused(&no_logon, -EPROTO);
	assert_refused(&bad_extra, -EPROTO);
	assert_refused(&no_body, -EPROTO);
	assert_refused(&no_type, -EPROTO);
}

static void test_order(void **state)
{
	struct buf swapped AUTO_BUF =
	    credentials(1, sequence(JOIN(string(1, V(USER)), string(0, V(DOMAIN)), string(2, V(PASSWORD)))));
	struct buf twice AUTO_BUF = credentials(1, sequence(JOIN(string(0, V(DOMAIN)), string(1, V(USER)),
								 string(2, V(PASSWORD)), string(2, V(PASSWORD)))));
	struct buf fourth AUTO_BUF = credentials(
	    1, sequence(JOIN(string(0, V(DOMAIN)), string(1, V(USER)), string(2, V(PASSWORD)), string(3, V("")))));
	struct buf body_first AUTO_BUF = sequence(
	    JOIN(context(1, octets(LIT("\x30\x0c\xa0\x02\x04\x00\xa1\x02\x04\x00\xa2\x02\x04\x00"))), integer(0, 1)));

	assert_refused(&swapped, -EPROTO);
	assert_refused(&twice, -EPROTO);
	assert_refused(&fourth, -EPROTO);
	assert_refused(&body_first, -EPROTO);
}

/* Types that MS-CSSP does not have are told apart from what is malformed. */
static void test_types(void **state)
{
	for (unsigned type = 0; type < 0x80; type++) {
		struct buf m AUTO_BUF = credentials((uint8_t)type, LIT("whatever"));
		bool ours = type == 1 || type == 2 || type == 6;

		assert_refused(&m, ours ? -EPROTO : -EPROTONOSUPPORT);
	}

	struct buf wide AUTO_BUF =
	    sequence(JOIN(context(0, tlv(0x02, LIT("\x01\x00\x00\x00\x01"))), context(1, octets(sequence(LIT(""))))));
	struct buf negative AUTO_BUF =
	    sequence(JOIN(context(0, tlv(0x02, LIT("\x81"))), context(1, octets(sequence(LIT(""))))));
	struct buf zeros AUTO_BUF =
	    sequence(JOIN(context(0, tlv(0x02, LIT("\x00\x01"))), context(1, octets(sequence(LIT(""))))));

	assert_refused(&wide, -EPROTO);
	assert_refused(&negative, -EPROTO);
	assert_refused(&zeros, -EPROTO);
}

/* What one kind of credentials holds is not taken for another kind. */
static void test_kinds_are_apart(void **state)
{
	for (size_t i = 0; i < N_FULL; i++) {
		struct buf m AUTO_BUF = full[i]();
		uint8_t *type = memmem(m.p, m.len, "\xa0\x03\x02\x01", 4);

		assert_non_null(type);
		for (size_t k = 0; k < N_FULL; k++) {
			struct tscredentials c;

			type[4] = (uint8_t)full_type[k];
			assert_int_equal(tscredentials_read(m.p, m.len, &c), k == i ? 0 : -EPROTO);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passwords),       cmocka_unit_test(test_restricted_admin),
		cmocka_unit_test(test_long_passwords),  cmocka_unit_test(test_smartcards),
		cmocka_unit_test(test_remote_guards),   cmocka_unit_test(test_long_lengths),
		cmocka_unit_test(test_truncated),       cmocka_unit_test(test_every_octet),
		cmocka_unit_test(test_each_element),    cmocka_unit_test(test_missing_fields),
		cmocka_unit_test(test_order),           cmocka_unit_test(test_types),
		cmocka_unit_test(test_kinds_are_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
