/* SPDX-License-Identifier: MIT */
#include "common/config/options.h"

#include <arpa/inet.h>
#include <com_err.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/explain.h"
#include "common/base/words.h"
#include "common/config/files.h"

/* ---- the file as a whole ---- */

static int check_sections(profile_t profile, const char *path, char **ret_error)
{
	const char *top[] = { NULL };
	char **names = NULL;
	int r = 0;

	if (profile_get_subsection_names(profile, top, &names) != 0)
		return explain(ret_error, -EINVAL, "%s: has no sections", path);
	for (char **n = names; *n && r == 0; n++)
		if (strcmp(*n, OPTIONS_SECTION_DAEMON) != 0 && strcmp(*n, OPTIONS_SECTION_RDP) != 0)
			r = explain(ret_error, -EINVAL, "%s: unknown section [%s]", path, *n);
	profile_free_list(names);
	return r;
}

int options_open(const char *path, profile_t *ret_profile, time_t *ret_newest, char **ret_error)
{
	/* not profile_init_path(), which splits a path at a colon */
	const char *files[] = { path, NULL };
	profile_t profile = NULL;
	long e;
	int r;

	r = files_check(path, ret_newest, ret_error);
	if (r < 0)
		return r;
	e = profile_init(files, &profile);
	if (e) {
		initialize_prof_error_table();
		return explain(ret_error, -EINVAL, "%s: not in the syntax of krb5.conf: %s", path, error_message(e));
	}
	r = check_sections(profile, path, ret_error);
	if (r < 0) {
		profile_release(profile);
		return r;
	}
	*ret_profile = profile;
	return 0;
}

/* ---- values ---- */

#define SEPARATORS " \t,\"" /* libkrb5 takes off quotes around the whole only */
#define QUOTE '\''

void options_free_words(char **words)
{
	for (char **w = words; w && *w; w++)
		free(*w);
	free(words);
}

/* Reads the quoted word at *@p, which is at the opening quote, and moves *@p past the closing quote. */
static int quoted_word(const char **p, char **ret_word)
{
	const char *in = *p + 1;
	char *word = malloc(strlen(in) + 1), *out = word;

	if (!word)
		return -ENOMEM;
	for (; *in && (*in != QUOTE || in[1] == QUOTE); in++) {
		*out++ = *in;
		in += *in == QUOTE;
	}
	*out = '\0';
	if (*in != QUOTE || (in[1] && !strchr(SEPARATORS, in[1])) || out == word) {
		free(word);
		return -EINVAL;
	}
	*p = in + 1;
	*ret_word = word;
	return 0;
}

static int next_word(const char **p, char **ret_word)
{
	size_t len = strcspn(*p, SEPARATORS);

	if (**p == QUOTE)
		return quoted_word(p, ret_word);
	*ret_word = strndup(*p, len);
	*p += len;
	return *ret_word ? 0 : -ENOMEM;
}

int options_words(char *const *values, char ***ret_words)
{
	size_t n = 0, room = 1;
	char **words;
	int r = 0;

	for (char *const *v = values; *v; v++)
		room += strlen(*v) / 2 + 1;
	words = calloc(room, sizeof *words);
	if (!words)
		return -ENOMEM;
	for (char *const *v = values; *v; v++)
		for (const char *p = *v; r == 0 && *(p += strspn(p, SEPARATORS));)
			r = next_word(&p, &words[n++]);
	if (r < 0)
		options_free_words(words);
	else
		*ret_words = words;
	return r;
}

static int parse_bool(const char *value, bool *out)
{
	static const struct {
		const char *word;
		bool value;
	} row[] = {
		{ "true", true },   { "yes", true }, { "on", true },
		{ "false", false }, { "no", false }, { "off", false },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		if (strcasecmp(value, row[i].word) == 0) {
			*out = row[i].value;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_unsigned(const struct option_row *o, const char *value, unsigned *out)
{
	unsigned long v;
	char *end;

	if (!*value || value[strspn(value, "0123456789")])
		return -EINVAL;
	errno = 0;
	v = strtoul(value, &end, 10);
	if (errno || v < o->min || v > o->max)
		return -ERANGE;
	*out = (unsigned)v;
	return 0;
}

static int parse_choice(const struct option_row *o, const char *value, int *out)
{
	for (const struct option_choice *c = o->choices; c->word; c++) {
		if (strcmp(c->word, value) == 0) {
			*out = c->value;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_list(const struct option_row *o, char *const *values, char ***out)
{
	char **words;
	size_t n = 0;
	int r = options_words(values, &words);

	if (r < 0)
		return r;
	/* a comment must be on its own line: after a value it would be read as more words */
	while (words[n] && !strchr("#;", words[n][0]))
		n++;
	if (words[n] || n > o->max) {
		options_free_words(words);
		return -ERANGE;
	}
	*out = words;
	return 0;
}

/* Rewrites an address as inet_ntop() spells it, because addresses are compared as text. */
static int canonical(char **word)
{
	uint8_t binary[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];
	char *copy;
	int family = strchr(*word, ':') ? AF_INET6 : AF_INET;

	if (inet_pton(family, *word, binary) != 1)
		return -EINVAL;
	if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED((struct in6_addr *)binary))
		(void)inet_ntop(AF_INET, binary + 12, text, sizeof text);
	else
		(void)inet_ntop(family, binary, text, sizeof text);
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*word);
	*word = copy;
	return 0;
}

static int parse_addresses(const struct option_row *o, char *const *values, char ***out)
{
	int r = parse_list(o, values, out);

	if (r < 0)
		return r;
	for (char **w = *out; *w && r == 0; w++)
		r = canonical(w);
	return r;
}

static int parse_string(const char *value, char **out)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*out);
	*out = copy;
	return 0;
}

static int parse_scalar(const struct option_row *o, const char *value, void *field)
{
	switch (o->type) {
	case OPTION_BOOL:
		return parse_bool(value, field);
	case OPTION_UNSIGNED:
		return parse_unsigned(o, value, field);
	case OPTION_CHOICE:
		return parse_choice(o, value, field);
	case OPTION_STRING:
		return parse_string(value, field);
	case OPTION_LIST:
	case OPTION_ADDRESSES:
		break;
	}
	return -EINVAL;
}

/*
 * The last value of a scalar counts: libkrb5 returns values in the order of reading, and drop-ins are read later. The
 * earlier values must be valid as well. *@ret_bad is the first invalid value.
 */
static int parse(const struct option_row *o, char *const *values, void *field, const char **ret_bad)
{
	int r = 0;

	*ret_bad = values[0];
	if (o->type == OPTION_LIST)
		return parse_list(o, values, field);
	if (o->type == OPTION_ADDRESSES)
		return parse_addresses(o, values, field);
	for (; *values && r == 0; values++) {
		*ret_bad = *values;
		r = parse_scalar(o, *values, field);
	}
	return r;
}

static const char *expectation(const struct option_row *o, char *out, size_t size)
{
	size_t n = 0;

	switch (o->type) {
	case OPTION_BOOL:
		return "true or false";
	case OPTION_UNSIGNED:
		(void)snprintf(out, size, "a number from %u to %u", o->min, o->max);
		return out;
	case OPTION_LIST:
		(void)snprintf(out, size, "at most %u words, without a comment", o->max);
		return out;
	case OPTION_ADDRESSES:
		(void)snprintf(out, size, "at most %u addresses, without a comment", o->max);
		return out;
	case OPTION_CHOICE:
		for (const struct option_choice *c = o->choices; c->word && n < size; c++)
			n += (size_t)snprintf(out + n, size - n, "%s%s", n ? " or " : "", c->word);
		return out;
	case OPTION_STRING:
		break;
	}
	return "a value";
}

static int load_row(profile_t profile, const char *path, const char *section, const struct option_row *o, void *base,
		    char **ret_error)
{
	const char *names[] = { section, o->key, NULL };
	char *def[] = { (char *)(uintptr_t)o->def, NULL };
	void *field = (char *)base + o->offset;
	char **values = NULL, text[160];
	const char *bad;
	int r;

	if (profile_get_values(profile, names, &values) != 0) {
		if (!o->def)
			return 0;
		return parse(o, def, field, &bad);
	}
	r = parse(o, values, field, &bad);
	if (r < 0 && r != -ENOMEM) {
		(void)explain_also(ret_error, r, "%s: [%s] %s = %s: %s is expected", path, section, o->key, bad,
				   expectation(o, text, sizeof text));
		options_free(o, 1, base);
		if (o->def && parse(o, def, field, &bad) == -ENOMEM) /* so that later checks have a valid value */
			r = -ENOMEM;
	}
	profile_free_list(values);
	return r;
}

static bool known(const char *key, const struct option_row *rows, size_t n_rows)
{
	for (size_t i = 0; i < n_rows; i++)
		if (strcmp(rows[i].key, key) == 0)
			return true;
	return false;
}

static int check_keys(profile_t profile, const char *path, const char *section, char *const *subsections,
		      const struct option_row *rows, size_t n_rows, char **ret_error)
{
	const char *names[] = { section, NULL };
	char **keys = NULL;
	int r = 0;

	if (profile_get_relation_names(profile, names, &keys) == 0) {
		for (char **k = keys; *k; k++)
			if (!known(*k, rows, n_rows))
				r = explain_also(ret_error, -EINVAL, "%s: [%s] unknown key %s", path, section, *k);
		profile_free_list(keys);
	}
	if (profile_get_subsection_names(profile, names, &keys) == 0) {
		for (char **k = keys; *k; k++)
			if (!words_have(subsections, *k))
				r = explain_also(ret_error, -EINVAL, "%s: [%s] unknown subsection %s", path, section,
						 *k);
		profile_free_list(keys);
	}
	return r;
}

int options_look_up(profile_t profile, const char *path, const char *section, const struct option_row *rows,
		    size_t n_rows, void *base, char **ret_error)
{
	int r = 0;

	for (size_t i = 0; i < n_rows && r != -ENOMEM; i++) {
		int row = load_row(profile, path, section, &rows[i], base, ret_error);

		r = row < 0 ? row : r;
	}
	return r;
}

int options_load(profile_t profile, const char *path, const char *section, char *const *subsections,
		 const struct option_row *rows, size_t n_rows, void *base, char **ret_error)
{
	int r = check_keys(profile, path, section, subsections, rows, n_rows, ret_error);
	int values = options_look_up(profile, path, section, rows, n_rows, base, ret_error);

	return values < 0 ? values : r;
}

void options_free(const struct option_row *rows, size_t n_rows, void *base)
{
	for (size_t i = 0; i < n_rows; i++) {
		void *field = (char *)base + rows[i].offset;

		if (rows[i].type == OPTION_STRING) {
			free(*(char **)field);
			*(char **)field = NULL;
		} else if (rows[i].type == OPTION_LIST || rows[i].type == OPTION_ADDRESSES) {
			options_free_words(*(char ***)field);
			*(char ***)field = NULL;
		}
	}
}
