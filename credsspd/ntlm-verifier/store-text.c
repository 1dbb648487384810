/* SPDX-License-Identifier: MIT */
#include "credsspd/ntlm-verifier/store-text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/explain.h"
#include "common/base/io.h"
#include "common/wire/name.h"

#define WRITE_BUFFER 65536U

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

/* Reads a decimal number of at most @max, of exactly @len bytes. Returns 0 or -EPROTO. */
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

/* Takes the field up to the next colon, or the rest, from *@p. */
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

static int read_lines(const char *path, const char *p, size_t len, struct records *r, char **ret_error)
{
	for (unsigned number = 2; len > 0; number++) {
		const char *newline = memchr(p, '\n', len);

		if (!newline || read_record(p, (size_t)(newline - p), &r->p[r->n]) < 0)
			return explain(ret_error, -EPROTO, "%s: line %u is malformed", path, number);
		r->n++;
		len -= (size_t)(newline + 1 - p);
		p = newline + 1;
	}
	return 0;
}

int store_text_read(const char *path, const struct secret *text, struct records *ret_records, char **ret_error)
{
	CLEANUP(records_done) struct records r = RECORDS_NULL;
	const struct store_record *twice;
	const char *p = secret_expose(text);
	size_t len = secret_len(text), first = strlen(STORE_FIRST_LINE), lines = count_lines(p, len);
	int e;

	if (len < first || memcmp(p, STORE_FIRST_LINE, first) != 0)
		return explain(ret_error, -EPROTO, "%s: line 1 is malformed, or of an unknown version", path);
	if (lines > NTLM_STORE_MAX_RECORDS + 1)
		return explain(ret_error, -EFBIG, "%s: more than %u records", path, NTLM_STORE_MAX_RECORDS);
	e = records_init(&r, lines + 1);
	if (e == 0)
		e = read_lines(path, p + first, len - first, &r, ret_error);
	if (e < 0)
		return e;
	twice = records_sort(&r);
	if (twice)
		return explain(ret_error, -EPROTO, "%s: there are two records of %s", path, twice->name);
	*ret_records = r;
	r = RECORDS_NULL;
	return 0;
}

/* ---- writing ---- */

/* The text to be written, in memory that is wiped. */
struct out {
	int fd;
	struct secret buffer;
};

static int out_flush(struct out *o)
{
	int r = io_write_all(o->fd, secret_expose(&o->buffer), secret_len(&o->buffer));

	return r < 0 ? r : secret_set_len(&o->buffer, 0);
}

static int out_put(struct out *o, const char *p, size_t len)
{
	int r = len > secret_room(&o->buffer) ? out_flush(o) : 0;

	return r < 0 ? r : secret_append(&o->buffer, p, len);
}

static int out_record(struct out *o, const struct store_record *record)
{
	static const char digit[] = "0123456789abcdef";
	char line[STORE_LINE_MAX + 1], hex[2 * NT_HASH_LEN + 1];
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

int store_text_write(int fd, const struct records *records)
{
	struct out o = { .fd = fd, .buffer = SECRET_NULL };
	int r = secret_init(&o.buffer, WRITE_BUFFER);

	if (r == 0)
		r = out_put(&o, STORE_FIRST_LINE, strlen(STORE_FIRST_LINE));
	for (size_t i = 0; i < records->n && r == 0; i++)
		r = out_record(&o, &records->p[i]);
	if (r == 0)
		r = out_flush(&o);
	secret_done(&o.buffer);
	return r;
}
