/* SPDX-License-Identifier: MIT */
/*
 * The directory is opened once, and files are opened relative to it. The whole file is read, checked and sorted before
 * its records are used. A change is written to a new file that is renamed into place. After a reload two verifiers may
 * run for a while: the lock on the directory serialises their changes.
 */
#include "credsspd/ntlm-verifier/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/explain.h"
#include "common/base/log.h"
#include "common/base/regular-file.h"
#include "common/base/secret.h"
#include "common/wire/name.h"
#include "credsspd/ntlm-verifier/nt-hashes.h"
#include "credsspd/ntlm-verifier/store-text.h"

struct store {
	char *path;             /* for messages */
	char *name, *temporary; /* in the directory */
	int dir;
	struct records records;
	struct stat seen; /* st_ino is 0 when there is no file */
};

static int check_file(const struct store *s, const struct stat *st, char **ret_error)
{
	if (!S_ISREG(st->st_mode))
		return explain(ret_error, -EPERM, "%s: is no regular file", s->path);
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return explain(ret_error, -EPERM, "%s: belongs to uid %u", s->path, st->st_uid);
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		return explain(ret_error, -EPERM, "%s: others can read or write it (mode %04o; 0600 is right)", s->path,
			       st->st_mode & 07777);
	if (st->st_size > (off_t)STORE_FILE_MAX)
		return explain(ret_error, -EFBIG, "%s: is too large", s->path);
	return 0;
}

/* A user who can rename files in the directory can choose the store. */
static int check_directory(const struct store *s, char **ret_error)
{
	struct stat st;

	if (fstat(s->dir, &st) < 0)
		return explain(ret_error, -errno, "%s: %s", s->path, strerror(errno));
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return explain(ret_error, -EPERM, "%s: its directory belongs to uid %u", s->path, st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return explain(ret_error, -EPERM, "%s: others can write to its directory (mode %04o)", s->path,
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

/* Reads the file into @ret_records, which must be empty. */
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
		return explain(ret_error, -errno, "%s: %s", s->path,
			       errno == ELOOP ? "is a symbolic link" : strerror(errno));
	if (fstat(fd, &st) < 0)
		return explain(ret_error, -errno, "%s: %s", s->path, strerror(errno));
	r = check_file(s, &st, ret_error);
	if (r < 0)
		return r;
	r = read_all(fd, (size_t)st.st_size, &text);
	if (r < 0)
		return explain(ret_error, r, "%s: %s", s->path, strerror(-r));
	r = store_text_read(s->path, &text, ret_records, ret_error);
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
	if (!s->path || !s->name)
		return -ENOMEM;
	if (asprintf(&s->temporary, "%s.new", s->name) < 0) {
		s->temporary = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int open_directory(struct store *s, char **ret_error)
{
	AUTO_FREE char *dir = strdup(s->path);
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!slash)
		return -ENOMEM;
	slash[slash == dir] = '\0';
	s->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s->dir < 0 ? explain(ret_error, -errno, "%s: %s", dir, strerror(errno)) : check_directory(s, ret_error);
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

/* Moves the records of @with to @s. */
static void take_over(struct store *s, struct records *with, const struct stat *seen)
{
	records_done(&s->records);
	s->records = *with;
	s->seen = *seen;
	*with = RECORDS_NULL;
}

int store_refresh(struct store *s, char **ret_error)
{
	CLEANUP(records_done) struct records fresh = RECORDS_NULL;
	struct stat st;
	int r;

	*ret_error = NULL;
	if (fstatat(s->dir, s->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		memset(&st, 0, sizeof st);
	if (regular_file_unchanged(&s->seen, &st))
		return 0;
	r = load(s, &fresh, &st, ret_error);
	if (r == 0)
		take_over(s, &fresh, &st);
	return r;
}

void store_refresh_and_log(struct store *s)
{
	AUTO_FREE char *error = NULL;
	int r = store_refresh(s, &error);

	if (r < 0)
		log_line(LOG_ERR, "NTLM store: the old records stay: %s", error ? error : strerror(-r));
}

/* ---- reading ---- */

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
	return records_after(&s->records, name);
}

const struct store_record *store_find(const struct store *s, const char *name)
{
	return records_find(&s->records, name);
}

/* ---- writing ---- */

/* Writes @records to a new file and renames it. *@ret_seen describes the new file, also when -EIO is returned. */
static int save(const struct store *s, const struct records *records, struct stat *ret_seen)
{
	AUTO_CLOSE int fd = -1;
	int r;

	(void)unlinkat(s->dir, s->temporary, 0); /* left by a write that was interrupted; this process has the lock */
	fd = openat(s->dir, s->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
	if (fd < 0)
		return -errno;
	r = store_text_write(fd, records);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(s->dir, s->temporary, s->dir, s->name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(s->dir, s->temporary, 0);
		return r;
	}
	/* the rename has changed st_ctim; when fstat() fails, the file is read again later */
	if (fstat(fd, ret_seen) < 0)
		memset(ret_seen, 0, sizeof *ret_seen);
	return 0;
}

/* Takes the lock and reads the changes of other verifiers. */
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

static int change(struct store *s, records_edit_fn edit, const struct store_record *record, const char *name,
		  char **ret_error)
{
	CLEANUP(records_done) struct records changed = RECORDS_NULL;
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

static int change_record(struct store *s, records_edit_fn edit, const struct store_record *record, char **ret_error)
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
	return change_record(s, records_set, record, ret_error);
}

int store_update(struct store *s, const struct store_record *record, char **ret_error)
{
	return change_record(s, records_update, record, ret_error);
}

int store_remove(struct store *s, const char *name, char **ret_error)
{
	return change(s, records_remove, NULL, name, ret_error);
}
