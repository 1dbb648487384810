/* SPDX-License-Identifier: MIT */
/*
 * The account phase of the PAM stack: modules that decide by the name of the PAM service or by the client's address.
 * No user logs on when such a module does not know the service.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "credsspctl/check/check.h"
#include "credsspctl/host/access-conf.h"
#include "credsspctl/host/pamstack.h"
#include "credsspctl/host/sssd-conf.h"

#define MAP_REMOTE "ad_gpo_map_remote_interactive"

/* Whether the account phase has @module. The value of its @argument goes to *@ret_argument, malloc'ed, when it has
 * one. */
static bool asks(const struct check_context *ctx, const char *module, const char *argument, char **ret_argument)
{
	AUTO_CLOSE int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *error = NULL;
	const struct pamstack_line *line;
	struct pamstack *s = NULL;
	const char *value;

	if (root < 0 || !ctx->has_settings || pamstack_read(root, ctx->settings.service, "account", &s, &error) < 0)
		return false;
	line = pamstack_find(s, module);
	value = line && argument ? pamstack_arg(line, argument) : NULL;
	if (value)
		*ret_argument = strdup(value);
	pamstack_free(s);
	return line != NULL;
}

/* ---- SSSD ---- */

static bool is_value(const struct sssd_conf *c, const char *domain, const char *key, const char *fallback,
		     const char *value)
{
	AUTO_FREE char *got = sssd_conf_get(c, domain, key);

	return strcasecmp(got ? got : fallback, value) == 0;
}

static bool is_mapped(const struct sssd_conf *c, const char *domain, const char *key, const char *service)
{
	AUTO_FREE char *list = sssd_conf_get(c, domain, key);

	return list && sssd_conf_list_has(list, '+', service);
}

/* Whether group policies are asked for @service, sssd-ad(5). SSSD's own lists do not have xrdp's services. */
static bool is_known_to_gpo(const struct sssd_conf *c, const char *domain, const char *service)
{
	static const char *const maps[] = { MAP_REMOTE,         "ad_gpo_map_interactive", "ad_gpo_map_network",
					    "ad_gpo_map_batch", "ad_gpo_map_service",     "ad_gpo_map_permit" };

	for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
		if (is_mapped(c, domain, maps[i], service))
			return true;
	return !is_value(c, domain, "ad_gpo_default_right", "deny", "deny");
}

static enum check_result group_policies(const struct check_context *ctx, const struct sssd_conf *c, const char *domain,
					struct finding *found)
{
	const char *service = ctx->settings.service;
	bool denied = is_mapped(c, domain, "ad_gpo_map_deny", service);
	AUTO_FREE char *map = sssd_conf_get(c, domain, MAP_REMOTE);

	(void)check_looked(found, SSSD_CONF ": [domain/%s] access_provider = ad, for the PAM service %s", domain,
			   service);
	if (!is_value(c, domain, "ad_gpo_access_control", "enforcing", "enforcing") ||
	    (!denied && is_known_to_gpo(c, domain, service)))
		return CHECK_OK;
	(void)check_wrong(found,
			  "group policies are enforced, and %s: PAM's account phase denies every user of the domain",
			  denied ? "ad_gpo_map_deny has the service" : "no ad_gpo_map option has the service");
	if (denied)
		return check_remedy(found,
				    "in [domain/%s]: remove +%s from ad_gpo_map_deny, then: systemctl restart sssd",
				    domain, service);
	return check_remedy(found, "in [domain/%s]: " MAP_REMOTE " = %s%s+%s, then: systemctl restart sssd", domain,
			    map ? map : "", map ? ", " : "", service);
}

/* HBAC's rules are in the domain and decide for each user: the text names the command that evaluates them. */
static enum check_result sssd_access(struct check_context *ctx, struct finding *found)
{
	CLEANUP(sssd_conf_done) struct sssd_conf c = SSSD_CONF_NULL;
	enum check_result result = CHECK_NONE;

	if (!asks(ctx, "pam_sss", NULL, NULL) || !sssd_conf_read(&c))
		return CHECK_NONE;
	for (size_t i = 0; i < c.n_domains; i++) {
		if (is_value(&c, c.domains[i], "access_provider", "permit", "ad")) {
			result = group_policies(ctx, &c, c.domains[i], found);
			if (result != CHECK_OK)
				return result;
		} else if (is_value(&c, c.domains[i], "access_provider", "permit", "ipa")) {
			result =
			    check_looked(found,
					 SSSD_CONF ": [domain/%s] access_provider = ipa: a rule of the domain must "
						   "allow the service %s; ipa hbactest --user USER --host %s "
						   "--service %s shows it",
					 c.domains[i], ctx->settings.service, ctx->fqdn, ctx->settings.service);
		}
	}
	return result;
}

/* ---- pam_access ---- */

static enum check_result pam_access(struct check_context *ctx, struct finding *found)
{
	AUTO_FREE char *file = NULL;

	if (!asks(ctx, "pam_access", "accessfile", &file))
		return CHECK_NONE;
	(void)check_looked(found, "%s, which the account phase of %s asks", file ? file : ACCESS_CONF,
			   ctx->settings.service);
	if (!access_conf_denies_remote(file))
		return CHECK_OK;
	(void)check_wrong(found,
			  "its rules deny every user who comes from another host: pam_access compares the client's "
			  "address, not the service's name");
	return check_remedy(found, "a line before \"-:ALL:ALL\" for those who may, e.g. +:(rdp-users):ALL");
}

struct check_area check_access_area(void)
{
	static const struct check_row rows[] = {
		{ "sssd-access", CHECK_ERROR, sssd_access },
		{ "pam-access", CHECK_ERROR, pam_access },
	};

	return (struct check_area){ rows, sizeof rows / sizeof *rows };
}
