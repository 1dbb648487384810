/* SPDX-License-Identifier: MIT */
/* Verifies NTLMv2 responses with the NT hash, MS-NLMP 3.3.2. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/wire/ntlm-crypto.h"
#include "common/wire/view.h"

#define NT_HASH_LEN NTLM_HASH_LEN
#define NTLMV2_SESSION_KEY_LEN NTLM_HASH_LEN

/*
 * Loads the algorithms (ntlm_crypto_init()) and the table of upper case. Call it once, before the process is confined.
 * Returns 0, or -ENOTSUP with one sentence in *@ret_error (static): then this host cannot do NTLM.
 */
int ntlmv2_init(const char **ret_error);

/*
 * NTOWFv1: MD4 of the password in UTF-16LE. @password is UTF-8 of at most
 * PASSWORD_MAX bytes. Returns 0, -EILSEQ, -ENOSPC, -ENOMEM, or -EIO.
 */
int ntlmv2_hash_password(struct view password, uint8_t ret_hash[NT_HASH_LEN]);

struct ntlmv2_claim {
	const char *user, *domain;       /* UTF-8, as in the AUTHENTICATE message */
	const uint8_t *server_challenge; /* 8 bytes */
	struct view response;            /* NTProofStr and NTLMv2_CLIENT_CHALLENGE, MS-NLMP 2.2.2.8 */
};

/*
 * Checks whether @claim was made with the password of @hash. Returns 1 and the SessionBaseKey, 0 for another password,
 * -EINVAL for a response of another form (LM and NTLMv1, too), or another -errno. Takes the same time for a right and a
 * wrong hash.
 */
int ntlmv2_verify(const struct ntlmv2_claim *claim, const uint8_t hash[NT_HASH_LEN],
		  uint8_t ret_session_key[NTLMV2_SESSION_KEY_LEN]);
