/* SPDX-License-Identifier: MIT */
/* The items of a PAM handle that are strings. */
#pragma once

#include <security/pam_modules.h>

/* Returns the item, owned by libpam, or "" when it is not set. */
static inline const char *text_item(pam_handle_t *pamh, int item)
{
	const void *value = NULL;

	return pam_get_item(pamh, item, &value) == PAM_SUCCESS && value ? value : "";
}
