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
 * Reverts in [@section] of @text what ini_set() changed when it made @after from @before. @text may have been edited
 * since. A changed key that still has its value of @after gets its line of @before again, or is removed if @before does
 * not have the key. A changed key with any other value is kept. Returns 0 with the text in *@ret (malloc'ed) and
 * *@ret_len, and the names of the kept keys, separated by ", ", in *@ret_kept (malloc'ed, or NULL); or -ENOMEM. A text
 * without the section is copied.
 */
int ini_undo(const char *text, const char *section, const char *before, const char *after, char **ret, size_t *ret_len,
	     char **ret_kept);
