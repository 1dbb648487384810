/* SPDX-License-Identifier: MIT */
/*
 * The NTLM store: one NT hash per account, in a file that only the daemon's user can read. A hash in it is as good as the
 * password. Lines "uid:pw_name:32 hex digits:seconds", behind a first line that names the version.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "credsspd/verifier/ntlmv2.h"
#include "include/credssp/limits.h"

struct store;

struct store_record {
	uid_t uid;
	char name[ACCOUNT_NAME_MAX + 1]; /* pw_name */
	uint8_t hash[NT_HASH_LEN];
	int64_t changed; /* seconds since the epoch */
};

/*
 * Opens the store at @path (kept by reference); a missing file is an empty store, a missing directory is not. Refused (-EPERM) when others than
 * the caller or root could read or write it, or when it is no regular file. -EPROTO for a malformed one. *@ret_error: one sentence, malloc'ed.
 */
int store_open(const char *path, struct store **ret_store, char **ret_error);

/* Wipes and frees; NULL is fine. */
void store_close(struct store *s);

/* Reads the file again when it is another one or has changed. On failure the old records stay. */
int store_refresh(struct store *s, char **ret_error);

size_t store_count(const struct store *s);
const struct store_record *store_at(const struct store *s, size_t i);

/* The record of @name: exactly so, else the only one that differs in ASCII case. NULL when there is none. */
const struct store_record *store_find(const struct store *s, const char *name);

/*
 * Adds or replaces the record of @record->name; removes that of @name. Written to a new file, synced, renamed: on failure the file and the
 * records are as they were. Returns 0, -ENOENT (remove), -ENOSPC and other -errno.
 */
int store_set(struct store *s, const struct store_record *record);
int store_remove(struct store *s, const char *name);
