/* SPDX-License-Identifier: MIT */
/* The cleartext of pubKeyAuth, MS-CSSP 3.1.5 (steps 3 and 4): what binds TLS and SPNEGO together. */
#pragma once

#include "common/base/limits.h"
#include "common/wire/view.h"

enum binding_direction {
	BINDING_CLIENT_TO_SERVER,
	BINDING_SERVER_TO_CLIENT,
};

#define BINDING_MAX SUBJECT_PUBLIC_KEY_MAX

/*
 * Computes the cleartext for @version: 5 and later the SHA-256 of magic, @nonce
 * (CLIENT_NONCE_LEN bytes) and @key; 2 to 4 @key itself, first byte + 1 towards the
 * client. @key is the SubjectPublicKey without the unused-bits byte.
 * Returns 0 and the length in @ret_len, or -EINVAL (empty or oversized key, nonce
 * missing where the version needs it).
 */
int binding_compute(unsigned version, enum binding_direction direction, struct view nonce, struct view key,
		    uint8_t out[BINDING_MAX], size_t *ret_len);
