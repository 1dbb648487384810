/* SPDX-License-Identifier: MIT */
/*
 * The Client Info PDU, MS-RDPBCGR 2.2.1.11: it is parsed, and written again with the account and the ticket in place
 * of the client's names and password.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"

#define CLIENT_INFO_OUT_MAX 8192U

/*
 * Makes the Client Info PDU for xrdp from the client's, @in (a whole TPKT, which is MCS_CLIENT_INFO): empty domain,
 * @user and @password (UTF-8); shell, directory and the extended part stay unchanged. The caller must wipe @in and
 * @out. Returns 0 and the length in *@ret_len, -EPROTO when @in is malformed, -ENAMETOOLONG when a string is longer
 * than CLIENT_INFO_STRING_MAX bytes of UTF-16, or -EILSEQ when a string cannot be converted.
 */
int client_info_rewrite(const uint8_t *in, size_t len, const char *user, const char *password,
			uint8_t out[CLIENT_INFO_OUT_MAX], size_t *ret_len);
