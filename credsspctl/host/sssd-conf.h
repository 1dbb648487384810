/* SPDX-License-Identifier: MIT */
/* The configuration of SSSD, sssd.conf(5): /etc/sssd/sssd.conf, then /etc/sssd/conf.d/\*.conf in the order of names. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SSSD_CONF "/etc/sssd/sssd.conf"
#define SSSD_CONF_DIRECTORY "/etc/sssd/conf.d"

struct sssd_conf {
	char **files; /* the existing files, in the order in which SSSD reads them */
	size_t n_files;
	char **domains; /* names of the enabled domains */
	size_t n_domains;
};

#define SSSD_CONF_NULL ((struct sssd_conf){ .files = NULL })

/* Reads the names of files and domains. Returns false without SSSD's configuration, or without memory. */
bool sssd_conf_read(struct sssd_conf *ret);
void sssd_conf_done(struct sssd_conf *c);

/* Returns the value of @key in the section of @domain, malloc'ed: the last file that sets it counts. NULL without it.
 */
char *sssd_conf_get(const struct sssd_conf *c, const char *domain, const char *key);

/* Returns whether @list, as in "+one, -two", has the entry @name with the sign @sign. */
bool sssd_conf_list_has(const char *list, char sign, const char *name);
