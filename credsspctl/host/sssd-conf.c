/* SPDX-License-Identifier: MIT */
#include "credsspctl/host/sssd-conf.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/regular-file.h"
#include "credsspctl/host/ini.h"

#define SECTION "domain/"
#define LINE_MAX_ 256U

static bool append(char ***list, size_t *n, const char *text)
{
	char **p = reallocarray(*list, *n + 1, sizeof *p);

	if (!p)
		return false;
	*list = p;
	p[*n] = strdup(text);
	if (!p[*n])
		return false;
	(*n)++;
	return true;
}

static int is_snippet(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return e->d_name[0] != '.' && len > 5 && strcmp(e->d_name + len - 5, ".conf") == 0;
}

static bool find_files(struct sssd_conf *c)
{
	struct dirent **names = NULL;
	int n;

	if (access(SSSD_CONF, R_OK) == 0 && !append(&c->files, &c->n_files, SSSD_CONF))
		return false;
	n = scandir(SSSD_CONF_DIRECTORY, &names, is_snippet, alphasort);
	for (int i = 0; i < n; i++) {
		AUTO_FREE char *path = NULL;

		if (asprintf(&path, "%s/%s", SSSD_CONF_DIRECTORY, names[i]->d_name) < 0)
			path = NULL;
		else
			(void)append(&c->files, &c->n_files, path);
		free(names[i]);
	}
	free(names);
	return c->n_files > 0;
}

static char *get(const struct sssd_conf *c, const char *section, const char *key)
{
	char *value = NULL;

	for (size_t i = c->n_files; i-- > 0 && !value;)
		(void)ini_get(c->files[i], section, key, &value);
	return value;
}

char *sssd_conf_get(const struct sssd_conf *c, const char *domain, const char *key)
{
	AUTO_FREE char *section = NULL;

	if (asprintf(&section, SECTION "%s", domain) < 0) {
		section = NULL;
		return NULL;
	}
	return get(c, section, key);
}

static bool list_has(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = list; *p; p += strcspn(p, ", \t")) {
		p += strspn(p, ", \t");
		if (strcspn(p, ", \t") == len && len > 0 && strncasecmp(p, name, len) == 0)
			return true;
	}
	return false;
}

bool sssd_conf_list_has(const char *list, char sign, const char *name)
{
	AUTO_FREE char *entry = NULL;

	if (asprintf(&entry, "%c%s", sign, name) < 0) {
		entry = NULL;
		return false;
	}
	return list_has(list, entry);
}

/* Returns whether a domain is enabled: [sssd] lists it, or its section has `enabled = true`. */
static bool is_on(const struct sssd_conf *c, const char *listed, const char *domain)
{
	AUTO_FREE char *enabled = sssd_conf_get(c, domain, "enabled");

	if (enabled)
		return strcasecmp(enabled, "true") == 0;
	return listed && list_has(listed, domain);
}

static bool is_known(const struct sssd_conf *c, const char *domain)
{
	for (size_t i = 0; i < c->n_domains; i++)
		if (strcasecmp(c->domains[i], domain) == 0)
			return true;
	return false;
}

static void find_domains_in(struct sssd_conf *c, const char *path, const char *listed)
{
	AUTO_FCLOSE FILE *f = regular_file_stream(path);
	char line[LINE_MAX_], domain[LINE_MAX_];

	/* subdomains have sections below their domain's, with another slash */
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, " [" SECTION "%255[^]/\n]]", domain) == 1 && !is_known(c, domain) &&
		    is_on(c, listed, domain))
			(void)append(&c->domains, &c->n_domains, domain);
}

bool sssd_conf_read(struct sssd_conf *ret)
{
	CLEANUP(sssd_conf_done) struct sssd_conf c = SSSD_CONF_NULL;
	AUTO_FREE char *listed = NULL;

	if (!find_files(&c))
		return false;
	listed = get(&c, "sssd", "domains");
	for (size_t i = 0; i < c.n_files; i++)
		find_domains_in(&c, c.files[i], listed);
	*ret = c;
	c = SSSD_CONF_NULL;
	return true;
}

void sssd_conf_done(struct sssd_conf *c)
{
	for (size_t i = 0; i < c->n_files; i++)
		free(c->files[i]);
	for (size_t i = 0; i < c->n_domains; i++)
		free(c->domains[i]);
	free(c->files);
	free(c->domains);
	*c = SSSD_CONF_NULL;
}
