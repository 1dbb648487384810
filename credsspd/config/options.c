/* SPDX-License-Identifier: MIT */
#include "credsspd/config/options.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/credssp/cleanup.h"
#include "include/credssp/limits.h"

int options_error(char **ret_error, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(ret_error, fmt, ap) < 0)
		*ret_error = NULL;
	va_end(ap);
	return r;
}

/* ---- files ---- */

static int check_file(const char *path, FILE **ret_file, char **ret_error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	int r = 0;
	struct stat st;

	if (fd < 0)
		return errno == ELOOP ? options_error(ret_error, -EPERM, "%s: is a symbolic link", path)
				      : options_error(ret_error, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0)
		r = options_error(ret_error, -errno, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		r = options_error(ret_error, -EPERM, "%s: is no regular file", path);
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		r = options_error(ret_error, -EPERM, "%s: belongs to uid %u, not to root", path, st.st_uid);
	else if (st.st_mode & (S_IWGRP | S_IWOTH))
		r = options_error(ret_error, -EPERM, "%s: can be written by others (mode %04o)", path,
				  st.st_mode & 07777);
	else if (st.st_size > (off_t)CONFIG_FILE_MAX)
		r = options_error(ret_error, -EFBIG, "%s: larger than %u octets", path, CONFIG_FILE_MAX);
	if (r == 0) {
		*ret_file = fdopen(fd, "re");
		if (*ret_file)
			return 0;
		r = -ENOMEM;
	}
	(void)close(fd);
	return r;
}

static int check_tree(const char *path, unsigned depth, char **ret_error);

/* The files that libkrb5 takes from an includedir: letters, digits, - and _, or names that end in .conf. */
static bool is_drop_in(const char *name)
{
	size_t n = strlen(name);

	if (name[0] == '.')
		return false;
	if (n > 5 && strcmp(name + n - 5, ".conf") == 0)
		return true;
	return name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")] == '\0';
}

static int check_directory(const char *path, unsigned depth, char **ret_error)
{
	DIR *d = opendir(path);
	struct dirent *e;
	struct stat st;
	int r = 0;

	if (!d)
		return options_error(ret_error, -errno, "includedir %s: %s", path, strerror(errno));
	if (fstat(dirfd(d), &st) < 0 || (st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & (S_IWGRP | S_IWOTH))
		r = options_error(ret_error, -EPERM, "includedir %s: others than root can write there", path);
	while (r == 0 && (e = readdir(d))) {
		AUTO_FREE char *file = NULL;

		if (!is_drop_in(e->d_name))
			continue;
		r = asprintf(&file, "%s/%s", path, e->d_name) < 0 ? -ENOMEM : check_tree(file, depth + 1, ret_error);
	}
	(void)closedir(d);
	return r;
}

/* "include PATH" and "includedir PATH", at the start of a line, as libkrb5 reads them. */
static int check_line(char *line, unsigned depth, char **ret_error)
{
	char *path = NULL;
	bool directory = false;

	if (strncmp(line, "include", 7) != 0)
		return 0;
	if (line[7] == ' ' || line[7] == '\t') {
		path = line + 8;
	} else if (strncmp(line + 7, "dir", 3) == 0 && (line[10] == ' ' || line[10] == '\t')) {
		path = line + 11;
		directory = true;
	}
	if (!path)
		return 0;
	path += strspn(path, " \t");
	path[strcspn(path, " \t\r\n")] = '\0';
	return directory ? check_directory(path, depth, ret_error) : check_tree(path, depth + 1, ret_error);
}

static int check_tree(const char *path, unsigned depth, char **ret_error)
{
	AUTO_FCLOSE FILE *f = NULL;
	AUTO_FREE char *line = NULL;
	size_t size = 0;
	int r;

	if (depth > 4)
		return options_error(ret_error, -ELOOP, "%s: included too deeply", path);
	r = check_file(path, &f, ret_error);
	while (r == 0 && getline(&line, &size, f) >= 0)
		r = check_line(line, depth, ret_error);
	return r;
}

static int check_sections(profile_t profile, const char *path, char **ret_error)
{
	const char *none[] = { NULL };
	char **names = NULL;
	int r = 0;

	if (profile_get_subsection_names(profile, none, &names) != 0)
		return options_error(ret_error, -EINVAL, "%s: has no sections", path);
	for (char **n = names; *n && r == 0; n++)
		if (strcmp(*n, OPTIONS_SECTION_DAEMON) != 0 && strcmp(*n, OPTIONS_SECTION_RDP) != 0)
			r = options_error(ret_error, -EINVAL, "%s: unknown section [%s]", path, *n);
	profile_free_list(names);
	return r;
}

int options_open(const char *path, profile_t *ret_profile, char **ret_error)
{
	profile_t profile = NULL;
	long e;
	int r;

	r = check_tree(path, 0, ret_error);
	if (r < 0)
		return r;
	e = profile_init_path(path, &profile);
	if (e)
		return options_error(ret_error, -EINVAL, "%s: not in the syntax of krb5.conf (libkrb5 error %ld)", path,
				     e);
	r = check_sections(profile, path, ret_error);
	if (r < 0) {
		profile_release(profile);
		return r;
	}
	*ret_profile = profile;
	return 0;
}

/* ---- values ---- */

void options_free_words(char **words)
{
	for (char **w = words; w && *w; w++)
		free(*w);
	free(words);
}

char **options_words(char *const *values)
{
	size_t n = 0, room = 1;
	char **words;

	for (char *const *v = values; *v; v++)
		room += strlen(*v) / 2 + 1;
	words = calloc(room, sizeof *words);
	if (!words)
		return NULL;
	for (char *const *v = values; *v; v++) {
		for (const char *p = *v; *(p += strspn(p, " \t,"));) {
			size_t len = strcspn(p, " \t,");

			words[n] = strndup(p, len);
			if (!words[n++]) {
				options_free_words(words);
				return NULL;
			}
			p += len;
		}
	}
	return words;
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
	char **words = options_words(values);
	size_t n = 0;

	if (!words)
		return -ENOMEM;
	while (words[n])
		n++;
	if (n > o->max) {
		options_free_words(words);
		return -ERANGE;
	}
	*out = words;
	return 0;
}

static int parse(const struct option_row *o, char *const *values, void *field)
{
	char *const *last = values;

	while (last[0] && last[1])
		last++;
	switch (o->type) {
	case OPTION_BOOL:
		return parse_bool(*last, field);
	case OPTION_UNSIGNED:
		return parse_unsigned(o, *last, field);
	case OPTION_CHOICE:
		return parse_choice(o, *last, field);
	case OPTION_LIST:
		return parse_list(o, values, field);
	case OPTION_STRING:
		*(char **)field = strdup(*last);
		return *(char **)field ? 0 : -ENOMEM;
	}
	return -EINVAL;
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
		(void)snprintf(out, size, "at most %u words", o->max);
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
	int r;

	if (profile_get_values(profile, names, &values) != 0) {
		if (!o->def)
			return 0;
		return parse(o, def, field);
	}
	/* of a scalar the last one counts, as a drop-in read later should win: libkrb5 gives them in the order of
	 * reading */
	r = parse(o, values, field);
	if (r < 0)
		(void)options_error(ret_error, r, "%s: [%s] %s = %s: %s is expected", path, section, o->key, values[0],
				    expectation(o, text, sizeof text));
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

static bool listed(const char *name, const char *const *list)
{
	for (; list && *list; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

static int check_keys(profile_t profile, const char *path, const char *section, const char *const *subsections,
		      const struct option_row *rows, size_t n_rows, char **ret_error)
{
	const char *names[] = { section, NULL };
	char **keys = NULL;
	int r = 0;

	if (profile_get_relation_names(profile, names, &keys) == 0) {
		for (char **k = keys; *k && r == 0; k++)
			if (!known(*k, rows, n_rows))
				r = options_error(ret_error, -EINVAL, "%s: [%s] unknown key %s", path, section, *k);
		profile_free_list(keys);
	}
	if (r == 0 && profile_get_subsection_names(profile, names, &keys) == 0) {
		for (char **k = keys; *k && r == 0; k++)
			if (!listed(*k, subsections))
				r = options_error(ret_error, -EINVAL, "%s: [%s] unknown subsection %s", path, section,
						  *k);
		profile_free_list(keys);
	}
	return r;
}

int options_load(profile_t profile, const char *path, const char *section, const char *const *subsections,
		 const struct option_row *rows, size_t n_rows, void *base, char **ret_error)
{
	int r = check_keys(profile, path, section, subsections, rows, n_rows, ret_error);

	for (size_t i = 0; i < n_rows && r == 0; i++)
		r = load_row(profile, path, section, &rows[i], base, ret_error);
	return r;
}

void options_free(const struct option_row *rows, size_t n_rows, void *base)
{
	for (size_t i = 0; i < n_rows; i++) {
		void *field = (char *)base + rows[i].offset;

		if (rows[i].type == OPTION_STRING) {
			free(*(char **)field);
			*(char **)field = NULL;
		} else if (rows[i].type == OPTION_LIST) {
			options_free_words(*(char ***)field);
			*(char ***)field = NULL;
		}
	}
}
