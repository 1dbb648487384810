/* SPDX-License-Identifier: MIT */
/*
 * xrdp 0.9 (common/file.c) takes the first section of a name, skips lines that begin with `#`, `;` or `!`, and of a key
 * that is there twice takes the last one. Hence every one of them is set, and new ones come last.
 */
#include "credsspd/ctl/inikeys.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "include/credssp/cleanup.h"

struct line {
	const char *begin;
	size_t len; /* without the newline */
};

/* The line at *@p, which is moved behind it; false at the end. */
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

static bool is_comment(struct line l)
{
	return l.len == 0 || strchr("#;!", *l.begin) != NULL;
}

/* The name in front of `=`; false for any other line. */
static bool key_of(struct line l, struct line *ret_key)
{
	const char *equals;

	l = trimmed(l);
	if (is_comment(l) || *l.begin == '[')
		return false;
	equals = memchr(l.begin, '=', l.len);
	if (!equals || equals == l.begin)
		return false;
	*ret_key = trimmed((struct line){ l.begin, (size_t)(equals - l.begin) });
	return true;
}

static bool same_name(struct line a, struct line b)
{
	return a.len == b.len && strncasecmp(a.begin, b.begin, a.len) == 0;
}

static bool begins_section(struct line l, const char *name)
{
	l = trimmed(l);
	if (l.len < 2 || *l.begin != '[' || l.begin[l.len - 1] != ']')
		return false;
	return !name || same_name((struct line){ l.begin + 1, l.len - 2 }, (struct line){ name, strlen(name) });
}

/* What @fragment says for @key. */
static bool lookup(const char *fragment, struct line key, struct line *ret)
{
	struct line l, k;

	while (next_line(&fragment, &l)) {
		if (key_of(l, &k) && same_name(k, key)) {
			*ret = trimmed(l);
			return true;
		}
	}
	return false;
}

static int fragment_check(const char *fragment)
{
	struct line l, k;

	while (next_line(&fragment, &l))
		if (!is_comment(trimmed(l)) && !key_of(l, &k))
			return -EINVAL;
	return 0;
}

/* The part of @text between the header of the section and the next one, cut behind its last key. */
static int find_section(const char *text, const char *name, struct line *ret)
{
	const char *p = text, *begin = NULL, *end = NULL;
	struct line l, k;

	while (next_line(&p, &l)) {
		if (!begin && begins_section(l, name))
			begin = end = p;
		else if (begin && begins_section(l, NULL))
			break;
		else if (begin && key_of(l, &k))
			end = p;
	}
	if (!begin)
		return -ENOENT;
	*ret = (struct line){ begin, (size_t)(end - begin) };
	return 0;
}

static void put(FILE *out, struct line l)
{
	(void)fwrite(l.begin, 1, l.len, out);
}

/* The lines of @part, with those keys set that are there. */
static void put_changed(FILE *out, struct line part, const char *fragment)
{
	const char *p = part.begin, *end = part.begin + part.len;
	struct line l, key, value;

	while (p < end && next_line(&p, &l)) {
		if (key_of(l, &key) && lookup(fragment, key, &value)) {
			bool crlf = l.len > 0 && l.begin[l.len - 1] == '\r';

			put(out, value);
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
	struct line l, k;

	while (p < end && next_line(&p, &l))
		if (key_of(l, &k) && same_name(k, key))
			return true;
	return false;
}

static void put_missing(FILE *out, struct line part, const char *fragment)
{
	const char *p = fragment;
	struct line l, key;

	/* the last line of a file may lack its end */
	if (part.len > 0 && part.begin[part.len - 1] != '\n')
		(void)fputc('\n', out);
	while (next_line(&p, &l)) {
		if (!key_of(l, &key) || has_key(part, key))
			continue;
		put(out, trimmed(l));
		(void)fputc('\n', out);
	}
}

int inikeys_set(const char *text, const char *section, const char *fragment, char **ret, size_t *ret_len)
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
