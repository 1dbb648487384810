/* SPDX-License-Identifier: MIT */
/*
 * What NTLM needs of OpenSSL. MD4 and RC4 are in its legacy provider, which is loaded into a library context of its
 * own, so that nothing else in the process can use them. MD5 is in the default provider, which lacks it in FIPS mode.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/wire/view.h"

#define NTLM_HASH_LEN 16U /* of MD4, MD5 and HMAC-MD5, and of every key of NTLM */

/*
 * Loads the algorithms. Once in a process, before its files become out of reach and before it forks. Returns 0, or
 * -ENOTSUP with one sentence in *@ret_error (static) when this host's OpenSSL does not give them.
 */
int ntlm_crypto_init(const char **ret_error);

/* These return 0 or -EIO. @parts are hashed one after the other. */
int ntlm_md4(struct view in, uint8_t ret_hash[NTLM_HASH_LEN]);
int ntlm_md5(const struct view *parts, size_t n, uint8_t ret_hash[NTLM_HASH_LEN]);
int ntlm_hmac_md5(const uint8_t key[NTLM_HASH_LEN], const struct view *parts, size_t n,
		  uint8_t ret_hash[NTLM_HASH_LEN]);

/* An RC4 stream and the position in it. */
struct ntlm_rc4;

/* Returns NULL without memory. ntlm_rc4_free() wipes and frees, and accepts NULL. */
struct ntlm_rc4 *ntlm_rc4_new(void);
void ntlm_rc4_free(struct ntlm_rc4 *rc4);

/* Begins the stream of @key. Returns 0 or -EIO. */
int ntlm_rc4_start(struct ntlm_rc4 *rc4, const uint8_t key[NTLM_HASH_LEN]);

/* Encrypts or decrypts @len bytes, also in place. Returns 0 or -EIO. */
int ntlm_rc4_crypt(struct ntlm_rc4 *rc4, const uint8_t *in, size_t len, uint8_t *out);
