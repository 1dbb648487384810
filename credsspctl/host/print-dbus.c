/* SPDX-License-Identifier: MIT */
#include "credsspctl/host/print-dbus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/printable.h"

#define INDENT 2
#define DEPTH_MAX 8U

/* ---- one value ---- */

union basic {
	uint8_t y;
	int16_t n;
	uint16_t q;
	int b; /* sd-bus reads booleans into an int */
	int32_t i;
	uint32_t u;
	int64_t x;
	uint64_t t;
	double d;
	const char *s;
};

void print_escaped(FILE *out, const char *s)
{
	while (*s) {
		size_t n = printable_len(s);

		if (n)
			(void)fwrite(s, 1, n, out);
		else
			(void)fprintf(out, "\\x%02x", (unsigned char)*s);
		s += n ? n : 1;
	}
}

void print_escaped_line(FILE *out, char *line)
{
	for (char *part; (part = strsep(&line, "\t"));) {
		print_escaped(out, part);
		(void)fputs(line ? "\t" : "\n", out);
	}
}

/* Prints the first character of @s, which is a control or not UTF-8. Returns its length. */
static size_t json_unprintable(FILE *out, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	bool latin1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0; /* U+0080 to U+009F */

	if (p[0] < 0x80 || latin1)
		(void)fprintf(out, "\\u%04x", p[latin1]);
	else
		(void)fputc('?', out);
	return latin1 ? 2 : 1;
}

/* RFC 8259 section 7 */
void print_json_string(FILE *out, const char *s)
{
	(void)fputc('"', out);
	while (*s) {
		size_t n = printable_len(s);

		if (*s == '"' || *s == '\\')
			(void)fputc('\\', out);
		if (n)
			(void)fwrite(s, 1, n, out);
		s += n ? n : json_unprintable(out, s);
	}
	(void)fputc('"', out);
}

/* Prints the value @v of the basic type @type. -EOPNOTSUPP for a descriptor. */
static int print_basic(FILE *out, char type, const union basic *v, bool json)
{
	switch (type) {
	case SD_BUS_TYPE_BYTE:
		return fprintf(out, "%u", v->y) < 0 ? -EIO : 0;
	case SD_BUS_TYPE_INT16:
		return fprintf(out, "%d", v->n) < 0 ? -EIO : 0;
	case SD_BUS_TYPE_UINT16:
		return fprintf(out, "%u", v->q) < 0 ? -EIO : 0;
	case SD_BUS_TYPE_INT32:
		return fprintf(out, "%" PRId32, v->i) < 0 ? -EIO : 0;
	case SD_BUS_TYPE_UINT32:
		return fprintf(out, "%" PRIu32, v->u) < 0 ? -EIO : 0;
	case SD_BUS_TYPE_INT64:
		return fprintf(out, "%" PRId64, v->x) < 0 ? -EIO : 0;
	case SD_BUS_TYPE_UINT64:
		return fprintf(out, "%" PRIu64, v->t) < 0 ? -EIO : 0;
	case SD_BUS_TYPE_DOUBLE:
		return fprintf(out, "%.17g", v->d) < 0 ? -EIO : 0;
	case SD_BUS_TYPE_BOOLEAN:
		return fputs(json ? (v->b ? "true" : "false") : (v->b ? "yes" : "no"), out) < 0 ? -EIO : 0;
	case SD_BUS_TYPE_STRING:
	case SD_BUS_TYPE_OBJECT_PATH:
	case SD_BUS_TYPE_SIGNATURE:
		if (json)
			print_json_string(out, v->s);
		else if (!v->s[0])
			(void)fputs("none", out);
		else
			print_escaped(out, v->s);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static int show_basic(FILE *out, sd_bus_message *m, char type, bool json)
{
	union basic v = { .t = 0 };
	int r = sd_bus_message_read_basic(m, type, &v);

	if (r < 0)
		return r;
	return out ? print_basic(out, type, &v, json) : 0;
}

static bool is_dictionary(char type, const char *contents)
{
	return type == SD_BUS_TYPE_ARRAY && contents[0] == SD_BUS_TYPE_DICT_ENTRY_BEGIN;
}

/* Enters the next entry of a dictionary; returns 0 at its end. */
static int enter_entry(sd_bus_message *m)
{
	const char *contents;
	char type;
	int r = sd_bus_message_peek_type(m, &type, &contents);

	return r > 0 ? sd_bus_message_enter_container(m, type, contents) : r;
}

/* ---- JSON ---- */

static int json_value(FILE *out, sd_bus_message *m, unsigned depth);

static int json_entry(FILE *out, sd_bus_message *m, unsigned depth)
{
	const char *key;
	int r = sd_bus_message_read_basic(m, SD_BUS_TYPE_STRING, &key);

	if (r < 0)
		return r;
	print_json_string(out, key);
	(void)fputs(": ", out);
	r = json_value(out, m, depth);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int json_members(FILE *out, sd_bus_message *m, bool dictionary, unsigned depth)
{
	int r;

	for (bool first = true;; first = false) {
		r = sd_bus_message_at_end(m, 0);
		if (r != 0)
			return r < 0 ? r : 0;
		if (!first)
			(void)fputs(", ", out);
		r = dictionary ? enter_entry(m) : 0;
		if (r >= 0)
			r = dictionary ? json_entry(out, m, depth) : json_value(out, m, depth);
		if (r < 0)
			return r;
	}
}

static int json_container(FILE *out, sd_bus_message *m, char type, const char *contents, unsigned depth)
{
	bool dictionary = is_dictionary(type, contents);
	int r = depth < DEPTH_MAX ? sd_bus_message_enter_container(m, type, contents) : -ELOOP;

	if (r < 0)
		return r;
	if (type == SD_BUS_TYPE_VARIANT) {
		r = json_value(out, m, depth + 1);
	} else {
		(void)fputc(dictionary ? '{' : '[', out);
		r = json_members(out, m, dictionary, depth + 1);
		(void)fputc(dictionary ? '}' : ']', out);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int json_value(FILE *out, sd_bus_message *m, unsigned depth)
{
	const char *contents = NULL;
	char type;
	int r = sd_bus_message_peek_type(m, &type, &contents);

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	return contents ? json_container(out, m, type, contents, depth) : show_basic(out, m, type, true);
}

int print_dbus_json(FILE *out, sd_bus_message *m)
{
	int r = json_value(out, m, 0);

	(void)fputc('\n', out);
	return r < 0 ? r : 0;
}

/* ---- text ---- */

/* The state of printing; with out NULL the walk only measures the width. */
struct text {
	FILE *out;
	int width;  /* of the widest key with its indentation */
	int column; /* after the key of this line */
	bool time;  /* the value of this line is a time: seconds since the epoch */
};

static int text_dictionary(struct text *t, sd_bus_message *m, const char *contents, int indent);

static void put(const struct text *t, const char *s)
{
	if (t->out)
		(void)fputs(s, t->out);
}

static bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static void put_key(struct text *t, const char *key, int indent)
{
	int width = indent + (int)strlen(key);

	if (!t->out)
		t->width = width > t->width ? width : t->width;
	else
		(void)fprintf(t->out, "%*s%s", indent, "", key);
	t->column = width;
	t->time = ends_in(key, "-until") || ends_in(key, "-time");
}

static void put_gap(const struct text *t)
{
	if (t->out)
		(void)fprintf(t->out, "%*s", t->width - t->column + 2, "");
}

/* Prints a time by RFC 3339, in local time; 0 as "none". */
static int text_time(const struct text *t, sd_bus_message *m)
{
	char text[32];
	uint64_t at;
	struct tm tm;
	int r = sd_bus_message_read_basic(m, SD_BUS_TYPE_UINT64, &at);

	if (r < 0 || !at) {
		put(t, "none");
		return r < 0 ? r : 0;
	}
	if (at > INT64_MAX || !localtime_r(&(time_t){ (time_t)at }, &tm) ||
	    !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm))
		return -EBADMSG;
	put(t, text);
	if (t->out)
		(void)fprintf(t->out, "%c%02ld:%02ld", tm.tm_gmtoff < 0 ? '-' : '+', labs(tm.tm_gmtoff) / 3600,
			      labs(tm.tm_gmtoff) / 60 % 60);
	return 0;
}

static int text_list(struct text *t, sd_bus_message *m, const char *contents)
{
	int r = strlen(contents) == 1 ? sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, contents) : -EOPNOTSUPP;

	if (r < 0)
		return r;
	put_gap(t);
	if (sd_bus_message_at_end(m, 0) > 0)
		put(t, "none");
	for (bool first = true; (r = sd_bus_message_at_end(m, 0)) == 0; first = false) {
		put(t, first ? "" : ", ");
		r = show_basic(t->out, m, contents[0], false);
		if (r < 0)
			break;
	}
	put(t, "\n");
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int text_value(struct text *t, sd_bus_message *m, int indent)
{
	const char *contents = NULL;
	char type;
	int r = sd_bus_message_peek_type(m, &type, &contents);

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	if (is_dictionary(type, contents ? contents : ""))
		return text_dictionary(t, m, contents, indent + INDENT);
	if (type == SD_BUS_TYPE_ARRAY)
		return text_list(t, m, contents);
	if (type == SD_BUS_TYPE_VARIANT) {
		r = sd_bus_message_enter_container(m, type, contents);
		if (r >= 0)
			r = text_value(t, m, indent);
		return r < 0 ? r : sd_bus_message_exit_container(m);
	}
	put_gap(t);
	r = t->time && type == SD_BUS_TYPE_UINT64 ? text_time(t, m) : show_basic(t->out, m, type, false);
	put(t, "\n");
	return r;
}

static int text_entry(struct text *t, sd_bus_message *m, int indent)
{
	const char *key;
	int r = enter_entry(m);

	if (r >= 0)
		r = sd_bus_message_read_basic(m, SD_BUS_TYPE_STRING, &key);
	if (r < 0)
		return r;
	put_key(t, key, indent);
	r = text_value(t, m, indent);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int text_dictionary(struct text *t, sd_bus_message *m, const char *contents, int indent)
{
	int r =
	    indent <= INDENT * (int)DEPTH_MAX ? sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, contents) : -ELOOP;

	if (r < 0)
		return r;
	/* the line of the key that the dictionary belongs to is still open */
	if (indent > 0 && sd_bus_message_at_end(m, 0) > 0) {
		put_gap(t);
		put(t, "none");
	}
	if (indent > 0)
		put(t, "\n");
	while ((r = sd_bus_message_at_end(m, 0)) == 0) {
		r = text_entry(t, m, indent);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

int print_dbus_text(FILE *out, sd_bus_message *m)
{
	struct text t = { .out = NULL };
	int r = text_dictionary(&t, m, "{sv}", 0);

	t.out = out;
	if (r >= 0)
		r = sd_bus_message_rewind(m, 1);
	if (r >= 0)
		r = text_dictionary(&t, m, "{sv}", 0);
	return r < 0 ? r : 0;
}

int print_dbus_lines(FILE *out, sd_bus_message *m)
{
	const char *s;
	int r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "s");

	if (r < 0)
		return r;
	while ((r = sd_bus_message_read_basic(m, SD_BUS_TYPE_STRING, &s)) > 0) {
		print_escaped(out, s);
		(void)fputc('\n', out);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m) < 0 ? -EBADMSG : 0;
}
