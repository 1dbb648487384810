/* SPDX-License-Identifier: MIT */
/*
 * xrdp (common/file.c of 0.9.21 and 0.10) uses the first section of a name, and the last line of a key in it. So the
 * last line is read, all lines of a key are set, and new keys come last.
 */
#include "credsspctl/host/ini.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/cleanup.h"
#include "common/base/regular-file.h"

struct line {
	const char *begin;
	size_t len; /* without the newline */
};

/* Takes the line at *@p and moves *@p after it; returns false at the end. */
static bool next_line(const char **p, struct line *ret)
{
	size_t len = strcspn(*p, "\n");

	if (**p == '\0')
		return false;
	*ret = (struct line){ *p, len };
	*p += len + ((*p)[len] == '\n' ? 1 : 0);
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct line trimmed(struct line l)
{
	while (l.len > 0 && is_blank(*l.begin)) {
		l.begin++;
		l.len--;
	}
	while (l.len > 0 && is_blank(l.begin[l.len - 1]))
		l.len--;
	return l;
}

/* Returns @l as xrdp reads it: without a comment, which may begin anywhere, and without blanks around it. */
static struct line said(struct line l)
{
	for (size_t i = 0; i < l.len; i++)
		if (l.begin[i] == '#' || l.begin[i] == ';')
			l.len = i;
	return trimmed(l);
}

/* Finds the name of the section that @l begins: the text between brackets, anywhere in the line. */
static bool section_of(struct line l, struct line *ret_name)
{
	size_t begin = 0;

	l = said(l);
	for (size_t i = 0; i < l.len; i++) {
		if (l.begin[i] == '[') {
			begin = i + 1;
		} else if (l.begin[i] == ']' && begin > 0) {
			*ret_name = (struct line){ l.begin + begin, i - begin };
			return true;
		}
	}
	return false;
}

/* Splits "key=value"; false for any other line. */
static bool split(struct line l, struct line *ret_key, struct line *ret_value)
{
	struct line name;
	const char *equals;

	l = said(l);
	equals = section_of(l, &name) ? NULL : memchr(l.begin, '=', l.len);
	if (!equals || equals == l.begin)
		return false;
	*ret_key = trimmed((struct line){ l.begin, (size_t)(equals - l.begin) });
	*ret_value = trimmed((struct line){ equals + 1, (size_t)(l.begin + l.len - equals - 1) });
	return true;
}

static bool same_name(struct line a, struct line b)
{
	return a.len == b.len && strncasecmp(a.begin, b.begin, a.len) == 0;
}

/* Finds the part of @text from the section's header to its last key. */
static int find_section(const char *text, const char *name, struct line *ret)
{
	const struct line wanted = { name, strlen(name) };
	const char *p = text, *begin = NULL, *end = NULL;
	struct line l, found, k, v;

	while (next_line(&p, &l)) {
		bool header = section_of(l, &found);

		if (begin && header)
			break;
		if (header && same_name(found, wanted))
			begin = end = p;
		else if (begin && split(l, &k, &v))
			end = p;
	}
	if (!begin)
		return -ENOENT;
	*ret = (struct line){ begin, (size_t)(end - begin) };
	return 0;
}

/* ---- reading ---- */

/* Reads the file up to a NUL, at which xrdp stops, too. */
static char *read_text(const char *path)
{
	AUTO_FCLOSE FILE *f = regular_file_stream(path);
	char *text = NULL;
	size_t size = 0;

	if (f && getdelim(&text, &size, '\0', f) <= 0) {
		free(text);
		return NULL;
	}
	return text;
}

int ini_get(const char *path, const char *section, const char *key, char **ret_value)
{
	AUTO_FREE char *text = read_text(path);
	struct line part, l, k, v, wanted = { key, strlen(key) }, value = { NULL, 0 };
	const char *p;

	if (!text || find_section(text, section, &part) < 0)
		return -ENOENT;
	p = part.begin;
	while (p < part.begin + part.len && next_line(&p, &l))
		if (split(l, &k, &v) && same_name(k, wanted))
			value = v;
	if (!value.begin)
		return -ENOENT;
	*ret_value = strndup(value.begin, value.len);
	return *ret_value ? 0 : -ENOMEM;
}

bool ini_has_section(const char *path, const char *section)
{
	AUTO_FREE char *text = read_text(path);
	struct line part;

	return text && find_section(text, section, &part) == 0;
}

bool ini_is_true(const char *value)
{
	static const char *const yes[] = { "1", "yes", "true", "on" };

	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (strcasecmp(value, yes[i]) == 0)
			return true;
	return false;
}

/* ---- changing ---- */

/* Finds the value of @key in @fragment. */
static bool lookup(const char *fragment, struct line key, struct line *ret)
{
	struct line l, k, v;

	while (next_line(&fragment, &l)) {
		if (split(l, &k, &v) && same_name(k, key)) {
			*ret = trimmed(l);
			return true;
		}
	}
	return false;
}

static int fragment_check(const char *fragment)
{
	struct line l, k, v;

	while (next_line(&fragment, &l))
		if (said(l).len > 0 && !split(l, &k, &v))
			return -EINVAL;
	return 0;
}

static void put(FILE *out, struct line l)
{
	(void)fwrite(l.begin, 1, l.len, out);
}

/* Writes the lines of @part, with the values of @fragment for its keys. */
static void put_changed(FILE *out, struct line part, const char *fragment)
{
	const char *p = part.begin, *end = part.begin + part.len;
	struct line l, key, value, wanted;

	while (p < end && next_line(&p, &l)) {
		if (split(l, &key, &value) && lookup(fragment, key, &wanted)) {
			bool crlf = l.len > 0 && l.begin[l.len - 1] == '\r';

			put(out, wanted);
			(void)fputs(crlf ? "\r" : "", out);
		} else {
			put(out, l);
		}
		if (p > part.begin && p[-1] == '\n')
			(void)fputc('\n', out);
	}
}

static bool has_key(struct line part, struct line key)
{
	const char *p = part.begin, *end = part.begin + part.len;
	struct line l, k, v;

	while (p < end && next_line(&p, &l))
		if (split(l, &k, &v) && same_name(k, key))
			return true;
	return false;
}

static void put_missing(FILE *out, struct line part, const char *fragment)
{
	const char *p = fragment;
	struct line l, key, value;

	/* the last line of a file may have no newline */
	if (part.len > 0 && part.begin[part.len - 1] != '\n')
		(void)fputc('\n', out);
	while (next_line(&p, &l)) {
		if (!split(l, &key, &value) || has_key(part, key))
			continue;
		put(out, trimmed(l));
		(void)fputc('\n', out);
	}
}

int ini_set(const char *text, const char *section, const char *fragment, char **ret, size_t *ret_len)
{
	AUTO_FREE char *data = NULL;
	struct line part;
	size_t len = 0;
	FILE *out;
	int r = fragment_check(fragment);

	if (r == 0)
		r = find_section(text, section, &part);
	if (r < 0)
		return r;
	out = open_memstream(&data, &len);
	if (!out)
		return -ENOMEM;
	put(out, (struct line){ text, (size_t)(part.begin - text) });
	if (part.begin > text && part.begin[-1] != '\n')
		(void)fputc('\n', out);
	put_changed(out, part, fragment);
	put_missing(out, part, fragment);
	(void)fputs(part.begin + part.len, out);
	if (fclose(out) != 0)
		return -ENOMEM;
	*ret = TAKE_PTR(data);
	*ret_len = len;
	return 0;
}

/* ---- undoing ---- */

/* Finds the last value of @key in @part, which xrdp uses. */
static bool value_in(struct line part, struct line key, struct line *ret)
{
	const char *p = part.begin, *end = part.begin + part.len;
	struct line l, k, v;
	bool found = false;

	while (p < end && next_line(&p, &l)) {
		if (!split(l, &k, &v) || !same_name(k, key))
			continue;
		*ret = v;
		found = true;
	}
	return found;
}

/* Returns line number @n of those with @key; the last one if there are fewer. */
static struct line nth_line_of(struct line part, struct line key, unsigned n)
{
	const char *p = part.begin, *end = part.begin + part.len;
	struct line l, k, v, found = { part.begin, 0 };

	while (p < end && next_line(&p, &l)) {
		if (!split(l, &k, &v) || !same_name(k, key))
			continue;
		found = l;
		if (n-- == 0)
			break;
	}
	return found;
}

static bool same_text(struct line a, struct line b)
{
	return a.len == b.len && memcmp(a.begin, b.begin, a.len) == 0;
}

/* Returns how many lines of @key are before @at. */
static unsigned occurrence(struct line part, struct line key, const char *at)
{
	const char *p = part.begin;
	struct line l, k, v;
	unsigned n = 0;

	while (p < at && next_line(&p, &l))
		n += l.begin < at && split(l, &k, &v) && same_name(k, key) ? 1 : 0;
	return n;
}

struct undo {
	struct line part, before, after;
	FILE *out, *kept;
	bool any_kept;
};

/* Undoes a line: *@ret_line is the line to write, or empty to drop it. */
static void undo_line(struct undo *u, struct line l, struct line *ret_line)
{
	struct line key, value, was = { NULL, 0 }, made;
	bool there;

	*ret_line = l;
	if (!split(l, &key, &value) || !value_in(u->after, key, &made))
		return;
	there = value_in(u->before, key, &was);
	if ((there && same_text(was, made)) || (there && same_text(value, was)))
		return; /* it was so, or is so again */
	if (same_text(value, made)) {
		*ret_line = there ? nth_line_of(u->before, key, occurrence(u->part, key, l.begin))
				  : (struct line){ l.begin, 0 };
		return;
	}
	(void)fputs(u->any_kept ? ", " : "", u->kept);
	put(u->kept, key);
	u->any_kept = true;
}

static void undo_part(struct undo *u)
{
	const char *p = u->part.begin, *end = u->part.begin + u->part.len;
	struct line l, replaced;

	while (p < end && next_line(&p, &l)) {
		undo_line(u, l, &replaced);
		if (replaced.len == 0 && l.len > 0)
			continue; /* with its newline */
		put(u->out, replaced);
		if (p > u->part.begin && p[-1] == '\n')
			(void)fputc('\n', u->out);
	}
}

int ini_undo(const char *text, const char *section, const char *before, const char *after, char **ret, size_t *ret_len,
	     char **ret_kept)
{
	AUTO_FREE char *data = NULL;
	AUTO_FREE char *kept = NULL;
	size_t len = 0, kept_len = 0;
	struct undo u = { .any_kept = false };
	bool there = find_section(text, section, &u.part) == 0 && find_section(before, section, &u.before) == 0 &&
		     find_section(after, section, &u.after) == 0;

	u.out = open_memstream(&data, &len);
	u.kept = open_memstream(&kept, &kept_len);
	if (!there)
		u.part = (struct line){ text, 0 };
	if (u.out && u.kept) {
		put(u.out, (struct line){ text, (size_t)(u.part.begin - text) });
		undo_part(&u);
		(void)fputs(u.part.begin + u.part.len, u.out);
	}
	if (!u.out || fclose(u.out) != 0 || !data)
		len = SIZE_MAX;
	if (!u.kept || fclose(u.kept) != 0 || !kept || len == SIZE_MAX)
		return -ENOMEM;
	*ret = TAKE_PTR(data);
	*ret_len = len;
	*ret_kept = u.any_kept ? TAKE_PTR(kept) : NULL;
	return 0;
}
