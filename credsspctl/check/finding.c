/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "credsspctl/check/check.h"

#define SAY(member) \
	do { \
		va_list ap; \
		va_start(ap, fmt); \
		free(found->member); \
		if (vasprintf(&found->member, fmt, ap) < 0) \
			found->member = NULL; \
		va_end(ap); \
	} while (0)

enum check_result check_looked(struct finding *found, const char *fmt, ...)
{
	SAY(looked_at);
	return CHECK_OK;
}

enum check_result check_wrong(struct finding *found, const char *fmt, ...)
{
	SAY(wrong);
	return CHECK_BAD;
}

enum check_result check_remedy(struct finding *found, const char *fmt, ...)
{
	SAY(remedy);
	return CHECK_BAD;
}

void check_finding_done(struct finding *f)
{
	free(f->looked_at);
	free(f->wrong);
	free(f->remedy);
	*f = (struct finding){ .wrong = NULL };
}
