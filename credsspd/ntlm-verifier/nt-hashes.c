/* SPDX-License-Identifier: MIT */
#include "credsspd/ntlm-verifier/nt-hashes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

#include "common/base/secret.h"

static size_t bytes_of(size_t room)
{
	return room * sizeof(struct store_record);
}

void records_done(struct records *r)
{
	if (r->p) {
		secret_wipe(r->p, bytes_of(r->room));
		(void)munmap(r->p, bytes_of(r->room));
	}
	*r = RECORDS_NULL;
}

int records_init(struct records *r, size_t room)
{
	void *p = mmap(NULL, bytes_of(room), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	(void)madvise(p, bytes_of(room), MADV_DONTDUMP);
	(void)madvise(p, bytes_of(room), MADV_WIPEONFORK);
	(void)mlock(p, bytes_of(room)); /* RLIMIT_MEMLOCK may forbid it */
	*r = (struct records){ .p = p, .room = room };
	return 0;
}

int records_copy(const struct records *from, struct records *ret_)
{
	struct records r;
	int e = records_init(&r, from->n + 1);

	if (e < 0)
		return e;
	if (from->n)
		memcpy(r.p, from->p, bytes_of(from->n));
	r.n = from->n;
	*ret_ = r;
	return 0;
}

/* ---- order ---- */

/* The process never calls setlocale(): strcasecmp() is ASCII. */
static int compare_names(const char *a, const char *b)
{
	int r = strcasecmp(a, b);

	return r ? r : strcmp(a, b);
}

static int compare_records(const void *a, const void *b)
{
	const struct store_record *x = a, *y = b;

	return compare_names(x->name, y->name);
}

/* Returns the index of the first record for which @compare with @name is not negative. */
static size_t lower_bound(const struct records *r, const char *name, int (*compare)(const char *, const char *))
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(r->p[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Returns the index of exactly @name, or -1. */
static ssize_t find_exact(const struct records *r, const char *name)
{
	size_t at = lower_bound(r, name, compare_names);

	return at < r->n && strcmp(r->p[at].name, name) == 0 ? (ssize_t)at : -1;
}

const struct store_record *records_sort(struct records *r)
{
	if (r->n > 1)
		qsort(r->p, r->n, sizeof *r->p, compare_records);
	for (size_t i = 1; i < r->n; i++)
		if (strcmp(r->p[i - 1].name, r->p[i].name) == 0)
			return &r->p[i];
	return NULL;
}

const struct store_record *records_find(const struct records *r, const char *name)
{
	size_t similar = lower_bound(r, name, strcasecmp);
	ssize_t exact = find_exact(r, name);

	if (exact >= 0)
		return &r->p[exact];
	if (similar >= r->n || strcasecmp(r->p[similar].name, name) != 0)
		return NULL;
	if (similar + 1 < r->n && strcasecmp(r->p[similar + 1].name, name) == 0)
		return NULL;
	return &r->p[similar];
}

const struct store_record *records_after(const struct records *r, const char *name)
{
	size_t at = lower_bound(r, name, compare_names);

	if (at < r->n && strcmp(r->p[at].name, name) == 0)
		at++;
	return at < r->n ? &r->p[at] : NULL;
}

/* ---- changes ---- */

int records_set(struct records *r, const struct store_record *record, const char *name)
{
	size_t at = lower_bound(r, name, compare_names);

	if (at == r->n || strcmp(r->p[at].name, name) != 0) {
		if (r->n == NTLM_STORE_MAX_RECORDS)
			return -ENOSPC;
		memmove(&r->p[at + 1], &r->p[at], bytes_of(r->n - at));
		r->n++;
	}
	r->p[at] = *record;
	return 0;
}

int records_update(struct records *r, const struct store_record *record, const char *name)
{
	ssize_t at = find_exact(r, name);

	/* another uid: the record is of an earlier account with this name and must not be revived */
	if (at < 0 || r->p[at].uid != record->uid)
		return -ENOENT;
	r->p[at] = *record;
	return 0;
}

int records_remove(struct records *r, const struct store_record *record, const char *name)
{
	ssize_t at = find_exact(r, name);

	if (at < 0)
		return -ENOENT;
	r->n--;
	memmove(&r->p[at], &r->p[at + 1], bytes_of(r->n - (size_t)at));
	return 0;
}
