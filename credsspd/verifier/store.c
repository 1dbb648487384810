/* SPDX-License-Identifier: MIT */
#include "credsspd/verifier/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "credsspd/wire/name.h"
#include "include/credssp/cleanup.h"
#include "include/credssp/secret.h"

#define FIRST_LINE "credsspd ntlm store 1\n"
#define LINE_MAX_ (ACCOUNT_NAME_MAX + 128U)
#define FILE_MAX_ (NTLM_STORE_MAX_RECORDS * 128UL)

struct store {
	const char *path;
	struct store_record *records; /* in a mapping of its own: not dumped, not inherited */
	size_t n, room;
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

static size_t size_of(size_t room)
{
	return room * sizeof(struct store_record);
}

static struct store_record *map_records(size_t room)
{
	void *p = mmap(NULL, size_of(room), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	(void)madvise(p, size_of(room), MADV_DONTDUMP);
	(void)madvise(p, size_of(room), MADV_WIPEONFORK);
	(void)mlock(p, size_of(room));
	return p;
}

static void unmap_records(struct store_record *records, size_t room)
{
	if (!records)
		return;
	secret_wipe(records, size_of(room));
	(void)munmap(records, size_of(room));
}

static int reserve(struct store *s, size_t n)
{
	size_t room = s->room ? s->room : 64;
	struct store_record *p;

	if (n > NTLM_STORE_MAX_RECORDS)
		return -ENOSPC;
	while (room < n)
		room *= 2;
	if (room == s->room)
		return 0;
	p = map_records(room);
	if (!p)
		return -ENOMEM;
	if (s->n)
		memcpy(p, s->records, size_of(s->n));
	unmap_records(s->records, s->room);
	s->records = p;
	s->room = room;
	return 0;
}

/* ---- reading ---- */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_hash(const char *p, uint8_t out[NT_HASH_LEN])
{
	for (size_t i = 0; i < NT_HASH_LEN; i++) {
		int high = hex_digit(p[2 * i]), low = high < 0 ? -1 : hex_digit(p[2 * i + 1]);

		if (low < 0)
			return -EPROTO;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static int read_number(char **p, char end, unsigned long long max, unsigned long long *out)
{
	char *stop;

	if (**p < '0' || **p > '9')
		return -EPROTO;
	errno = 0;
	*out = strtoull(*p, &stop, 10);
	if (errno || *stop != end || *out > max)
		return -EPROTO;
	*p = stop + 1;
	return 0;
}

static int read_line(char *line, struct store_record *ret_)
{
	struct store_record r = { .uid = 0 };
	unsigned long long n;
	char *end;
	int e = -EPROTO;

	if (read_number(&line, ':', UINT32_MAX - 1, &n) < 0)
		return -EPROTO;
	r.uid = (uid_t)n;
	end = strchr(line, ':');
	if (!end || end == line || name_check(line, (size_t)(end - line)) < 0)
		return -EPROTO;
	memcpy(r.name, line, (size_t)(end - line));
	line = end + 1;
	if (strlen(line) > 2 * NT_HASH_LEN && line[2 * NT_HASH_LEN] == ':' && read_hash(line, r.hash) == 0) {
		line += 2 * NT_HASH_LEN + 1;
		if (read_number(&line, '\n', INT64_MAX, &n) == 0 && *line == '\0') {
			r.changed = (int64_t)n;
			*ret_ = r;
			e = 0;
		}
	}
	secret_wipe(&r, sizeof r);
	return e;
}

static struct store_record *find_exact(const struct store *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->records[i].name, name) == 0)
			return &s->records[i];
	return NULL;
}

static int read_records(struct store *s, FILE *f, char **ret_error)
{
	char line[LINE_MAX_ + 2];
	unsigned number = 1;
	int r = 0;

	if (!fgets(line, sizeof line, f) || strcmp(line, FIRST_LINE) != 0)
		return fail(ret_error, -EPROTO, "%s: line 1: is no NTLM store of this version", s->path);
	while (r == 0 && fgets(line, sizeof line, f)) {
		number++;
		r = reserve(s, s->n + 1);
		if (r == 0)
			r = read_line(line, &s->records[s->n]);
		if (r == 0)
			s->n++;
	}
	secret_wipe(line, sizeof line);
	if (r == 0 && ferror(f))
		r = -EIO;
	return r < 0 ? fail(ret_error, r, "%s: line %u: %s", s->path, number, r == -EPROTO ? "malformed" : strerror(-r)) : 0;
}

static int check_file(const struct store *s, const struct stat *st, char **ret_error)
{
	if (!S_ISREG(st->st_mode))
		return fail(ret_error, -EPERM, "%s: is no regular file", s->path);
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return fail(ret_error, -EPERM, "%s: belongs to uid %u", s->path, st->st_uid);
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		return fail(ret_error, -EPERM, "%s: others can read or write it (mode %04o, 0600 is expected)", s->path,
			    st->st_mode & 07777);
	if (st->st_size > (off_t)FILE_MAX_)
		return fail(ret_error, -EFBIG, "%s: is too large", s->path);
	return 0;
}

/* Reads everything into @s, which is empty. */
static int load(struct store *s, char **ret_error)
{
	AUTO_FCLOSE FILE *f = NULL;
	static char buffer[65536]; /* stdio's own would be freed without being wiped */
	int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY), r;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return fail(ret_error, -errno, "%s: %s", s->path, errno == ELOOP ? "is a symbolic link" : strerror(errno));
	f = fdopen(fd, "r");
	if (!f) {
		(void)close(fd);
		return -ENOMEM;
	}
	(void)setvbuf(f, buffer, _IOFBF, sizeof buffer);
	if (fstat(fd, &s->seen) < 0)
		return -errno;
	r = check_file(s, &s->seen, ret_error);
	if (r == 0)
		r = read_records(s, f, ret_error);
	secret_wipe(buffer, sizeof buffer);
	return r;
}

int store_open(const char *path, struct store **ret_store, char **ret_error)
{
	struct store *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return -ENOMEM;
	s->path = path;
	r = load(s, ret_error);
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
	unmap_records(s->records, s->room);
	free(s);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The records of @from become those of @to. */
static void replace(struct store *to, struct store *from)
{
	unmap_records(to->records, to->room);
	*to = *from;
	from->records = NULL;
}

int store_refresh(struct store *s, char **ret_error)
{
	struct store fresh = { .path = s->path };
	struct stat st;
	int r;

	if (stat(s->path, &st) < 0)
		memset(&st, 0, sizeof st);
	if (same_file(&st, &s->seen))
		return 0;
	r = load(&fresh, ret_error);
	if (r < 0)
		unmap_records(fresh.records, fresh.room);
	else
		replace(s, &fresh);
	return r;
}

size_t store_count(const struct store *s)
{
	return s->n;
}

const struct store_record *store_at(const struct store *s, size_t i)
{
	return i < s->n ? &s->records[i] : NULL;
}

const struct store_record *store_find(const struct store *s, const char *name)
{
	const struct store_record *exact = find_exact(s, name), *similar = NULL;

	if (exact)
		return exact;
	for (size_t i = 0; i < s->n; i++) {
		if (strcasecmp(s->records[i].name, name) != 0)
			continue;
		if (similar)
			return NULL;
		similar = &s->records[i];
	}
	return similar;
}

/* ---- writing ---- */

static int write_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_record(int fd, const struct store_record *r)
{
	static const char digit[] = "0123456789abcdef";
	char line[LINE_MAX_], hex[2 * NT_HASH_LEN + 1];
	int n, e;

	for (size_t i = 0; i < NT_HASH_LEN; i++) {
		hex[2 * i] = digit[r->hash[i] >> 4];
		hex[2 * i + 1] = digit[r->hash[i] & 0xf];
	}
	hex[2 * NT_HASH_LEN] = '\0';
	n = snprintf(line, sizeof line, "%u:%s:%s:%lld\n", r->uid, r->name, hex, (long long)r->changed);
	e = n > 0 && (size_t)n < sizeof line ? write_all(fd, line, (size_t)n) : -EINVAL;
	secret_wipe(line, sizeof line);
	secret_wipe(hex, sizeof hex);
	return e;
}

static int sync_directory(const char *path)
{
	AUTO_FREE char *dir = strdup(path);
	AUTO_CLOSE int fd = -1;
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!slash)
		return dir ? 0 : -ENOMEM;
	slash[slash == dir] = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int write_file(const struct store *s, const char *temporary, struct stat *ret_stat)
{
	AUTO_CLOSE int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, FIRST_LINE, strlen(FIRST_LINE));
	for (size_t i = 0; i < s->n && r == 0; i++)
		r = write_record(fd, &s->records[i]);
	if (r == 0 && (fsync(fd) < 0 || fstat(fd, ret_stat) < 0))
		r = -errno;
	return r;
}

static int save(struct store *s)
{
	AUTO_FREE char *temporary = NULL;
	int r;

	if (asprintf(&temporary, "%s.new", s->path) < 0)
		return -ENOMEM;
	(void)unlink(temporary); /* of a write that was interrupted; this process is the only writer */
	r = write_file(s, temporary, &s->seen);
	if (r == 0 && rename(temporary, s->path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(temporary);
	return r < 0 ? r : sync_directory(s->path);
}

/* A copy of @s with room for one more, to change and write before it takes the place of @s. */
static int copy_of(const struct store *s, struct store *ret_copy)
{
	struct store c = { .path = s->path, .seen = s->seen };
	int r = reserve(&c, s->n + 1);

	if (r < 0)
		return r;
	if (s->n)
		memcpy(c.records, s->records, size_of(s->n));
	c.n = s->n;
	*ret_copy = c;
	return 0;
}

static int commit(struct store *s, struct store *changed)
{
	int r = save(changed);

	if (r < 0)
		unmap_records(changed->records, changed->room);
	else
		replace(s, changed);
	return r;
}

int store_set(struct store *s, const struct store_record *record)
{
	struct store_record *at;
	struct store c;
	int r = copy_of(s, &c);

	if (r < 0)
		return r;
	at = find_exact(&c, record->name);
	if (!at)
		at = &c.records[c.n++];
	*at = *record;
	return commit(s, &c);
}

int store_remove(struct store *s, const char *name)
{
	struct store_record *at;
	struct store c;
	int r;

	if (!find_exact(s, name))
		return -ENOENT;
	r = copy_of(s, &c);
	if (r < 0)
		return r;
	at = find_exact(&c, name);
	*at = c.records[--c.n];
	secret_wipe(&c.records[c.n], sizeof c.records[c.n]);
	return commit(s, &c);
}
