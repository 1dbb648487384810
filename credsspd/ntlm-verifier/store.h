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
 * Opens the store at @path (absolute). A missing file is an empty store; a missing directory is an error. Returns 0;
 * -EPERM when users other than this one and root could read or write the file or change its directory, or when it is
 * not a regular file; -EPROTO when a line is malformed; or another -errno. *@ret_error is one sentence, malloc'ed.
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
 * Returns the record of exactly @name, else the only record that differs from it in ASCII case, else NULL. The pointer
 * is valid until the store is refreshed or changed, as that of store_at().
 */
const struct store_record *store_find(const struct store *s, const char *name);

/*
 * store_set() adds or replaces the record of @record->name; store_update() replaces a record of exactly that name and
 * uid; store_remove() removes the record of exactly @name. They read the file again first, under a lock, and write a
 * new file that is synced and renamed. On failure file and records are unchanged; after -EIO the new file may be in
 * place but not on the disk. Return 0, -ENOENT (update, remove), -EINVAL for a name that name_check() refuses, -ENOSPC
 * when the disk or the store is full, or another -errno.
 */
int store_set(struct store *s, const struct store_record *record, char **ret_error);
int store_update(struct store *s, const struct store_record *record, char **ret_error);
int store_remove(struct store *s, const char *name, char **ret_error);
