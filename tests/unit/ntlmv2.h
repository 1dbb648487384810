/* SPDX-License-Identifier: MIT */
/* The verifier's part of NTLMv2, MS-NLMP 3.3.2, for ASCII names. */
#pragma once

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "common/ipc/ntlm-verifier-msg.h"

static inline size_t ntlmv2_utf16(const char *text, bool upper, uint8_t *out)
{
	size_t n = 0;

	for (; *text; text++) {
		out[n++] = (uint8_t)(upper && *text >= 'a' && *text <= 'z' ? *text - 'a' + 'A' : *text);
		out[n++] = 0;
	}
	return n;
}

static inline void ntlmv2_hmac(const uint8_t key[16], const uint8_t *p, size_t len, uint8_t out[16])
{
	unsigned n;

	assert_non_null(HMAC(EVP_md5(), key, 16, p, len, out, &n));
}

/* MD4 in the plain, RFC 1320, for up to 55 octets: OpenSSL has it in its legacy provider only. */
static inline void ntlmv2_md4(const uint8_t *p, size_t len, uint8_t out[16])
{
	static const int shift[3][4] = { { 3, 7, 11, 19 }, { 3, 5, 9, 13 }, { 3, 9, 11, 15 } };
	static const uint8_t order[3][16] = { { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
					      { 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15 },
					      { 0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15 } };
	uint32_t s[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 }, v[4], x[16];
	uint8_t block[64] = { 0 };

	assert_true(len < 56);
	memcpy(block, p, len);
	block[len] = 0x80;
	block[56] = (uint8_t)(len * 8);
	block[57] = (uint8_t)(len * 8 >> 8);
	memcpy(x, block, sizeof x);
	memcpy(v, s, sizeof v);
	for (unsigned i = 0; i < 48; i++) {
		unsigned round = i / 16;
		uint32_t b = v[1], c = v[2], d = v[3];
		uint32_t f = round == 0 ? (b & c) | (~b & d) : round == 1 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
		uint32_t k = round == 0 ? 0 : round == 1 ? 0x5a827999 : 0x6ed9eba1;
		uint32_t a = v[0] + f + x[order[round][i % 16]] + k;
		int r = shift[round][i % 4];

		v[0] = d;
		v[3] = c;
		v[2] = b;
		v[1] = a << r | a >> (32 - r);
	}
	for (unsigned i = 0; i < 4; i++)
		s[i] += v[i];
	memcpy(out, s, 16);
}

/* Grants @a when the response in @q is one of @password; else leaves it as it is. */
static inline void ntlmv2_judge(const char *password, const uint8_t server_challenge[8], const struct verifier_query *q,
				struct verifier_answer *a)
{
	static uint8_t data[8 + NTLM_RESPONSE_MAX];
	uint8_t names[4 * RECORD_NAME_MAX], key[16], proof[16];
	size_t len;

	len = ntlmv2_utf16(password, false, names);
	ntlmv2_md4(names, len, key);
	len = ntlmv2_utf16(q->user, true, names);
	len += ntlmv2_utf16(q->domain, false, names + len);
	ntlmv2_hmac(key, names, len, key);
	memcpy(data, server_challenge, 8);
	memcpy(data + 8, q->nt_response + 16, q->nt_response_len - 16);
	ntlmv2_hmac(key, data, 8 + q->nt_response_len - 16, proof);
	if (memcmp(proof, q->nt_response, 16) == 0) {
		a->granted = 1;
		a->ntstatus = 0;
		ntlmv2_hmac(key, proof, 16, a->session_key);
	}
}
