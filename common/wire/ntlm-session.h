/* SPDX-License-Identifier: MIT */
/*
 * Session security of NTLM with extended session security, 128-bit keys and key exchange, MS-NLMP 3.4.4.2 and 3.4.5:
 * one signing key, one RC4 stream and one sequence number for each direction. Nothing weaker is here.
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

/* Wipes and frees; the session is NTLM_SESSION_NULL afterwards. */
void ntlm_session_done(struct ntlm_session *s);

/*
 * GSS_WrapEx: writes the signature and the sealed @clear to @out, which does not overlap it. Returns 0 and the length,
 * -ENOSPC, or -EIO.
 */
int ntlm_session_seal(struct ntlm_session *s, enum ntlm_direction way, struct view clear, uint8_t *out, size_t size,
		      size_t *ret_len);

/*
 * GSS_UnwrapEx into the empty secret @ret_. Returns 0; -EBADMSG when the signature is not right, after which the
 * session is of no use; -ENOMEM; -EIO.
 */
int ntlm_session_unseal(struct ntlm_session *s, enum ntlm_direction way, struct view sealed, struct secret *ret_);

/*
 * The mechListMIC of SPNEGO. It takes a sequence number, and the RC4 stream goes back to its beginning afterwards
 * (MS-SPNG 3.3.5.1), which is why these serve nothing else. They return 0, -EBADMSG (verify), or -EIO.
 */
int ntlm_session_mic(struct ntlm_session *s, enum ntlm_direction way, struct view message,
		     uint8_t ret_mic[NTLM_SEAL_SIGNATURE_LEN]);
int ntlm_session_verify_mic(struct ntlm_session *s, enum ntlm_direction way, struct view message, struct view mic);
