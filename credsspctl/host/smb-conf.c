/* SPDX-License-Identifier: MIT */
#include "credsspctl/host/smb-conf.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Offsets into the text of a line and its continuation lines, without the last newline. */
struct line {
	size_t begin, end;
};

static bool next_line(const char *text, struct line *l)
{
	size_t at = l->end;

	if (text[at] == '\n')
		at++;
	if (text[at] == '\0')
		return false;
	l->begin = at;
	for (l->end = at + strcspn(text + at, "\n"); text[l->end] == '\n' && l->end > at && text[l->end - 1] == '\\';)
		l->end += 1 + strcspn(text + l->end + 1, "\n");
	return true;
}

/* Returns whether @text up to @end is @name, ignoring case and blanks. */
static bool is_name(const char *text, const char *end, const char *name)
{
	for (;;) {
		while (text < end && isspace((unsigned char)*text))
			text++;
		while (*name == ' ')
			name++;
		if (text == end || !*name)
			return text == end && !*name;
		if (tolower((unsigned char)*text++) != tolower((unsigned char)*name++))
			return false;
	}
}

static size_t skip_blanks(const char *text, const struct line *l)
{
	size_t at = l->begin;

	while (at < l->end && isspace((unsigned char)text[at]))
		at++;
	return at;
}

static bool is_global(const char *text, size_t at, const struct line *l)
{
	const char *end = memchr(text + at, ']', l->end - at);

	return end && is_name(text + at + 1, end, "global");
}

/* The lines found in the section. */
struct place {
	bool section;
	struct line last; /* the last line that is not empty */
	struct line key;  /* the line of the key; end is 0 without one */
	size_t value;     /* the = of it */
};

static void look_at_line(const char *text, const char *name, const struct line *l, size_t at, struct place *p)
{
	const char *equals;

	if (at == l->end)
		return;
	p->last = *l;
	if (text[at] == '#' || text[at] == ';')
		return;
	equals = memchr(text + at, '=', l->end - at);
	if (!equals || !is_name(text + at, equals, name))
		return;
	p->key = *l;
	p->value = (size_t)(equals - text);
}

static struct place find(const char *text, const char *key)
{
	struct place p = { .section = false };
	struct line l = { 0, 0 };
	bool inside = false;

	while (next_line(text, &l)) {
		size_t at = skip_blanks(text, &l);

		if (at < l.end && text[at] == '[') {
			inside = is_global(text, at, &l);
			p.section = p.section || inside;
		}
		if (inside)
			look_at_line(text, key, &l, at, &p);
	}
	return p;
}

int smb_conf_set(const char *text, const char *key, const char *value, bool append, char **ret)
{
	struct place p = find(text, key);
	size_t keep;
	int n;

	if (!p.section)
		return -ENOENT;
	if (p.key.end == 0)
		n = asprintf(ret, "%.*s\n\t%s = %s%s", (int)p.last.end, text, key, value, text + p.last.end);
	else {
		keep = append ? p.key.end : p.value + 1;
		n = asprintf(ret, "%.*s %s%s", (int)keep, text, value, text + p.key.end);
	}
	if (n < 0)
		*ret = NULL;
	return n < 0 ? -ENOMEM : 0;
}

int smb_conf_unset(const char *text, const char *key, char **ret)
{
	struct place p = find(text, key);
	size_t end = p.key.end;

	if (end == 0)
		return -ENOENT;
	if (text[end] == '\n')
		end++;
	return asprintf(ret, "%.*s%s", (int)p.key.begin, text, text + end) < 0 ? -ENOMEM : 0;
}
