/* SPDX-License-Identifier: MIT */
/*
 * The records of the NTLM store in memory, sorted by name: names that differ only in ASCII case are neighbours. The
 * array is a mapping of its own: not dumped, not inherited by forks, locked where RLIMIT_MEMLOCK lets it, wiped.
 */
#pragma once

#include <stddef.h>

#include "credsspd/ntlm-verifier/store.h"

struct records {
	struct store_record *p;
	size_t n, room;
};

#define RECORDS_NULL ((struct records){ .p = NULL })

/* Allocates room for @room records, at least one. Returns 0 or -ENOMEM. */
int records_init(struct records *r, size_t room);

/* Copies @from, with room for one more record. */
int records_copy(const struct records *from, struct records *ret_);

/* Wipes and frees; empty @r is allowed. */
void records_done(struct records *r);

/* Sorts the records. Returns NULL, or a record with a name that occurs twice. */
const struct store_record *records_sort(struct records *r);

/* As store_find() and store_after(). */
const struct store_record *records_find(const struct records *r, const char *name);
const struct store_record *records_after(const struct records *r, const char *name);

/*
 * A change of @r, which has room for one more record: set or update with @record (its name is @name), or remove
 * (@record is NULL). Returns 0, -ENOENT (update, remove) or -ENOSPC (set).
 */
typedef int (*records_edit_fn)(struct records *r, const struct store_record *record, const char *name);
int records_set(struct records *r, const struct store_record *record, const char *name);
int records_update(struct records *r, const struct store_record *record, const char *name);
int records_remove(struct records *r, const struct store_record *record, const char *name);
