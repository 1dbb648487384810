/* SPDX-License-Identifier: MIT */
/*
 * TSRequest, MS-CSSP 2.2.1: DER with explicit tags. The reader accepts lengths in a longer form than needed, because
 * rdesktop sends them. Every other deviation is an error: trailing bytes, unknown, repeated or disordered fields, more
 * than one negoToken, a clientNonce that is not 32 bytes. The writer writes strict DER.
 */
#pragma once

#include <stdbool.h>

#include "common/base/limits.h"
#include "common/wire/view.h"

struct tsrequest {
	uint32_t version; /* as sent, 2 or more; the caller caps it at 6 */
	struct view nego_token;
	struct view auth_info;
	struct view pub_key_auth;
	struct view client_nonce; /* CLIENT_NONCE_LEN bytes when present */
	bool has_error_code;
	uint32_t error_code; /* NTSTATUS, written as a 4-byte two's complement INTEGER */
};

/*
 * Computes the length of the TSRequest at @p, of which @len bytes have arrived;
 * reads tag and length only. Returns 1 with the total length in @ret_total, 0
 * when more bytes are needed, -EPROTO when it is not a TSRequest, -EMSGSIZE when
 * it is longer than TSREQUEST_MAX.
 */
int tsrequest_frame(const uint8_t *p, size_t len, size_t *ret_total);

/* Reads the TSRequest that is the whole of @p; views point into @p. Returns 0 or -EPROTO (-EMSGSIZE over
 * TSREQUEST_MAX). */
int tsrequest_read(const uint8_t *p, size_t len, struct tsrequest *ret_);

/* Writes @t to @out. Returns 0 and the length in @ret_len, or -ENOSPC. */
int tsrequest_write(const struct tsrequest *t, uint8_t *out, size_t size, size_t *ret_len);
