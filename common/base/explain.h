/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * For functions that fail with a sentence for the administrator: puts the sentence into *@ret_error (malloc'ed; NULL
 * without memory) and returns @r.
 */
__attribute__((format(printf, 3, 4))) int explain(char **ret_error, int r, const char *fmt, ...);
