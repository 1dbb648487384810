/* SPDX-License-Identifier: MIT */
/*
 * Account names that peers claim: what is refused before any lookup, and how
 * "user" and "domain" of a client become what is looked up. Pure functions.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"

/*
 * Checks one name (a user or a domain; @len octets of UTF-8): no NUL, control
 * characters (C0, C1, DEL), ':' or '/', valid UTF-8, at most ACCOUNT_NAME_MAX
 * octets. Returns 0 or -EINVAL.
 */
int name_check(const char *p, size_t len);

/*
 * Decodes a UTF-16LE string of a peer (@len octets) into @ret_ (UTF-8,
 * NUL-terminated): one trailing NUL is stripped, then name_check(). Returns 0,
 * -EINVAL for an odd length, unpaired surrogates or what name_check() refuses,
 * -ENAMETOOLONG when it does not fit; nothing is truncated.
 */
int name_decode_utf16le(const uint8_t *p, size_t len, char ret_[ACCOUNT_NAME_MAX + 1]);

/*
 * Splits what a client delegated or typed: "user" with a domain beside it,
 * "DOMAIN\user", "user@realm" (then @domain must be empty or is ignored when it
 * says the same). More than one backslash, a backslash together with '@', an
 * empty user and a user that is all digits are -EINVAL. @ret_user and @ret_domain
 * are NUL-terminated.
 */
int name_split(const char *domain, const char *user, char ret_domain[ACCOUNT_NAME_MAX + 1],
	       char ret_user[ACCOUNT_NAME_MAX + 1]);
