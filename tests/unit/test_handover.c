/* SPDX-License-Identifier: MIT */
/* What goes through the pipe: written and read by the same header, and octet for octet as it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdbool.h>

#include "common/ipc/handover.h"
#include "tests/unit/build.h"

#define OCTETS(s) s, sizeof(s) - 1
#define HEADER(kind, len) "CSHO\x01" kind "\0\0\0\0\0" len
#define FIELD(len) "\0\x01\0\0\0\0\0" len

static const struct row {
	const char *name;
	const char *p;
	size_t len;
	int result;
	enum credential_kind kind;
	const char *password;
} rows[] = {
	{ "a password", OCTETS(HEADER("\x01", "\x0e") FIELD("\x06") "secret"), 0, CREDENTIAL_PASSWORD, "secret" },
	{ "an empty one", OCTETS(HEADER("\x01", "\x08") FIELD("\x00")), 0, CREDENTIAL_PASSWORD, "" },
	{ "none", OCTETS(HEADER("\x80", "\x00")), 0, CREDENTIAL_RESTRICTED_ADMIN, NULL },
	{ "a smart card", OCTETS(HEADER("\x02", "\x00")), 0, CREDENTIAL_SMARTCARD, NULL },
	{ "remote guard", OCTETS(HEADER("\x06", "\x00")), 0, CREDENTIAL_REMOTE_GUARD, NULL },
	{ "nothing", OCTETS(""), -EPROTO, 0, NULL },
	{ "another magic", OCTETS("CSHo\x01\x01\0\0\0\0\0\0"), -EPROTO, 0, NULL },
	{ "version 0", OCTETS("CSHO\x00\x01\0\0\0\0\0\0"), -EPROTONOSUPPORT, 0, NULL },
	{ "version 2", OCTETS("CSHO\x02\x01\0\0\0\0\0\0"), -EPROTONOSUPPORT, 0, NULL },
	{ "kind 0", OCTETS(HEADER("\x00", "\x00")), -EPROTONOSUPPORT, 0, NULL },
	{ "kind 3", OCTETS(HEADER("\x03", "\x00")), -EPROTONOSUPPORT, 0, NULL },
	{ "kind 255", OCTETS(HEADER("\xff", "\x00")), -EPROTONOSUPPORT, 0, NULL },
	{ "an octet after the kind", OCTETS("CSHO\x01\x01\x01\0\0\0\0\0"), -EPROTO, 0, NULL },
	{ "another one", OCTETS("CSHO\x01\x01\0\x01\0\0\0\0"), -EPROTO, 0, NULL },
	{ "a length that is too large", OCTETS(HEADER("\x01", "\x01")), -EPROTO, 0, NULL },
	{ "one that is too small", OCTETS(HEADER("\x01", "\x07") FIELD("\x00")), -EPROTO, 0, NULL },
	{ "a length of 4 GiB", OCTETS("CSHO\x01\x01\0\0\xff\xff\xff\xff"), -EPROTO, 0, NULL },
	{ "an octet behind", OCTETS(HEADER("\x01", "\x00") "x"), -EPROTO, 0, NULL },
	{ "an octet behind the field", OCTETS(HEADER("\x01", "\x09") FIELD("\x00") "x"), -EPROTO, 0, NULL },
	{ "half a field", OCTETS(HEADER("\x01", "\x07") "\0\x01\0\0\0\0\0"), -EPROTO, 0, NULL },
	{ "a field beyond the end", OCTETS(HEADER("\x01", "\x0e") FIELD("\x07") "secret"), -EPROTO, 0, NULL },
	{ "a field of 4 GiB",
	  OCTETS(HEADER("\x01", "\x0e") "\0\x01\0\0\xff\xff\xff\xff"
					"secret"),
	  -EPROTO, 0, NULL },
	{ "a reserved octet", OCTETS(HEADER("\x01", "\x08") "\0\x01\x01\0\0\0\0\0"), -EPROTO, 0, NULL },
	{ "the other one", OCTETS(HEADER("\x01", "\x08") "\0\x01\0\x01\0\0\0\0"), -EPROTO, 0, NULL },
	{ "tag 0", OCTETS(HEADER("\x01", "\x08") "\0\0\0\0\0\0\0\0"), -EPROTONOSUPPORT, 0, NULL },
	{ "tag 9", OCTETS(HEADER("\x01", "\x08") "\0\x09\0\0\0\0\0\0"), -EPROTONOSUPPORT, 0, NULL },
	{ "tag 257", OCTETS(HEADER("\x01", "\x08") "\x01\x01\0\0\0\0\0\0"), -EPROTONOSUPPORT, 0, NULL },
	{ "tag 65535", OCTETS(HEADER("\x01", "\x08") "\xff\xff\0\0\0\0\0\0"), -EPROTONOSUPPORT, 0, NULL },
	{ "a password twice", OCTETS(HEADER("\x01", "\x12") FIELD("\x01") "a" FIELD("\x01") "b"), -EPROTO, 0, NULL },
	{ "an empty one twice", OCTETS(HEADER("\x01", "\x10") FIELD("\x00") FIELD("\x00")), -EPROTO, 0, NULL },
};

/* The sanitizers watch the exact allocation that stands in for the mapping of a secret. */
static int read_buf(const struct buf *b, struct handover *ret_)
{
	const struct secret in = { .p_ = b->p, .len_ = b->len, .cap_ = b->len };

	return handover_read(&in, ret_);
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf in AUTO_BUF = buf_copy(rows[i].p, rows[i].len);
		struct handover h, before;
		struct handover_field f;
		int r;

		memset(&before, 0x5a, sizeof before);
		memcpy(&h, &before, sizeof h);
		r = read_buf(&in, &h);
		if (r != rows[i].result)
			fail_msg("%s: %d", rows[i].name, r);
		if (r) {
			assert_memory_equal(&h, &before, sizeof h);
			continue;
		}
		assert_int_equal(h.kind, rows[i].kind);
		assert_null(h.field[0].p_);
		f = h.field[HANDOVER_PASSWORD];
		assert_int_equal(f.p_ != NULL, rows[i].password != NULL);
		if (rows[i].password) {
			assert_int_equal(f.len, strlen(rows[i].password));
			assert_memory_equal(f.p_, rows[i].password, f.len);
		}
	}
	assert_int_equal(handover_read(&SECRET_NULL, &(struct handover){ .kind = CREDENTIAL_NONE }), -EPROTO);
}

static void test_truncated(void **state)
{
	for (size_t n = 0; n < rows[0].len; n++) {
		struct buf in AUTO_BUF = buf_copy(rows[0].p, n);
		struct handover h;

		assert_int_equal(read_buf(&in, &h), -EPROTO);
	}
}

/* Every other value of every octet that is not the password's is refused, or is another kind or another tag. */
static void test_every_octet(void **state)
{
	struct buf in AUTO_BUF = buf_copy(rows[0].p, rows[0].len);

	for (size_t i = 0; i < HANDOVER_HEADER_LEN + HANDOVER_FIELD_HEADER_LEN; i++) {
		uint8_t was = in.p[i];

		for (unsigned v = 0; v < 256; v++) {
			struct handover h = { .kind = CREDENTIAL_NONE };
			bool other_kind = i == 5 && (v == 2 || v == 6 || v == 0x80);
			bool other_tag = i == HANDOVER_HEADER_LEN + 1 && v >= 1 && v <= HANDOVER_TAG_LAST_;

			in.p[i] = (uint8_t)v;
			if ((read_buf(&in, &h) == 0) != (v == was || other_kind || other_tag))
				fail_msg("octet %zu as %02x", i, v);
		}
		in.p[i] = was;
	}
}

static void test_written(void **state)
{
	struct secret s AUTO_SECRET = SECRET_NULL;

	assert_int_equal(secret_init(&s, HANDOVER_MAX), 0);
	assert_int_equal(handover_begin(&s, CREDENTIAL_PASSWORD), 0);
	assert_int_equal(handover_add(&s, HANDOVER_PASSWORD, "secret", 6), 0);
	handover_end(&s);
	assert_int_equal(secret_len(&s), rows[0].len);
	assert_memory_equal(secret_expose(&s), rows[0].p, rows[0].len);
}

static void test_round_trips(void **state)
{
	static const size_t length[] = { 0, 1, 255, 256, PASSWORD_MAX, 65535 - 20, HANDOVER_MAX - 20 };
	static const enum credential_kind kind[] = { CREDENTIAL_PASSWORD, CREDENTIAL_SMARTCARD, CREDENTIAL_REMOTE_GUARD,
						     CREDENTIAL_RESTRICTED_ADMIN };

	for (size_t i = 0; i < sizeof length / sizeof *length; i++) {
		for (size_t k = 0; k < sizeof kind / sizeof *kind; k++) {
			struct buf word AUTO_BUF = buf_fill((uint8_t)('a' + i), length[i]);
			struct secret s AUTO_SECRET = SECRET_NULL;
			struct handover h;

			assert_int_equal(secret_init(&s, HANDOVER_MAX), 0);
			assert_int_equal(handover_begin(&s, kind[k]), 0);
			assert_int_equal(handover_add(&s, HANDOVER_PASSWORD, word.p, word.len), 0);
			handover_end(&s);
			assert_int_equal(secret_len(&s), 20 + length[i]);
			assert_int_equal(handover_read(&s, &h), 0);
			assert_int_equal(h.kind, kind[k]);
			assert_int_equal(h.field[HANDOVER_PASSWORD].len, word.len);
			assert_memory_equal(h.field[HANDOVER_PASSWORD].p_, word.p, word.len);
		}
	}
}

static void write_tags(unsigned skip, struct secret *out)
{
	assert_int_equal(secret_init(out, HANDOVER_MAX), 0);
	assert_int_equal(handover_begin(out, CREDENTIAL_REMOTE_GUARD), 0);
	for (unsigned tag = 1; tag <= HANDOVER_TAG_LAST_; tag++)
		if (tag != skip)
			assert_int_equal(handover_add(out, (enum handover_tag)tag, "abcdefghij" + tag, tag % 2), 0);
	handover_end(out);
}

/* Each field goes where its tag says, and none stands behind one of a higher tag. */
static void test_all_tags(void **state)
{
	for (unsigned skip = 1; skip <= HANDOVER_TAG_LAST_; skip++) {
		struct secret s AUTO_SECRET = SECRET_NULL;
		struct handover h;

		write_tags(skip, &s);
		assert_int_equal(handover_read(&s, &h), 0);
		for (unsigned tag = 1; tag <= HANDOVER_TAG_LAST_; tag++) {
			assert_int_equal(h.field[tag].p_ == NULL, tag == skip);
			if (tag == skip)
				continue;
			assert_int_equal(h.field[tag].len, tag % 2);
			assert_memory_equal(h.field[tag].p_, "abcdefghij" + tag, tag % 2);
		}
		assert_int_equal(handover_add(&s, (enum handover_tag)skip, "x", 1), 0);
		handover_end(&s);
		assert_int_equal(handover_read(&s, &h), skip == HANDOVER_TAG_LAST_ ? 0 : -EPROTO);
	}
}

/* What does not fit changes nothing: no header without its field. */
static void test_room(void **state)
{
	static const uint8_t word[HANDOVER_MAX + 1] = "x";

	for (size_t cap = 1; cap <= 40; cap++) {
		struct secret s AUTO_SECRET = SECRET_NULL;
		int r;

		assert_int_equal(secret_init(&s, cap), 0);
		r = handover_begin(&s, CREDENTIAL_PASSWORD);
		assert_int_equal(r, cap < HANDOVER_HEADER_LEN ? -ENOSPC : 0);
		if (r)
			continue;
		r = handover_add(&s, HANDOVER_PASSWORD, word, 6);
		assert_int_equal(r, cap < 26 ? -ENOSPC : 0);
		assert_int_equal(secret_len(&s), cap < 26 ? 12 : 26);
		assert_int_equal(handover_add(&s, HANDOVER_PASSWORD, word, SIZE_MAX), -ENOSPC);
		assert_int_equal(handover_add(&s, HANDOVER_PASSWORD, word, SIZE_MAX - 7), -ENOSPC);
	}

	struct secret s AUTO_SECRET = SECRET_NULL;

	assert_int_equal(secret_init(&s, HANDOVER_MAX), 0);
	assert_int_equal(handover_begin(&s, CREDENTIAL_PASSWORD), 0);
	assert_int_equal(handover_add(&s, HANDOVER_PASSWORD, word, HANDOVER_MAX - 19), -ENOSPC);
	assert_int_equal(handover_add(&s, HANDOVER_PASSWORD, word, HANDOVER_MAX + 1), -ENOSPC);
	assert_int_equal(secret_len(&s), 12);
	assert_int_equal(handover_add(&s, HANDOVER_PASSWORD, word, HANDOVER_MAX - 20), 0);
}

static void test_kind_names(void **state)
{
	unsigned named = 0;

	for (unsigned kind = 0; kind < 1000; kind++)
		named += credential_kind_name(kind) != NULL;
	assert_int_equal(named, 4);
	assert_string_equal(credential_kind_name(CREDENTIAL_PASSWORD), "password");
	assert_string_equal(credential_kind_name(CREDENTIAL_SMARTCARD), "smartcard");
	assert_string_equal(credential_kind_name(CREDENTIAL_REMOTE_GUARD), "remote-guard");
	assert_string_equal(credential_kind_name(CREDENTIAL_RESTRICTED_ADMIN), "restricted-admin");
	assert_null(credential_kind_name(CREDENTIAL_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),     cmocka_unit_test(test_truncated),   cmocka_unit_test(test_every_octet),
		cmocka_unit_test(test_written),  cmocka_unit_test(test_round_trips), cmocka_unit_test(test_room),
		cmocka_unit_test(test_all_tags), cmocka_unit_test(test_kind_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
