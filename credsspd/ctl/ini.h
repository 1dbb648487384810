/* SPDX-License-Identifier: MIT */
/* xrdp's ini files: looked at, and keys of one section set without touching anything else of the text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * The last value of @key in the first section @section of @path, which is xrdp's, both in any case,
 * without blanks around it. Returns 0 (free() it), -ENOENT without file, section or key, or another -errno.
 */
int ini_get(const char *path, const char *section, const char *key, char **ret_value);

bool ini_has_section(const char *path, const char *section);

/* xrdp's idea of truth: 1, yes, true, on, in any case. */
bool ini_is_true(const char *value);

/*
 * In the first [@section] of @text every line `key=value` of a key that @fragment sets (lines `key=value`; `#` and `;`
 * begin comments) gets @fragment's value; keys that are not there are added behind the last key of the section. Names
 * are compared without regard to case. Returns 0, the text in *@ret (malloc'ed) and *@ret_len; -ENOENT when there is no
 * such section, -EINVAL when @fragment has a line that is neither, -ENOMEM.
 */
int ini_set(const char *text, const char *section, const char *fragment, char **ret, size_t *ret_len);

/*
 * Undoes in @text, which may have been changed since, what ini_set() did to [@section] when it made @after of @before:
 * each line of a key whose value differs between the two, and that still has the value of @after, becomes what it was
 * in @before, or goes when there was none. Returns 0 with the text in *@ret (malloc'ed) and *@ret_len, and in
 * *@ret_kept the names of such keys that have a third value and are left, separated by ", " (malloc'ed; NULL for none);
 * -ENOMEM. A text without the section is copied.
 */
int ini_undo(const char *text, const char *section, const char *before, const char *after, char **ret, size_t *ret_len,
	     char **ret_kept);
