/* SPDX-License-Identifier: MIT */
/* What the programs of make check-sanitize-suites and their bed share: tests/lib/sanitizer.py has the same numbers. */
#pragma once

#include <stdatomic.h>

#define SANITIZER_BOARD "/run/bed/sanitizer"
#define SANITIZER_REPORTS 16U
#define SANITIZER_TEXT 8000U /* octets of one, with NUL */

struct sanitizer_board {
	_Atomic unsigned started; /* programs */
	_Atomic unsigned reports; /* may be more than there is room for */
	_Atomic unsigned armed;   /* row of tests/sanitized/bug.c, or 0 */
	char report[SANITIZER_REPORTS][SANITIZER_TEXT];
};
