/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "pam_credssp/helper/mode.h"

unsigned helper_say(struct helper_result *result, unsigned status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(result->detail, sizeof result->detail, format, ap);
	va_end(ap);
	return status;
}
