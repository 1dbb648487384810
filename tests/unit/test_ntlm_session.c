/* SPDX-License-Identifier: MIT */
/* Session security of NTLM with the values of MS-NLMP 4.2.4, and what breaks it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/ntlm-session.h"

/* 4.2.1: RandomSessionKey; 4.2.4.2.3 and 4.2.4.4: what comes of it and of "Plaintext" */
static const uint8_t random_session_key[16] = { 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55,
						0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55 };
static const uint8_t session_base_key[16] = { 0x8d, 0xe4, 0x0c, 0xca, 0xdb, 0xc1, 0x4a, 0x82,
					      0xf1, 0x5c, 0xb0, 0xad, 0x0d, 0xe9, 0x5c, 0xa3 };
static const uint8_t encrypted_key[16] = { 0xc5, 0xda, 0xd2, 0x54, 0x4f, 0xc9, 0x79, 0x90,
					   0x94, 0xce, 0x1c, 0xe9, 0x0b, 0xc9, 0xd0, 0x3e };
static const uint8_t seal_key[16] = { 0x59, 0xf6, 0x00, 0x97, 0x3c, 0xc4, 0x96, 0x0a,
				      0x25, 0x48, 0x0a, 0x7c, 0x19, 0x6e, 0x4c, 0x58 };
static const uint8_t sign_key[16] = { 0x47, 0x88, 0xdc, 0x86, 0x1b, 0x47, 0x82, 0xf3,
				      0x5d, 0x43, 0xfd, 0x98, 0xfe, 0x1a, 0x2d, 0x39 };
static const uint8_t sealed_data[18] = { 0x54, 0xe5, 0x01, 0x65, 0xbf, 0x19, 0x36, 0xdc, 0x99,
					 0x60, 0x20, 0xc1, 0x81, 0x1b, 0x0f, 0x06, 0xfb, 0x5f };
static const uint8_t signature[16] = { 0x01, 0x00, 0x00, 0x00, 0x7f, 0xb3, 0x8e, 0xc5,
				       0xc5, 0x5d, 0x49, 0x76, 0x00, 0x00, 0x00, 0x00 };
static const struct view plaintext = { (const uint8_t *)"P\0l\0a\0i\0n\0t\0e\0x\0t\0", 18 };

static void test_vectors(void **state)
{
	struct ntlm_session s;
	struct ntlm_rc4 *rc4 = ntlm_rc4_new();
	uint8_t out[64], key[16];
	size_t len;

	assert_non_null(rc4);
	assert_int_equal(ntlm_rc4_start(rc4, session_base_key), 0);
	assert_int_equal(ntlm_rc4_crypt(rc4, encrypted_key, 16, key), 0);
	assert_memory_equal(key, random_session_key, 16);
	ntlm_rc4_free(rc4);
	assert_int_equal(ntlm_session_init(&s, random_session_key), 0);
	assert_memory_equal(s.way[NTLM_TO_SERVER].seal_key, seal_key, 16);
	assert_memory_equal(s.way[NTLM_TO_SERVER].sign_key, sign_key, 16);
	assert_int_equal(ntlm_session_seal(&s, NTLM_TO_SERVER, plaintext, out, sizeof out, &len), 0);
	assert_int_equal(len, 16 + 18);
	assert_memory_equal(out, signature, 16);
	assert_memory_equal(out + 16, sealed_data, 18);
	ntlm_session_done(&s);
}

static void both(struct ntlm_session s[2])
{
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(ntlm_session_init(&s[i], random_session_key), 0);
}

static int open_sealed(struct ntlm_session *s, enum ntlm_direction way, const uint8_t *p, size_t len)
{
	AUTO_SECRET struct secret clear = SECRET_NULL;
	int r = ntlm_session_unseal(s, way, (struct view){ p, len }, &clear);

	if (r == 0)
		assert_memory_equal(secret_expose(&clear), plaintext.p, secret_len(&clear));
	else
		assert_null(clear.p_);
	return r;
}

static void test_both_ways(void **state)
{
	struct ntlm_session s[2];
	uint8_t out[64];
	size_t len;

	both(s);
	for (unsigned i = 0; i < 6; i++) {
		enum ntlm_direction way = i % 2 ? NTLM_TO_CLIENT : NTLM_TO_SERVER;
		struct view part = { plaintext.p, i * 3 };

		assert_int_equal(ntlm_session_seal(&s[i % 2], way, part, out, sizeof out, &len), 0);
		assert_int_equal(out[12], i / 2); /* each direction counts for itself */
		assert_int_equal(open_sealed(&s[1 - i % 2], way, out, len), 0);
	}
	assert_int_equal(ntlm_session_seal(&s[0], NTLM_TO_SERVER, plaintext, out, 33, &len), -ENOSPC);
	assert_int_equal(ntlm_session_seal(&s[0], NTLM_TO_SERVER, plaintext, out, 15, &len), -ENOSPC);
	ntlm_session_done(&s[0]);
	ntlm_session_done(&s[1]);
}

/* Every byte changed, every length cut, the other direction, twice, and one left out. */
static void test_altered(void **state)
{
	struct ntlm_session s[2];
	uint8_t out[64];
	size_t len;

	for (size_t at = 0; at < 34; at++) {
		both(s);
		assert_int_equal(ntlm_session_seal(&s[0], NTLM_TO_SERVER, plaintext, out, sizeof out, &len), 0);
		out[at] ^= 1;
		assert_int_equal(open_sealed(&s[1], NTLM_TO_SERVER, out, len), -EBADMSG);
		out[at] ^= 1;
		ntlm_session_done(&s[1]);
		assert_int_equal(ntlm_session_init(&s[1], random_session_key), 0);
		assert_int_equal(open_sealed(&s[1], NTLM_TO_SERVER, out, at), -EBADMSG);
		ntlm_session_done(&s[0]);
		ntlm_session_done(&s[1]);
	}
	both(s);
	assert_int_equal(ntlm_session_seal(&s[0], NTLM_TO_SERVER, plaintext, out, sizeof out, &len), 0);
	assert_int_equal(open_sealed(&s[1], NTLM_TO_CLIENT, out, len), -EBADMSG);
	assert_int_equal(open_sealed(&s[1], NTLM_TO_SERVER, out, len), 0);
	assert_int_equal(open_sealed(&s[1], NTLM_TO_SERVER, out, len), -EBADMSG);
	ntlm_session_done(&s[0]);
	ntlm_session_done(&s[1]);
	both(s);
	assert_int_equal(ntlm_session_seal(&s[0], NTLM_TO_SERVER, plaintext, out, sizeof out, &len), 0);
	assert_int_equal(ntlm_session_seal(&s[0], NTLM_TO_SERVER, plaintext, out, sizeof out, &len), 0);
	assert_int_equal(open_sealed(&s[1], NTLM_TO_SERVER, out, len), -EBADMSG);
	ntlm_session_done(&s[0]);
	ntlm_session_done(&s[1]);
}

/* A mechListMIC takes sequence 0, and the stream begins anew: the first message has sequence 1. */
static void test_mic(void **state)
{
	struct ntlm_session s[2];
	struct view list = { (const uint8_t *)"mechTypes", 9 };
	uint8_t mic[16], out[64], first[64];
	size_t len;

	both(s);
	assert_int_equal(ntlm_session_seal(&s[1], NTLM_TO_SERVER, plaintext, first, sizeof first, &len), 0);
	ntlm_session_done(&s[1]);
	assert_int_equal(ntlm_session_init(&s[1], random_session_key), 0);
	assert_int_equal(ntlm_session_mic(&s[0], NTLM_TO_SERVER, list, mic), 0);
	assert_int_equal(mic[12], 0);
	assert_int_equal(ntlm_session_verify_mic(&s[1], NTLM_TO_SERVER, list, (struct view){ mic, 16 }), 0);
	assert_int_equal(ntlm_session_seal(&s[0], NTLM_TO_SERVER, plaintext, out, sizeof out, &len), 0);
	assert_int_equal(out[12], 1);
	assert_memory_equal(out + 16, first + 16, 18); /* from the same beginning of the stream */
	assert_int_equal(open_sealed(&s[1], NTLM_TO_SERVER, out, len), 0);
	ntlm_session_done(&s[0]);
	ntlm_session_done(&s[1]);
	for (size_t at = 0; at < 16; at++) {
		both(s);
		assert_int_equal(ntlm_session_mic(&s[0], NTLM_TO_SERVER, list, mic), 0);
		mic[at] ^= 0x80;
		assert_int_equal(ntlm_session_verify_mic(&s[1], NTLM_TO_SERVER, list, (struct view){ mic, 16 }),
				 -EBADMSG);
		ntlm_session_done(&s[0]);
		ntlm_session_done(&s[1]);
	}
	both(s);
	assert_int_equal(ntlm_session_mic(&s[0], NTLM_TO_SERVER, list, mic), 0);
	assert_int_equal(ntlm_session_verify_mic(&s[1], NTLM_TO_SERVER, list, (struct view){ mic, 15 }), -EBADMSG);
	ntlm_session_done(&s[0]);
	ntlm_session_done(&s[1]);
}

static int setup(void **state)
{
	const char *error;

	return ntlm_crypto_init(&error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_mic),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
