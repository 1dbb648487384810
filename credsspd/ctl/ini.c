/* SPDX-License-Identifier: MIT */
#include "credsspd/ctl/ini.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "include/credssp/cleanup.h"

/* @s without blanks around it; its end is cut off in place. */
static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r\n");
	n = strlen(s);
	while (n > 0 && isspace((unsigned char)s[n - 1]))
		n--;
	s[n] = '\0';
	return s;
}

/* The name of the section that @line begins; NULL when it begins none. */
static char *section_of(char *line)
{
	char *end = line[0] == '[' ? strchr(line, ']') : NULL;

	if (!end)
		return NULL;
	*end = '\0';
	return line + 1;
}

/* Splits @line; false when it is no "key=value". */
static bool split(char *line, char **ret_key, char **ret_value)
{
	char *equals = strchr(line, '=');

	if (line[0] == '#' || line[0] == ';' || line[0] == '!' || !equals)
		return false;
	*equals = '\0';
	*ret_key = trim(line);
	*ret_value = trim(equals + 1);
	return true;
}

int ini_get(const char *path, const char *section, const char *key, char **ret_value)
{
	AUTO_FCLOSE FILE *f = fopen(path, "re");
	AUTO_FREE char *line = NULL;
	AUTO_FREE char *found = NULL;
	bool inside = false;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		char *text = trim(line), *k, *v, *name = section_of(text);

		if (name) {
			if (inside)
				break;
			inside = strcasecmp(name, section) == 0;
		} else if (inside && split(text, &k, &v) && strcasecmp(k, key) == 0) {
			free(found);
			found = strdup(v);
			if (!found)
				return -ENOMEM;
		}
	}
	if (!found)
		return -ENOENT;
	*ret_value = TAKE_PTR(found);
	return 0;
}

bool ini_has_section(const char *path, const char *section)
{
	AUTO_FCLOSE FILE *f = fopen(path, "re");
	AUTO_FREE char *line = NULL;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		char *name = section_of(trim(line));

		if (name && strcasecmp(name, section) == 0)
			return true;
	}
	return false;
}

bool ini_is_true(const char *value)
{
	static const char *const yes[] = { "1", "yes", "true", "on" };

	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (strcasecmp(value, yes[i]) == 0)
			return true;
	return false;
}
