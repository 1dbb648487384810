/* SPDX-License-Identifier: MIT */
/*
 * pam_access compares the third field of a rule with PAM_RHOST when that is set, as it is behind a front end. The name
 * of a terminal or of a service matches only logons without PAM_RHOST, and so does LOCAL.
 */
#include "credsspctl/host/access-conf.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/cleanup.h"
#include "common/base/regular-file.h"

#define BLANKS ", \t\r\n"

/* Returns whether @word may mean a user other than root, who does not log on with a ticket. */
static bool is_user(const char *word)
{
	return strcmp(word, "root") != 0;
}

/* Returns whether @word may be a host, domain, network, address, netgroup or ALL, not a terminal or a service. */
static bool may_be_remote(const char *word)
{
	return strcasecmp(word, "ALL") == 0 || strpbrk(word, ".:/@") != NULL;
}

/* Whether @list has a word that @counts before EXCEPT. */
static bool has(char *list, bool (*counts)(const char *word))
{
	char *rest = NULL;

	for (char *word = strtok_r(list, BLANKS, &rest); word && strcasecmp(word, "EXCEPT") != 0;
	     word = strtok_r(NULL, BLANKS, &rest))
		if (counts(word))
			return true;
	return false;
}

/* Whether @list is ALL, with no exception or with exceptions of which not one @counts. */
static bool is_all(char *list, bool (*counts)(const char *word))
{
	char *rest = NULL, *word = strtok_r(list, BLANKS, &rest);

	if (!word || strcasecmp(word, "ALL") != 0)
		return false;
	word = strtok_r(NULL, BLANKS, &rest);
	return !word || (strcasecmp(word, "EXCEPT") == 0 && !has(rest, counts));
}

/* Splits "permission : users : origins", in which an origin may have colons. */
static bool split(char *line, char **users, char **origins)
{
	*users = strchr(line, ':');
	if (!*users)
		return false;
	*(*users)++ = '\0';
	*origins = strchr(*users, ':');
	if (!*origins)
		return false;
	*(*origins)++ = '\0';
	return true;
}

enum rules { NO_MATCH, GRANT_SOME, DENY_ALL };

static enum rules read_rules(const char *path)
{
	AUTO_FCLOSE FILE *f = regular_file_stream(path);
	AUTO_FREE char *line = NULL;
	char *users, *origins;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		const char *permission = line + strspn(line, " \t");

		if (*permission == '#' || !split(line, &users, &origins))
			continue;
		if (*permission == '+' && has(users, is_user) && has(origins, may_be_remote))
			return GRANT_SOME;
		if (*permission == '-' && is_all(users, is_user) && is_all(origins, may_be_remote))
			return DENY_ALL;
	}
	return NO_MATCH;
}

bool access_conf_denies_remote(const char *path)
{
	enum rules rules = read_rules(path ? path : ACCESS_CONF);
	glob_t more;

	/* pam_access reads these where no rule of access.conf has matched */
	if (!path && rules == NO_MATCH && glob(ACCESS_CONF_MORE, 0, NULL, &more) == 0) {
		for (size_t i = 0; i < more.gl_pathc && rules == NO_MATCH; i++)
			rules = read_rules(more.gl_pathv[i]);
		globfree(&more);
	}
	return rules == DENY_ALL;
}
