/* SPDX-License-Identifier: MIT */
#include "credsspd/ntlm-verifier/domains.h"

#include <errno.h>
#include <krb5.h>
#include <profile.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what the host knows ---- */

static int add_realm(struct domains *d, size_t *n, const char *realm)
{
	char **more = reallocarray(d->realms, *n + 2, sizeof *more);

	if (!more)
		return -ENOMEM;
	d->realms = more;
	d->realms[*n + 1] = NULL;
	d->realms[*n] = strdup(realm);
	if (!d->realms[*n])
		return -ENOMEM;
	++*n;
	return 0;
}

static int add_configured_realms(struct domains *d, size_t *n, krb5_context k)
{
	const char *section[] = { "realms", NULL };
	profile_t profile = NULL;
	char **realms = NULL;
	int r = 0;

	if (krb5_get_profile(k, &profile) != 0)
		return 0;
	if (profile_get_subsection_names(profile, section, &realms) == 0) {
		for (char **p = realms; *p && r == 0; p++)
			r = add_realm(d, n, *p);
		profile_free_list(realms);
	}
	profile_release(profile);
	return r;
}

static int load_realms(struct domains *d)
{
	krb5_context k = NULL;
	char *realm = NULL;
	size_t n = 0;
	int r;

	if (krb5_init_context(&k) != 0)
		return 0; /* the krb5 template logs errors of krb5.conf */
	r = add_configured_realms(d, &n, k);
	if (r == 0 && krb5_get_default_realm(k, &realm) == 0) {
		r = add_realm(d, &n, realm);
		krb5_free_default_realm(k, realm);
	}
	krb5_free_context(k);
	return r;
}

int domains_load(const struct config *config, struct domains *ret_)
{
	struct domains d = { .local = config->local_domains, .domains = config->domains };
	int r = gethostname(d.host, sizeof d.host - 1) < 0 ? -errno : load_realms(&d);

	if (r < 0)
		domains_done(&d);
	else
		*ret_ = d;
	return r;
}

void domains_done(struct domains *d)
{
	for (char **p = d->realms; p && *p; p++)
		free(*p);
	free(d->realms);
	*d = DOMAINS_NULL;
}

/* ---- what a client says ---- */

static bool is_own(const void *context, const char *domain)
{
	const struct domains *d = context;

	return name_is_of_dns(domain, d->host);
}

static bool is_realm(const void *context, const char *domain)
{
	const struct domains *d = context;

	for (char **p = d->realms; p && *p; p++)
		if (name_is_of_dns(domain, *p))
			return true;
	return false;
}

enum name_trouble domains_understand(const struct domains *d, const char *domain, const char *user,
				     struct name_meaning *ret_)
{
	const struct name_host host = {
		.domains = d->domains, .local_domains = d->local, .is_own = is_own, .is_realm = is_realm, .context = d
	};

	return name_understand(&host, domain, user, ret_);
}

enum refusal domains_refusal(enum name_trouble trouble)
{
	if (trouble == NAME_DOMAIN || trouble == NAME_UPN || trouble == NAME_NOT_IN_STORE)
		return REFUSAL_UNKNOWN_USER;
	return trouble == NAME_FINE ? REFUSAL_NONE : REFUSAL_NAME;
}

enum refusal domains_select(const struct domains *d, const char *domain, const char *user,
			    char ret_user[ACCOUNT_NAME_MAX + 1], enum name_trouble *ret_trouble)
{
	struct name_meaning m = { .kind = NAME_BARE };
	enum name_trouble trouble = domains_understand(d, domain, user, &m);

	if (trouble == NAME_FINE && m.kind == NAME_LISTED)
		trouble = NAME_NOT_IN_STORE;
	if (trouble == NAME_FINE && name_is_digits(m.user))
		trouble = NAME_DIGITS;
	*ret_trouble = trouble;
	if (trouble == NAME_FINE)
		memcpy(ret_user, m.user, sizeof m.user);
	return domains_refusal(trouble);
}
