/* SPDX-License-Identifier: MIT */
/* Lists of strings that end with NULL. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Returns whether @list, which may be NULL, has @word; case counts. */
static inline bool words_have(char *const *list, const char *word)
{
	for (; list && *list; list++)
		if (strcmp(*list, word) == 0)
			return true;
	return false;
}
