/* SPDX-License-Identifier: MIT */
/* Checks the configuration files before libkrb5 parses them. */
#pragma once

#include <time.h>

/*
 * Checks @path and what it includes: regular files, owned by root or the caller, not writable by group and others, no
 * symbolic links, at most CONFIG_FILE_MAX, and no line that libkrb5 would ignore silently. Returns 0 or -errno
 * with a sentence in *@ret_error (malloc'ed, may be NULL without memory). *@ret_newest is when the last of them, or of
 * the directories, was changed.
 */
int files_check(const char *path, time_t *ret_newest, char **ret_error);
