/* SPDX-License-Identifier: MIT */
#include "pam_credssp/log-word.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

const char *log_word(const char *text, char out[LOG_WORD_MAX + 1])
{
	size_t n = 0;

	for (const char *p = *text ? text : "?"; *p; p++) {
		bool plain = *p > ' ' && *p < 0x7f && *p != '\\' && *p != '"';

		if (n + 4 > LOG_WORD_MAX)
			break;
		n += (size_t)snprintf(out + n, LOG_WORD_MAX + 1 - n, plain ? "%c" : "\\x%02x", (unsigned char)*p);
	}
	out[n] = '\0';
	return out;
}
