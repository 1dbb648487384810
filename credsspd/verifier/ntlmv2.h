/* SPDX-License-Identifier: MIT */
/* NTLMv2 as the side that knows the NT hash, MS-NLMP 3.3.2. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "credsspd/wire/view.h"

#define NT_HASH_LEN 16U

/* Loads MD4 and MD5 once. Returns 0, or -ENOTSUP when the host's OpenSSL does not give them (FIPS mode). */
int ntlmv2_init(void);

/* NTOWFv1: MD4 of the password in UTF-16LE. @password is UTF-8. Returns 0, -EILSEQ, -ENOSPC, or -EIO. */
int ntlmv2_hash_password(struct view password, uint8_t ret_hash[NT_HASH_LEN]);

struct ntlmv2_claim {
	const char *user, *domain; /* UTF-8, as in the AUTHENTICATE message */
	const uint8_t *server_challenge; /* 8 octets */
	struct view response; /* NTProofStr and NTLMv2_CLIENT_CHALLENGE */
};

/*
 * Whether @claim was made with the password that @hash is of. Returns 1 and the SessionBaseKey, 0, or -errno. Takes the
 * same time for a right and a wrong one.
 */
int ntlmv2_verify(const struct ntlmv2_claim *claim, const uint8_t hash[NT_HASH_LEN], uint8_t ret_session_key[16]);
