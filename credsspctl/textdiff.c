/* SPDX-License-Identifier: MIT */
/* The longest common subsequence by its table; beginnings and ends that are the same stay out of it. */
#include "credsspctl/textdiff.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "credsspctl/print-dbus.h"

struct lines {
	const char **begin; /* n + 1 of them: the last one is the end */
	size_t n;
};

static void lines_done(struct lines *l)
{
	free(l->begin);
}

static bool lines_init(struct lines *l, const char *text)
{
	size_t n = 0;

	for (const char *p = text; *p; n++)
		p += strcspn(p, "\n") + (strchr(p, '\n') ? 1 : 0);
	l->begin = calloc(n + 1, sizeof *l->begin);
	if (!l->begin)
		return false;
	l->n = n;
	for (size_t i = 0; i < n; i++) {
		l->begin[i] = text;
		text += strcspn(text, "\n") + (strchr(text, '\n') ? 1 : 0);
	}
	l->begin[n] = text;
	return true;
}

static size_t length(const struct lines *l, size_t i)
{
	return (size_t)(l->begin[i + 1] - l->begin[i]);
}

static bool same(const struct lines *a, size_t i, const struct lines *b, size_t j)
{
	return length(a, i) == length(b, j) && memcmp(a->begin[i], b->begin[j], length(a, i)) == 0;
}

static void print_line(FILE *out, char sign, const struct lines *l, size_t i)
{
	size_t len = length(l, i);
	AUTO_FREE char *line = strndup(l->begin[i], len > 0 && l->begin[i][len - 1] == '\n' ? len - 1 : len);

	(void)fprintf(out, "  %c ", sign);
	show_string(out, line ? line : "...");
	(void)fputc('\n', out);
}

/* a[from ... a_end) against b[from ... b_end) */
struct span {
	size_t from, a_end, b_end;
};

static struct span differing(const struct lines *a, const struct lines *b)
{
	struct span s = { 0, a->n, b->n };

	while (s.from < s.a_end && s.from < s.b_end && same(a, s.from, b, s.from))
		s.from++;
	while (s.a_end > s.from && s.b_end > s.from && same(a, s.a_end - 1, b, s.b_end - 1)) {
		s.a_end--;
		s.b_end--;
	}
	return s;
}

/* table[i * (w + 1) + j]: how long the common subsequence of what is behind i and j is */
static void fill_table(uint16_t *table, const struct lines *a, const struct lines *b, const struct span *s)
{
	size_t h = s->a_end - s->from, w = s->b_end - s->from;

	for (size_t i = h; i-- > 0;) {
		for (size_t j = w; j-- > 0;) {
			uint16_t *here = &table[i * (w + 1) + j];
			uint16_t down = here[w + 1], right = here[1];

			if (same(a, s->from + i, b, s->from + j))
				*here = (uint16_t)(here[w + 2] + 1);
			else
				*here = down > right ? down : right;
		}
	}
}

static void print_by_table(FILE *out, const uint16_t *table, const struct lines *a, const struct lines *b,
			   struct span s)
{
	size_t h = s.a_end - s.from, w = s.b_end - s.from, i = 0, j = 0;

	while (i < h || j < w) {
		bool both = i < h && j < w;

		if (both && same(a, s.from + i, b, s.from + j)) {
			i++;
			j++;
		} else if (j >= w || (both && table[(i + 1) * (w + 1) + j] >= table[i * (w + 1) + j + 1])) {
			print_line(out, '-', a, s.from + i++);
		} else {
			print_line(out, '+', b, s.from + j++);
		}
	}
}

static void print_whole(FILE *out, const struct lines *a, const struct lines *b, struct span s)
{
	for (size_t i = s.from; i < s.a_end; i++)
		print_line(out, '-', a, i);
	for (size_t j = s.from; j < s.b_end; j++)
		print_line(out, '+', b, j);
}

void textdiff_show(FILE *out, const char *before, const char *after)
{
	CLEANUP(lines_done) struct lines a = { NULL, 0 };
	CLEANUP(lines_done) struct lines b = { NULL, 0 };
	AUTO_FREE uint16_t *table = NULL;
	struct span s;

	if (!lines_init(&a, before) || !lines_init(&b, after))
		return;
	s = differing(&a, &b);
	if (s.a_end - s.from <= DIFF_LINES_MAX && s.b_end - s.from <= DIFF_LINES_MAX)
		table = calloc((s.a_end - s.from + 1) * (s.b_end - s.from + 1), sizeof *table);
	if (!table) {
		print_whole(out, &a, &b, s);
		return;
	}
	fill_table(table, &a, &b, &s);
	print_by_table(out, table, &a, &b, s);
}
