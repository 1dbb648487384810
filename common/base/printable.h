/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/*
 * Returns how many bytes the character at @p has, or 0 when its first byte must be escaped before a person reads it:
 * controls of ASCII and (in UTF-8) of Latin-1, because a terminal may take U+009B for an escape sequence, bytes that
 * are not UTF-8, and the NUL at the end.
 */
size_t printable_len(const char *p);
