/* SPDX-License-Identifier: MIT */
#include "credsspctl/report/report-text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/cleanup.h"
#include "credsspctl/host/print-dbus.h"

#define NAMES_MAX 200U /* different ones; a line with one more is left out */
#define LEFT_OUT "(left out)"

static void print_line(FILE *out, const char *line, size_t len)
{
	AUTO_FREE char *copy = strndup(line, len);

	(void)fputs("  ", out);
	print_escaped_line(out, copy);
}

/* ---- configuration ---- */

static bool is_secret_key(const char *key, size_t len)
{
	static const char *const words[] = { "password", "passwd", "secret", "authtok", "pin", "psk" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t n = strlen(words[i]);

		for (size_t at = 0; at + n <= len; at++)
			if (strncasecmp(key + at, words[i], n) == 0)
				return true;
	}
	return false;
}

/* The length of the line up to the value of a secret's key; @len when there is none. */
static size_t public_part(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		size_t end = i, begin;

		if (line[i] != '=')
			continue;
		while (end > 0 && isblank((unsigned char)line[end - 1]))
			end--;
		for (begin = end; begin > 0 && !isblank((unsigned char)line[begin - 1]); begin--)
			;
		if (is_secret_key(line + begin, end - begin))
			return i + 1;
	}
	return len;
}

void report_print_configuration(FILE *out, const char *text)
{
	for (size_t len; *text; text += len + (text[len] ? 1 : 0)) {
		const char *first = text + strspn(text, " \t\r");
		size_t shown;

		len = strcspn(text, "\n");
		if (first >= text + len || *first == '#' || *first == ';')
			continue;
		shown = public_part(text, len);
		if (shown == len) {
			print_line(out, text, len);
		} else {
			AUTO_FREE char *line = NULL;

			if (asprintf(&line, "%.*s " LEFT_OUT, (int)shown, text) < 0)
				line = NULL;
			print_line(out, line ? line : LEFT_OUT, strlen(line ? line : LEFT_OUT));
		}
	}
}

/* ---- logs ---- */

static const struct field {
	const char *key, *token;
} fields[] = {
	{ "user=", "user" },     { "ruser=", "user" },          { "principal=", "principal" },
	{ "account=", "user" },  { "delegated=", "user" },      { "domain=", "domain" },
	{ "rhost=", "address" }, { "workstation=", "machine" }, { "logname=", "user" }, /* pam_krb5's user */
};
#define N_FIELDS (sizeof fields / sizeof *fields)

struct name {
	char *value;
	const struct field *field;
	unsigned number;
};

struct names {
	struct name p[NAMES_MAX];
	size_t n;
	bool full;
};

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->p[i].value);
}

static void add_name(struct names *names, const struct field *field, const char *value, size_t len)
{
	unsigned number = 1;

	for (size_t i = 0; i < names->n; i++) {
		if (strlen(names->p[i].value) == len && strncmp(names->p[i].value, value, len) == 0)
			return;
		number += strcmp(names->p[i].field->token, field->token) == 0;
	}
	if (len == 0)
		return;
	if (names->n == NAMES_MAX) {
		names->full = true;
		return;
	}
	names->p[names->n] = (struct name){ strndup(value, len), field, number };
	names->n += names->p[names->n].value ? 1 : 0;
}

/* A value ends at a blank, or at the quote that it begins with. */
static void find_values(struct names *names, const struct field *field, const char *text)
{
	for (const char *p = text; (p = strstr(p, field->key));) {
		bool is_part = p > text && (isalnum((unsigned char)p[-1]) || p[-1] == '-' || p[-1] == '_');
		bool quoted;

		p += strlen(field->key);
		quoted = *p == '"';
		if (!is_part)
			add_name(names, field, p + quoted, strcspn(p + quoted, quoted ? "\"\n" : " \t\n"));
	}
}

/* Longer ones first: "alice@AD" before "alice". */
static int longer_first(const void *a, const void *b)
{
	size_t x = strlen(((const struct name *)a)->value), y = strlen(((const struct name *)b)->value);

	return (x < y) - (x > y);
}

/* The longest name that is a whole word before @end. */
static const struct name *name_at(const struct names *names, const char *p, const char *end)
{
	for (size_t i = 0; i < names->n; i++) {
		size_t n = strlen(names->p[i].value);

		if (n <= (size_t)(end - p) && strncmp(p, names->p[i].value, n) == 0 && !isalnum((unsigned char)p[n]))
			return &names->p[i];
	}
	return NULL;
}

static void print_masked(FILE *out, const struct names *names, const char *line, size_t len)
{
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	FILE *masked = open_memstream(&text, &size);

	if (!masked)
		return;
	for (const char *p = line; p < line + len;) {
		bool begins = p == line || !isalnum((unsigned char)p[-1]);
		const struct name *name = begins ? name_at(names, p, line + len) : NULL;

		if (name) {
			(void)fprintf(masked, "%s-%u", name->field->token, name->number);
			p += strlen(name->value);
		} else {
			(void)fputc(*p++, masked);
		}
	}
	if (fclose(masked) == 0)
		print_line(out, text, size);
}

void report_print_log(FILE *out, const char *text)
{
	static struct names names; /* too large for the stack */

	names = (struct names){ .n = 0 };
	for (size_t i = 0; i < N_FIELDS; i++)
		find_values(&names, &fields[i], text);
	if (names.n > 0)
		qsort(names.p, names.n, sizeof *names.p, longer_first);
	if (names.full)
		print_line(out, LEFT_OUT, strlen(LEFT_OUT));
	for (size_t len; !names.full && *text; text += len + (text[len] ? 1 : 0)) {
		len = strcspn(text, "\n");
		print_masked(out, &names, text, len);
	}
	names_done(&names);
}
