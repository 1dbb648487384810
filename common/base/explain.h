/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdio.h>

/*
 * For functions that fail with a sentence for the administrator: puts the sentence into *@ret_error (malloc'ed; NULL
 * without memory) and returns @r.
 */
__attribute__((format(printf, 3, 4))) int explain(char **ret_error, int r, const char *fmt, ...);

/*
 * Appends a sentence to *@error (NULL: the first sentence), after EXPLAIN_SEPARATOR, and returns @r. Without memory the
 * sentence is lost.
 */
__attribute__((format(printf, 3, 4))) int explain_also(char **error, int r, const char *fmt, ...);

#define EXPLAIN_SEPARATOR "; "

/* Prints the sentences of @error, one a line. Each sentence begins with @path. */
void explain_print(FILE *to, const char *program, const char *path, const char *error);
