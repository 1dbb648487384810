/* SPDX-License-Identifier: MIT */
/* xrdp's ini files: reads keys, and sets keys of one section without changing the rest of the text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Reads a value as xrdp does: the last one of @key in the first section @section of @path, ignoring case, without
 * blanks around it. Returns 0 (free() the value), -ENOENT without file, section or key, or another -errno.
 */
int ini_get(const char *path, const char *section, const char *key, char **ret_value);

bool ini_has_section(const char *path, const char *section);

/* Returns whether xrdp reads @value as true: 1, yes, true, on, in any case. */
bool ini_is_true(const char *value);

/*
 * Sets keys in the first [@section] of @text to the values of @fragment (lines `key=value`; `#` and `;` begin
 * comments). All lines of a key get the value; missing keys are added after the last key of the section. Case of names
 * is ignored. Returns 0 and the text in *@ret (malloc'ed) and *@ret_len; -ENOENT without the section, -EINVAL when
 * @fragment has another kind of line, or -ENOMEM.
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
