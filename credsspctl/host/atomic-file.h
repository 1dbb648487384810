/* SPDX-License-Identifier: MIT */
/* Small files of the system, read whole and replaced whole, below a directory that stands for /. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct file_text {
	char *data; /* malloc'ed, with a NUL after it */
	size_t len;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

#define FILE_TEXT_NULL ((struct file_text){ .data = NULL })

void file_text_done(struct file_text *t);

/* Returns false without memory. */
bool file_text_copy(struct file_text *to, const struct file_text *from);

/* Returns whether the contents are equal; owner and mode do not count. NULL data, a missing file, equals nothing. */
bool file_text_same(const struct file_text *a, const struct file_text *b);

/*
 * Reads @path, relative to @root. Returns 0 or -errno: -ELOOP for a symbolic link, -EMEDIUMTYPE for anything else that
 * is no regular file, -EFBIG over SYSTEM_FILE_MAX, -EBADMSG for a NUL in it.
 */
int atomic_file_read(int root, const char *path, struct file_text *ret);

/*
 * Replaces @path with @t, its mode and owner, by renaming a new file: a reader sees the old or the new file, also after
 * a crash. Returns 0 or -errno.
 */
int atomic_file_replace(int root, const char *path, const struct file_text *t);
