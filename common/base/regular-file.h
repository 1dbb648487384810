/* SPDX-License-Identifier: MIT */
/* Files that an administrator names: a FIFO or a device would block the program that opens it, or never end. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

/* Opens @path to read it, following symbolic links. Returns a descriptor; -errno, -EINVAL when it is no regular file. */
int regular_file_open(const char *path);

/* Returns 0 for a regular file that can be opened, or what regular_file_open() says. */
int regular_file_check(const char *path);

/* Returns a stream to read, or NULL with errno set as regular_file_open() says. */
FILE *regular_file_stream(const char *path);

/* Returns whether the two are states of one file that was not written to, replaced or changed in between. */
bool regular_file_unchanged(const struct stat *before, const struct stat *now);
