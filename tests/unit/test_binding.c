/* SPDX-License-Identifier: MIT */
/* pubKeyAuth against MS-CSSP 3.1.5: values from sha256sum, and OpenSSL's one-shot SHA-256 over octets laid out here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <openssl/sha.h>

#include "common/wire/binding.h"
#include "tests/unit/build.h"

#define C2S BINDING_CLIENT_TO_SERVER
#define S2C BINDING_SERVER_TO_CLIENT

static struct view view_of(const struct buf *b)
{
	return (struct view){ b->p, b->len };
}

static void unhex(const char *hex, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const char digits[] = { hex[2 * i], hex[2 * i + 1], '\0' };

		out[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
}

/* The input spelled out octet by octet, the NUL of the magic among them. */
static void expected_hash(enum binding_direction direction, const struct buf *nonce, const struct buf *key,
			  uint8_t out[SHA256_DIGEST_LENGTH])
{
	struct buf input AUTO_BUF = JOIN(direction == C2S ? LIT("CredSSP Client-To-Server Binding Hash\x00")
							  : LIT("CredSSP Server-To-Client Binding Hash\x00"),
					 buf_copy(nonce->p, nonce->len), buf_copy(key->p, key->len));

	assert_int_equal(input.len, 38 + nonce->len + key->len);
	SHA256(input.p, input.len, out);
}

/* What coreutils' sha256sum says: printf the magic and its NUL, 32 octets of zeros, and the key 00 01. */
static void test_values(void **state)
{
	static const struct {
		enum binding_direction direction;
		const char *hex;
	} row[] = {
		{ C2S, "5e2199fa05ccd2621664ceefd8752a09efdc9334a27442177465124bbd672d55" },
		{ S2C, "52308af9af0872af75304fb06b2841eee9d47463e28307fac440e47760784a90" },
	};
	struct buf nonce AUTO_BUF = buf_fill(0, 32);
	struct buf key AUTO_BUF = LIT("\x00\x01");

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		uint8_t want[32], out[BINDING_MAX];
		size_t len = 0;

		unhex(row[i].hex, want, sizeof want);
		for (unsigned version = 5; version <= 8; version++) {
			assert_int_equal(
			    binding_compute(version, row[i].direction, view_of(&nonce), view_of(&key), out, &len), 0);
			assert_int_equal(len, 32);
			assert_memory_equal(out, want, 32);
		}
	}
}

static void test_hashes(void **state)
{
	static const size_t key_len[] = { 1, 2, 64, 65, 97, 133, 140, 270, 526, 2062, 4095, 4096 };

	for (size_t i = 0; i < sizeof key_len / sizeof *key_len; i++) {
		struct buf nonce AUTO_BUF = buf_new(CLIENT_NONCE_LEN);
		struct buf key AUTO_BUF = buf_new(key_len[i]);

		for (size_t k = 0; k < nonce.len; k++)
			nonce.p[k] = (uint8_t)(k * 5 + i);
		for (size_t k = 0; k < key.len; k++)
			key.p[k] = (uint8_t)(k * 11 + i);
		for (unsigned version = 5; version <= 6; version++) {
			for (enum binding_direction d = C2S; d <= S2C; d++) {
				uint8_t want[SHA256_DIGEST_LENGTH], out[BINDING_MAX];
				size_t len = 0;

				expected_hash(d, &nonce, &key, want);
				assert_int_equal(binding_compute(version, d, view_of(&nonce), view_of(&key), out, &len),
						 0);
				assert_int_equal(len, sizeof want);
				assert_memory_equal(out, want, sizeof want);
			}
		}
	}
}

/* Every octet of nonce and key matters. */
static void test_sensitive(void **state)
{
	struct buf nonce AUTO_BUF = buf_fill(0x11, CLIENT_NONCE_LEN);
	struct buf key AUTO_BUF = buf_fill(0x22, 270);
	uint8_t plain[BINDING_MAX], out[BINDING_MAX];
	size_t len;

	assert_int_equal(binding_compute(6, C2S, view_of(&nonce), view_of(&key), plain, &len), 0);
	for (size_t i = 0; i < nonce.len + key.len; i++) {
		uint8_t *p = i < nonce.len ? nonce.p + i : key.p + i - nonce.len;

		*p ^= 1;
		assert_int_equal(binding_compute(6, C2S, view_of(&nonce), view_of(&key), out, &len), 0);
		assert_memory_not_equal(out, plain, 32);
		*p ^= 1;
	}
}

static void test_raw(void **state)
{
	static const struct {
		const char *key, *reply;
	} row[] = {
		{ "\x30\x82\x01\x0a", "\x31\x82\x01\x0a" },
		{ "\x04\xff\xff\xff", "\x05\xff\xff\xff" },
		{ "\x00\xff\x00\xff", "\x01\xff\x00\xff" },
		{ "\xfe\xff\xff\xff", "\xff\xff\xff\xff" },
		/* MS-CSSP adds to the first octet only: no carry */
		{ "\xff\xff\xff\xff", "\x00\xff\xff\xff" },
		{ "\xff\x00\x00\x00", "\x00\x00\x00\x00" },
	};
	struct buf nonce AUTO_BUF = buf_fill(7, CLIENT_NONCE_LEN);

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		for (unsigned version = 2; version <= 4; version++) {
			struct buf key AUTO_BUF = buf_copy(row[i].key, 4);
			/* a nonce is of no consequence here, present or not */
			struct view n = version == 3 ? view_of(&nonce) : VIEW_NULL;
			uint8_t out[BINDING_MAX];
			size_t len = 0;

			assert_int_equal(binding_compute(version, C2S, n, view_of(&key), out, &len), 0);
			assert_int_equal(len, 4);
			assert_memory_equal(out, row[i].key, 4);
			assert_int_equal(binding_compute(version, S2C, n, view_of(&key), out, &len), 0);
			assert_int_equal(len, 4);
			assert_memory_equal(out, row[i].reply, 4);
			/* the key itself stays as it is */
			assert_memory_equal(key.p, row[i].key, 4);
		}
	}
}

static void test_key_lengths(void **state)
{
	struct buf nonce AUTO_BUF = buf_fill(7, CLIENT_NONCE_LEN);

	for (unsigned version = 2; version <= 6; version++) {
		for (enum binding_direction d = C2S; d <= S2C; d++) {
			struct buf most AUTO_BUF = buf_fill(0x30, SUBJECT_PUBLIC_KEY_MAX);
			struct buf over AUTO_BUF = buf_fill(0x30, SUBJECT_PUBLIC_KEY_MAX + 1);
			struct buf none AUTO_BUF = buf_new(0);
			struct buf out AUTO_BUF = buf_fill(0xee, BINDING_MAX);
			size_t len = 4711;

			assert_int_equal(binding_compute(version, d, view_of(&nonce), view_of(&over), out.p, &len),
					 -EINVAL);
			assert_int_equal(binding_compute(version, d, view_of(&nonce), view_of(&none), out.p, &len),
					 -EINVAL);
			assert_int_equal(binding_compute(version, d, view_of(&nonce), VIEW_NULL, out.p, &len), -EINVAL);
			assert_int_equal(len, 4711);
			assert_int_equal(out.p[0], 0xee);
			assert_int_equal(binding_compute(version, d, view_of(&nonce), view_of(&most), out.p, &len), 0);
			assert_int_equal(len, version >= 5 ? 32 : SUBJECT_PUBLIC_KEY_MAX);
		}
	}
}

static void test_nonce_lengths(void **state)
{
	struct buf key AUTO_BUF = buf_fill(0x30, 270);
	uint8_t out[BINDING_MAX];

	for (unsigned version = 5; version <= 7; version++) {
		size_t len = 4711;

		assert_int_equal(binding_compute(version, C2S, VIEW_NULL, view_of(&key), out, &len), -EINVAL);
		for (size_t n = 0; n <= 64; n++) {
			struct buf nonce AUTO_BUF = buf_fill(1, n);

			len = 4711;
			assert_int_equal(binding_compute(version, S2C, view_of(&nonce), view_of(&key), out, &len),
					 n == CLIENT_NONCE_LEN ? 0 : -EINVAL);
			assert_int_equal(len, n == CLIENT_NONCE_LEN ? 32 : 4711);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_hashes),      cmocka_unit_test(test_sensitive),
		cmocka_unit_test(test_raw),    cmocka_unit_test(test_key_lengths), cmocka_unit_test(test_nonce_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
