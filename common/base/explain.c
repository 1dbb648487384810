/* SPDX-License-Identifier: MIT */
#include "common/base/explain.h"

#include <stdarg.h>
#include <stdio.h>

int explain(char **ret_error, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(ret_error, fmt, ap) < 0)
		*ret_error = NULL;
	va_end(ap);
	return r;
}
