/* SPDX-License-Identifier: MIT */
/* Keys of one section of an .ini file as xrdp reads it, set without touching anything else of the text. */
#pragma once

#include <stddef.h>

/*
 * In the first [@section] of @text every line `key=value` of a key that @fragment sets (lines `key=value`; `#` and `;`
 * begin comments) gets @fragment's value; keys that are not there are added behind the last key of the section. Names
 * are compared without regard to case. Returns 0, the text in *@ret (malloc'ed) and *@ret_len; -ENOENT when there is no
 * such section, -EINVAL when @fragment has a line that is neither, -ENOMEM.
 */
int inikeys_set(const char *text, const char *section, const char *fragment, char **ret, size_t *ret_len);
