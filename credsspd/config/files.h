/* SPDX-License-Identifier: MIT */
/* What has to be right about the files of the configuration before libkrb5 parses them. */
#pragma once

/*
 * Checks @path and what it includes: regular files, owned by root or the caller, not writable by group and others, no
 * symbolic links, at most CONFIG_FILE_MAX, and nothing that libkrb5 would pass over in silence. Returns 0 or -errno
 * with a sentence in *@ret_error (malloc'ed, may be NULL without memory).
 */
int files_check(const char *path, char **ret_error);
