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

/* Room for @room records, at least one. Returns 0 or -ENOMEM. */
int records_init(struct records *r, size_t room);

/* A copy of @from with room for one more. */
int records_copy(const struct records *from, struct records *ret_);

/* Wipes; what is empty stays so. */
void records_done(struct records *r);

/* Sorts what was put into @r in any order. Returns NULL, or a record of which there are two. */
const struct store_record *records_sort(struct records *r);

/* As store_find() and store_after(). */
const struct store_record *records_find(const struct records *r, const char *name);
const struct store_record *records_after(const struct records *r, const char *name);

/*
 * What can be done to @r, which has room for one more: with @record, which is of @name, or without one. Returns 0,
 * -ENOENT (update, remove) or -ENOSPC (set).
 */
typedef int (*records_edit_fn)(struct records *r, const struct store_record *record, const char *name);
int records_set(struct records *r, const struct store_record *record, const char *name);
int records_update(struct records *r, const struct store_record *record, const char *name);
int records_remove(struct records *r, const struct store_record *record, const char *name);
