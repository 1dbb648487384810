/* SPDX-License-Identifier: MIT */
/*
 * The NTLM store as text: the first line names the version, the others are "uid:pw_name:32 hex digits:seconds since
 * the epoch".
 */
#pragma once

#include "common/base/secret.h"
#include "credsspd/ntlm-verifier/nt-hashes.h"

#define STORE_FIRST_LINE "credsspd ntlm store 1\n"
#define STORE_LINE_MAX (ACCOUNT_NAME_MAX + 10U + 2 * NT_HASH_LEN + 20U + 4U) /* numbers, colons, newline */
#define STORE_FILE_MAX (sizeof STORE_FIRST_LINE + (size_t)NTLM_STORE_MAX_RECORDS * STORE_LINE_MAX)

/*
 * Reads all of @text into @ret_records, which must be empty. Returns 0, -ENOMEM, or -EPROTO (malformed) or -EFBIG with
 * one sentence about it, malloc'ed, that begins with @path.
 */
int store_text_read(const char *path, const struct secret *text, struct records *ret_records, char **ret_error);

/* Writes @records to @fd. Returns 0, or -errno with an incomplete file. */
int store_text_write(int fd, const struct records *records);
