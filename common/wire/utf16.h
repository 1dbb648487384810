/* SPDX-License-Identifier: MIT */
/* UTF-16LE of the wire and the UTF-8 of PAM. Unpaired surrogates and odd lengths are errors, nothing is replaced. */
#pragma once

#include "common/wire/view.h"

/*
 * Converts @in to UTF-8 in @out (not NUL-terminated). Returns 0 and the length
 * in @ret_len, -EILSEQ for malformed input, -ENOSPC when it does not fit.
 * U+0000 is converted like any other character.
 */
int utf16le_to_utf8(struct view in, uint8_t *out, size_t size, size_t *ret_len);

/* The opposite direction; overlong forms, surrogates and values over U+10FFFF are -EILSEQ. */
int utf8_to_utf16le(struct view in, uint8_t *out, size_t size, size_t *ret_len);

/* Returns 0 when the @len bytes at @p are valid UTF-8 (RFC 3629), else -EILSEQ. */
int utf8_check(const uint8_t *p, size_t len);
