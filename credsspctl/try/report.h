/* SPDX-License-Identifier: MIT */
/* The lines that credsspctl try prints: one a step, then a sentence. */
#pragma once

#include <stdint.h>

/* Prints the line of a step. Control characters in the text, which may be the server's, are made visible. */
__attribute__((format(printf, 2, 3))) void report_step(const char *step, const char *fmt, ...);

/* Prints the sentence at the end, "failed: ..." or "ok: ...", and returns @r. */
__attribute__((format(printf, 2, 3))) int report_end(int r, const char *fmt, ...);

/* Returns a sentence, without a full stop, about the NTSTATUS @code of a TSRequest. */
const char *report_status(uint32_t code);
