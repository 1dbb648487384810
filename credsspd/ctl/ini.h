/* SPDX-License-Identifier: MIT */
/* xrdp's ini files, as far as somebody has to read them who only looks. */
#pragma once

#include <stdbool.h>

/*
 * The last value of @key in the first section @section of @path, which is xrdp's (see inikeys.c), both in any case,
 * without blanks around it. Returns 0 (free() it), -ENOENT without file, section or key, or another -errno.
 */
int ini_get(const char *path, const char *section, const char *key, char **ret_value);

bool ini_has_section(const char *path, const char *section);

/* xrdp's idea of truth: 1, yes, true, on, in any case. */
bool ini_is_true(const char *value);
