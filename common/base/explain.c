/* SPDX-License-Identifier: MIT */
#include "common/base/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"

int explain(char **ret_error, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(ret_error, fmt, ap) < 0)
		*ret_error = NULL;
	va_end(ap);
	return r;
}

int explain_also(char **error, int r, const char *fmt, ...)
{
	AUTO_FREE char *sentence = NULL;
	char *all = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&sentence, fmt, ap) < 0)
		sentence = NULL;
	va_end(ap);
	if (!sentence || asprintf(&all, "%s%s%s", *error ? *error : "", *error ? EXPLAIN_SEPARATOR : "", sentence) < 0)
		return r;
	free(*error);
	*error = all;
	return r;
}

/* Returns the next separator in @text before a sentence about @path, or NULL. */
static const char *next_sentence(const char *text, const char *path)
{
	const size_t len = strlen(EXPLAIN_SEPARATOR);

	for (const char *p = strstr(text, EXPLAIN_SEPARATOR); p; p = strstr(p + len, EXPLAIN_SEPARATOR))
		if (strncmp(p + len, path, strlen(path)) == 0)
			return p;
	return NULL;
}

void explain_print(FILE *to, const char *program, const char *path, const char *error)
{
	const char *end;

	while ((end = next_sentence(error, path)) != NULL) {
		(void)fprintf(to, "%s: %.*s\n", program, (int)(end - error), error);
		error = end + strlen(EXPLAIN_SEPARATOR);
	}
	(void)fprintf(to, "%s: %s\n", program, error);
}
