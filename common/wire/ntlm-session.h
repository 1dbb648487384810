/* SPDX-License-Identifier: MIT */
/*
 * Session security of NTLM with extended session security, 128-bit keys and key exchange, MS-NLMP 3.4.4.2 and 3.4.5:
 * one signing key, one RC4 stream and one sequence number for each direction. Weaker forms are not implemented.
 */
#pragma once

#include <stdbool.h>

#include "common/base/secret.h"
#include "common/wire/ntlm-crypto.h"

#define NTLM_SEAL_SIGNATURE_LEN 16U /* NTLMSSP_MESSAGE_SIGNATURE, MS-NLMP 2.2.2.9.1 */

enum ntlm_direction { NTLM_TO_SERVER, NTLM_TO_CLIENT, NTLM_DIRECTIONS_ };

struct ntlm_session {
	struct {
		uint8_t sign_key[NTLM_HASH_LEN], seal_key[NTLM_HASH_LEN];
		struct ntlm_rc4 *seal;
		uint32_t sequence;
	} way[NTLM_DIRECTIONS_];
};

#define NTLM_SESSION_NULL ((struct ntlm_session){ .way = { { .sequence = 0 } } })

/* @key: ExportedSessionKey. Returns 0, -ENOMEM or -EIO; call ntlm_session_done() in every case. */
int ntlm_session_init(struct ntlm_session *s, const uint8_t key[NTLM_HASH_LEN]);

/* Wipes and frees the keys; the session is NTLM_SESSION_NULL afterwards. */
void ntlm_session_done(struct ntlm_session *s);

/*
 * GSS_WrapEx: writes the signature and the sealed @clear to @out, which must not overlap @clear. Returns 0 and the
 * length, -ENOSPC, or -EIO.
 */
int ntlm_session_seal(struct ntlm_session *s, enum ntlm_direction way, struct view clear, uint8_t *out, size_t size,
		      size_t *ret_len);

/*
 * GSS_UnwrapEx into the empty secret @ret_. Returns 0, -EBADMSG for a wrong signature (the session cannot be used after
 * that), -ENOMEM or -EIO.
 */
int ntlm_session_unseal(struct ntlm_session *s, enum ntlm_direction way, struct view sealed, struct secret *ret_);

/*
 * Make and verify the mechListMIC of SPNEGO, and nothing else: the MIC uses up a sequence number, and afterwards the
 * RC4 stream starts again from its beginning (MS-SPNG 3.3.5.1). They return 0, -EBADMSG (verify), or -EIO.
 */
int ntlm_session_mic(struct ntlm_session *s, enum ntlm_direction way, struct view message,
		     uint8_t ret_mic[NTLM_SEAL_SIGNATURE_LEN]);
int ntlm_session_verify_mic(struct ntlm_session *s, enum ntlm_direction way, struct view message, struct view mic);
