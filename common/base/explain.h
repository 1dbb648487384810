/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdio.h>

/*
 * Puts a sentence for the administrator into *@ret_error (malloc'ed; NULL without memory), without freeing its old
 * value, and returns @r: a function that fails ends with `return explain(...)`.
 */
__attribute__((format(printf, 3, 4))) int explain(char **ret_error, int r, const char *fmt, ...);

/*
 * Appends a sentence to *@error (malloc'ed; NULL without a sentence so far), after EXPLAIN_SEPARATOR, and returns @r.
 * Without memory *@error stays as it is.
 */
__attribute__((format(printf, 3, 4))) int explain_also(char **error, int r, const char *fmt, ...);

#define EXPLAIN_SEPARATOR "; "

/*
 * Prints "@program: SENTENCE" for each sentence of @error, one a line. A sentence that follows another one is recognized
 * by @path at its beginning.
 */
void explain_print(FILE *to, const char *program, const char *path, const char *error);
