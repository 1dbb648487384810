/* SPDX-License-Identifier: MIT */
/*
 * The NTLM store: one NT hash per account, in a file that only the daemon's user
 * can read. A hash in it is as good as the password. store-text.h has the format.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/limits.h"
#include "credsspd/ntlm-verifier/ntlmv2.h"

struct store;

struct store_record {
	uid_t uid;
	char name[ACCOUNT_NAME_MAX + 1]; /* pw_name */
	uint8_t hash[NT_HASH_LEN];
	int64_t changed; /* seconds since the epoch */
};

/*
 * Opens the store at @path (absolute). A missing file is an empty store; a missing
 * directory is an error. -EPERM when anybody but this user and root could read or
 * write the file or change its directory, or when it is no regular file; -EPROTO
 * when a line is malformed. *@ret_error is one sentence, malloc'ed.
 */
int store_open(const char *path, struct store **ret_store, char **ret_error);

/* Wipes and frees; NULL is fine. */
void store_close(struct store *s);

/* Reads the file again when it has changed or is another one. On failure the records stay as they were. */
int store_refresh(struct store *s, char **ret_error);

/* Calls store_refresh() and logs its failure. */
void store_refresh_and_log(struct store *s);

size_t store_count(const struct store *s);

/* Records are sorted by name; NULL after the last. */
const struct store_record *store_at(const struct store *s, size_t i);

/* Returns the first record after @name, which need not exist. */
const struct store_record *store_after(const struct store *s, const char *name);

/*
 * The record of @name: exactly so, else the only one that differs in ASCII case.
 * NULL when there is none. Like store_at()'s, the pointer holds until the store is
 * refreshed or changed.
 */
const struct store_record *store_find(const struct store *s, const char *name);

/*
 * Adds or replaces the record of @record->name; replaces the one of exactly that name and
 * uid; removes that of exactly @name. The file is read again first, under a lock.
 * Written to a new file, synced, renamed: on failure the file and the records are as
 * they were, except that -EIO can also mean that the renamed file did not reach the
 * disk for sure. Returns 0, -ENOENT (update, remove), -EINVAL for a name that
 * name_check() refuses, -ENOSPC when the disk or the store is full, or another -errno.
 */
int store_set(struct store *s, const struct store_record *record, char **ret_error);
int store_update(struct store *s, const struct store_record *record, char **ret_error);
int store_remove(struct store *s, const char *name, char **ret_error);
