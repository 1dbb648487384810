/* SPDX-License-Identifier: MIT */
/*
 * The directory is opened once and everything is done below its descriptor. The
 * whole file is read, checked, sorted and only then taken over; it is written as a
 * new file that is renamed into place. Two verifiers may live for a while when
 * the configuration is read again: the lock on the directory keeps their changes apart.
 */
#include "credsspd/verifier/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "credsspd/wire/name.h"
#include "include/credssp/cleanup.h"
#include "include/credssp/secret.h"

#define FIRST_LINE "credsspd ntlm store 1\n"
#define RECORD_LINE_MAX (ACCOUNT_NAME_MAX + 10U + 2 * NT_HASH_LEN + 20U + 4U) /* numbers, colons, newline */
#define STORE_FILE_MAX (sizeof FIRST_LINE + (size_t)NTLM_STORE_MAX_RECORDS * RECORD_LINE_MAX)
#define WRITE_BUFFER 65536U

/* Sorted by compare_names(). */
struct records {
	struct store_record *p; /* in a mapping of its own: not dumped, not inherited */
	size_t n, room;
};

struct store {
	char *path;             /* for messages */
	char *name, *temporary; /* in the directory */
	int dir;
	struct records records;
	struct stat seen; /* st_ino is 0 when there is no file */
};

__attribute__((format(printf, 3, 4))) static int fail(char **ret_error, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(ret_error, fmt, ap) < 0)
		*ret_error = NULL;
	va_end(ap);
	return r;
}

/* ---- memory ---- */

static size_t octets_of(size_t room)
{
	return room * sizeof(struct store_record);
}

static void records_done(struct records *r)
{
	if (r->p) {
		secret_wipe(r->p, octets_of(r->room));
		(void)munmap(r->p, octets_of(r->room));
	}
	*r = (struct records){ .p = NULL };
}

static int records_init(struct records *r, size_t room)
{
	void *p = mmap(NULL, octets_of(room), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	(void)madvise(p, octets_of(room), MADV_DONTDUMP);
	(void)madvise(p, octets_of(room), MADV_WIPEONFORK);
	(void)mlock(p, octets_of(room)); /* RLIMIT_MEMLOCK may say no */
	*r = (struct records){ .p = p, .room = room };
	return 0;
}

/* A copy of @from with room for one more. */
static int records_copy(const struct records *from, struct records *ret_)
{
	struct records r;
	int e = records_init(&r, from->n + 1);

	if (e < 0)
		return e;
	if (from->n)
		memcpy(r.p, from->p, octets_of(from->n));
	r.n = from->n;
	*ret_ = r;
	return 0;
}

/* ---- order ---- */

/* Names that differ only in ASCII case are neighbours; the process never calls setlocale(). */
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

/* The place of the first record for which @compare with @name is not negative. */
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

/* The place of exactly @name, or -1. */
static ssize_t find_exact(const struct records *r, const char *name)
{
	size_t at = lower_bound(r, name, compare_names);

	return at < r->n && strcmp(r->p[at].name, name) == 0 ? (ssize_t)at : -1;
}

/* ---- reading ---- */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_hash(const char *p, uint8_t out[NT_HASH_LEN])
{
	for (size_t i = 0; i < NT_HASH_LEN; i++) {
		int high = hex_digit(p[2 * i]), low = hex_digit(p[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EPROTO;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

/* All of the @len octets at @p are digits and a number up to @max. */
static int read_number(const char *p, size_t len, uint64_t max, uint64_t *ret_)
{
	uint64_t n = 0;

	if (len == 0 || len > 19)
		return -EPROTO;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -EPROTO;
		n = n * 10 + (uint64_t)(p[i] - '0');
	}
	if (n > max)
		return -EPROTO;
	*ret_ = n;
	return 0;
}

/* Cuts the field before the next colon, or all that is left, off *@p. */
static bool next_field(const char **p, const char *end, const char **ret_field, size_t *ret_len)
{
	const char *colon;

	if (*p > end)
		return false;
	colon = memchr(*p, ':', (size_t)(end - *p));
	*ret_field = *p;
	*ret_len = (size_t)((colon ? colon : end) - *p);
	*p = (colon ? colon : end) + 1;
	return true;
}

/* @len is without the newline. */
static int read_record(const char *line, size_t len, struct store_record *ret_)
{
	const char *p = line, *end = line + len, *field[4];
	size_t n[4];
	uint64_t uid, changed;

	for (size_t i = 0; i < 4; i++)
		if (!next_field(&p, end, &field[i], &n[i]))
			return -EPROTO;
	/* a fifth field */
	if (p <= end)
		return -EPROTO;
	if (read_number(field[0], n[0], UINT32_MAX - 1, &uid) < 0 || n[1] == 0 || name_check(field[1], n[1]) < 0 ||
	    n[2] != 2 * NT_HASH_LEN || read_number(field[3], n[3], INT64_MAX, &changed) < 0)
		return -EPROTO;
	memset(ret_, 0, sizeof *ret_);
	if (read_hash(field[2], ret_->hash) < 0)
		return -EPROTO;
	memcpy(ret_->name, field[1], n[1]);
	ret_->uid = (uid_t)uid;
	ret_->changed = (int64_t)changed;
	return 0;
}

static size_t count_lines(const char *p, size_t len)
{
	size_t n = 0;

	for (const char *end = p + len; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		n++;
	return n;
}

static int parse_lines(const struct store *s, const char *p, size_t len, struct records *r, char **ret_error)
{
	for (unsigned number = 2; len > 0; number++) {
		const char *newline = memchr(p, '\n', len);

		if (!newline || read_record(p, (size_t)(newline - p), &r->p[r->n]) < 0)
			return fail(ret_error, -EPROTO, "%s: line %u is malformed", s->path, number);
		r->n++;
		len -= (size_t)(newline + 1 - p);
		p = newline + 1;
	}
	return 0;
}

static int parse(const struct store *s, const struct secret *text, struct records *ret_, char **ret_error)
{
	CLEANUP(records_done) struct records r = { .p = NULL };
	const char *p = secret_expose(text);
	size_t len = secret_len(text), first = strlen(FIRST_LINE), lines = count_lines(p, len);
	int e;

	if (len < first || memcmp(p, FIRST_LINE, first) != 0)
		return fail(ret_error, -EPROTO, "%s: line 1 is malformed, or of a version that is not known here",
			    s->path);
	if (lines > NTLM_STORE_MAX_RECORDS + 1)
		return fail(ret_error, -EFBIG, "%s: more than %u records", s->path, NTLM_STORE_MAX_RECORDS);
	e = records_init(&r, lines + 1);
	if (e == 0)
		e = parse_lines(s, p + first, len - first, &r, ret_error);
	if (e < 0)
		return e;
	if (r.n > 1)
		qsort(r.p, r.n, sizeof *r.p, compare_records);
	for (size_t i = 1; i < r.n; i++)
		if (strcmp(r.p[i - 1].name, r.p[i].name) == 0)
			return fail(ret_error, -EPROTO, "%s: there are two records of %s", s->path, r.p[i].name);
	*ret_ = r;
	r = (struct records){ .p = NULL };
	return 0;
}

static int check_file(const struct store *s, const struct stat *st, char **ret_error)
{
	if (!S_ISREG(st->st_mode))
		return fail(ret_error, -EPERM, "%s: is no regular file", s->path);
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return fail(ret_error, -EPERM, "%s: belongs to uid %u", s->path, st->st_uid);
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		return fail(ret_error, -EPERM, "%s: others can read or write it (mode %04o; 0600 is right)", s->path,
			    st->st_mode & 07777);
	if (st->st_size > (off_t)STORE_FILE_MAX)
		return fail(ret_error, -EFBIG, "%s: is too large", s->path);
	return 0;
}

/* Who can rename files in the directory can choose the store. */
static int check_directory(const struct store *s, char **ret_error)
{
	struct stat st;

	if (fstat(s->dir, &st) < 0)
		return fail(ret_error, -errno, "%s: %s", s->path, strerror(errno));
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return fail(ret_error, -EPERM, "%s: its directory belongs to uid %u", s->path, st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return fail(ret_error, -EPERM, "%s: others can write to its directory (mode %04o)", s->path,
			    st.st_mode & 07777);
	return 0;
}

static int read_all(int fd, size_t len, struct secret *ret_text)
{
	int r = secret_init(ret_text, len);

	while (r == 0 && secret_len(ret_text) < len) {
		size_t have = secret_len(ret_text);
		ssize_t n = read(fd, (char *)secret_expose(ret_text) + have, len - have);

		if (n < 0 && errno == EINTR)
			continue;
		r = n < 0 ? -errno : n == 0 ? -EIO : secret_set_len(ret_text, have + (size_t)n);
	}
	return r;
}

/* Reads the file as it is now; @ret_records must be empty. */
static int load(const struct store *s, struct records *ret_records, struct stat *ret_seen, char **ret_error)
{
	AUTO_SECRET struct secret text = SECRET_NULL;
	AUTO_CLOSE int fd = openat(s->dir, s->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 && errno == ENOENT) {
		memset(ret_seen, 0, sizeof *ret_seen);
		return 0;
	}
	if (fd < 0)
		return fail(ret_error, -errno, "%s: %s", s->path,
			    errno == ELOOP ? "is a symbolic link" : strerror(errno));
	if (fstat(fd, &st) < 0)
		return fail(ret_error, -errno, "%s: %s", s->path, strerror(errno));
	r = check_file(s, &st, ret_error);
	if (r < 0)
		return r;
	r = read_all(fd, (size_t)st.st_size, &text);
	if (r < 0)
		return fail(ret_error, r, "%s: %s", s->path, strerror(-r));
	r = parse(s, &text, ret_records, ret_error);
	if (r == 0)
		*ret_seen = st;
	return r;
}

/* ---- opening ---- */

static int set_names(struct store *s, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash || !slash[1])
		return -EINVAL;
	s->path = strdup(path);
	s->name = strdup(slash + 1);
	return s->path && s->name && asprintf(&s->temporary, "%s.new", s->name) >= 0 ? 0 : -ENOMEM;
}

static int open_directory(struct store *s, char **ret_error)
{
	AUTO_FREE char *dir = strdup(s->path);
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!slash)
		return -ENOMEM;
	slash[slash == dir] = '\0';
	s->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s->dir < 0 ? fail(ret_error, -errno, "%s: %s", dir, strerror(errno)) : check_directory(s, ret_error);
}

int store_open(const char *path, struct store **ret_store, char **ret_error)
{
	struct store *s = calloc(1, sizeof *s);
	int r;

	*ret_error = NULL;
	if (!s)
		return -ENOMEM;
	s->dir = -1;
	r = set_names(s, path);
	if (r == 0)
		r = open_directory(s, ret_error);
	if (r == 0)
		r = load(s, &s->records, &s->seen, ret_error);
	if (r < 0) {
		store_close(s);
		return r;
	}
	*ret_store = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	records_done(&s->records);
	(void)close_fd(s->dir);
	free(s->path);
	free(s->name);
	free(s->temporary);
	free(s);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* The records of @with become those of @s. */
static void take_over(struct store *s, struct records *with, const struct stat *seen)
{
	records_done(&s->records);
	s->records = *with;
	s->seen = *seen;
	*with = (struct records){ .p = NULL };
}

int store_refresh(struct store *s, char **ret_error)
{
	CLEANUP(records_done) struct records fresh = { .p = NULL };
	struct stat st;
	int r;

	*ret_error = NULL;
	if (fstatat(s->dir, s->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		memset(&st, 0, sizeof st);
	if (same_file(&st, &s->seen))
		return 0;
	r = load(s, &fresh, &st, ret_error);
	if (r == 0)
		take_over(s, &fresh, &st);
	return r;
}

/* ---- looking ---- */

size_t store_count(const struct store *s)
{
	return s->records.n;
}

const struct store_record *store_at(const struct store *s, size_t i)
{
	return i < s->records.n ? &s->records.p[i] : NULL;
}

const struct store_record *store_after(const struct store *s, const char *name)
{
	size_t at = lower_bound(&s->records, name, compare_names);

	if (at < s->records.n && strcmp(s->records.p[at].name, name) == 0)
		at++;
	return store_at(s, at);
}

const struct store_record *store_find(const struct store *s, const char *name)
{
	const struct records *r = &s->records;
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

/* ---- writing ---- */

/* What is to be written, gathered in memory that is wiped. */
struct out {
	int fd;
	struct secret buffer;
};

static int out_flush(struct out *o)
{
	const char *p = secret_expose(&o->buffer);
	size_t left = secret_len(&o->buffer);

	while (left > 0) {
		ssize_t n = write(o->fd, p, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		left -= (size_t)n;
	}
	return secret_set_len(&o->buffer, 0);
}

static int out_put(struct out *o, const char *p, size_t len)
{
	int r = len > secret_room(&o->buffer) ? out_flush(o) : 0;

	return r < 0 ? r : secret_append(&o->buffer, p, len);
}

static int out_record(struct out *o, const struct store_record *record)
{
	static const char digit[] = "0123456789abcdef";
	char line[RECORD_LINE_MAX + 1], hex[2 * NT_HASH_LEN + 1];
	int n, r;

	for (size_t i = 0; i < NT_HASH_LEN; i++) {
		hex[2 * i] = digit[record->hash[i] >> 4];
		hex[2 * i + 1] = digit[record->hash[i] & 0xf];
	}
	hex[2 * NT_HASH_LEN] = '\0';
	n = snprintf(line, sizeof line, "%u:%s:%s:%" PRId64 "\n", record->uid, record->name, hex, record->changed);
	r = n > 0 && (size_t)n < sizeof line ? out_put(o, line, (size_t)n) : -EINVAL;
	secret_wipe(line, sizeof line);
	secret_wipe(hex, sizeof hex);
	return r;
}

static int write_records(int fd, const struct records *records)
{
	struct out o = { .fd = fd, .buffer = SECRET_NULL };
	int r = secret_init(&o.buffer, WRITE_BUFFER);

	if (r == 0)
		r = out_put(&o, FIRST_LINE, strlen(FIRST_LINE));
	for (size_t i = 0; i < records->n && r == 0; i++)
		r = out_record(&o, &records->p[i]);
	if (r == 0)
		r = out_flush(&o);
	secret_done(&o.buffer);
	return r;
}

/* Writes @records and puts the file in its place; *@ret_seen is then the file, even when -EIO follows. */
static int save(const struct store *s, const struct records *records, struct stat *ret_seen)
{
	AUTO_CLOSE int fd = -1;
	int r;

	(void)unlinkat(s->dir, s->temporary, 0); /* of a write that was interrupted; we have the lock */
	fd = openat(s->dir, s->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
	if (fd < 0)
		return -errno;
	r = write_records(fd, records);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(s->dir, s->temporary, s->dir, s->name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(s->dir, s->temporary, 0);
		return r;
	}
	/* the rename has changed st_ctim; when fstat() fails the file is simply read again */
	if (fstat(fd, ret_seen) < 0)
		memset(ret_seen, 0, sizeof *ret_seen);
	return 0;
}

/* Takes the lock and what others have written meanwhile. */
static int begin_change(struct store *s, char **ret_error)
{
	int r;

	*ret_error = NULL;
	while (flock(s->dir, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	r = store_refresh(s, ret_error);
	if (r < 0)
		(void)flock(s->dir, LOCK_UN);
	return r;
}

static int end_change(struct store *s, struct records *changed)
{
	struct stat seen = { .st_ino = 0 };
	int r = save(s, changed, &seen);

	if (r == 0) {
		take_over(s, changed, &seen);
		if (fsync(s->dir) < 0)
			r = -EIO;
	}
	(void)flock(s->dir, LOCK_UN);
	return r;
}

/* What is done to the records: with @record, which is of @name, or without one. */
typedef int (*edit_fn)(struct records *r, const struct store_record *record, const char *name);

static int put(struct records *r, const struct store_record *record, const char *name)
{
	size_t at = lower_bound(r, name, compare_names);

	if (at == r->n || strcmp(r->p[at].name, name) != 0) {
		if (r->n == NTLM_STORE_MAX_RECORDS)
			return -ENOSPC;
		memmove(&r->p[at + 1], &r->p[at], octets_of(r->n - at));
		r->n++;
	}
	r->p[at] = *record;
	return 0;
}

static int replace(struct records *r, const struct store_record *record, const char *name)
{
	ssize_t at = find_exact(r, name);

	/* of another uid: the name had another account once, which nobody asked to bring back */
	if (at < 0 || r->p[at].uid != record->uid)
		return -ENOENT;
	r->p[at] = *record;
	return 0;
}

static int take_out(struct records *r, const struct store_record *record, const char *name)
{
	ssize_t at = find_exact(r, name);

	(void)record;
	if (at < 0)
		return -ENOENT;
	r->n--;
	memmove(&r->p[at], &r->p[at + 1], octets_of(r->n - (size_t)at));
	return 0;
}

static int change(struct store *s, edit_fn edit, const struct store_record *record, const char *name, char **ret_error)
{
	CLEANUP(records_done) struct records changed = { .p = NULL };
	int r = begin_change(s, ret_error);

	if (r < 0)
		return r;
	r = records_copy(&s->records, &changed);
	if (r == 0)
		r = edit(&changed, record, name);
	if (r == 0)
		return end_change(s, &changed);
	(void)flock(s->dir, LOCK_UN);
	return r;
}

static int change_record(struct store *s, edit_fn edit, const struct store_record *record, char **ret_error)
{
	size_t len = strnlen(record->name, sizeof record->name);

	*ret_error = NULL;
	if (len == 0 || len > ACCOUNT_NAME_MAX || name_check(record->name, len) < 0 || record->uid == (uid_t)-1 ||
	    record->changed < 0)
		return -EINVAL;
	return change(s, edit, record, record->name, ret_error);
}

int store_set(struct store *s, const struct store_record *record, char **ret_error)
{
	return change_record(s, put, record, ret_error);
}

int store_update(struct store *s, const struct store_record *record, char **ret_error)
{
	return change_record(s, replace, record, ret_error);
}

int store_remove(struct store *s, const char *name, char **ret_error)
{
	return change(s, take_out, NULL, name, ret_error);
}
