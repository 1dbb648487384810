/* SPDX-License-Identifier: MIT */
/*
 * pam_access compares the third field of a rule with PAM_RHOST when that is set, as it is behind a front end. The name
 * of a terminal or of a service matches only logons without PAM_RHOST, and so does LOCAL.
 */
#include "credsspctl/host/access-conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/cleanup.h"

#define BLANKS ", \t\r\n"

/* Whether the words of @list are just ALL. */
static bool is_all(char *list)
{
	char *rest = NULL, *word = strtok_r(list, BLANKS, &rest);

	return word && strcasecmp(word, "ALL") == 0 && !strtok_r(NULL, BLANKS, &rest);
}

/* A host, a domain, a network, an address, a netgroup or ALL, and not a terminal or a service. */
static bool may_be_remote(const char *word)
{
	return strcasecmp(word, "ALL") == 0 || strpbrk(word, ".:/@") != NULL;
}

static bool grants_remote(char *origins)
{
	char *rest = NULL;

	for (char *word = strtok_r(origins, BLANKS, &rest); word; word = strtok_r(NULL, BLANKS, &rest)) {
		if (strcasecmp(word, "EXCEPT") == 0)
			return false; /* what follows is not granted */
		if (may_be_remote(word))
			return true;
	}
	return false;
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

bool access_conf_denies_remote(const char *path)
{
	AUTO_FCLOSE FILE *f = fopen(path, "re");
	AUTO_FREE char *line = NULL;
	char *users, *origins;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		const char *permission = line + strspn(line, " \t");

		if (*permission == '#' || !split(line, &users, &origins))
			continue;
		if (*permission == '+' && grants_remote(origins))
			return false;
		if (*permission == '-' && is_all(users) && is_all(origins))
			return true;
	}
	return false;
}
