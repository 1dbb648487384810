/* SPDX-License-Identifier: MIT */
/* The lookups on this host: NSS, and localauth of libkrb5. They may block: the supervisor has a deadline for each. */
#include <errno.h>
#include <grp.h>
#include <krb5.h>
#include <profile.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/words.h"
#include "common/wire/name.h"
#include "credsspd/resolver/identity.h"

#define PASSWD_BUFFER 65536U
#define GROUPS_MAX 65536

static char buffer[PASSWD_BUFFER]; /* one request at a time */

static int take(int r, const struct passwd *pw, struct identity_account *ret_account)
{
	struct identity_account a = { .uid = 0 };

	if (!pw) /* getpwnam(3): several errors mean "not found" */
		return r == 0 || r == ENOENT || r == ESRCH || r == EBADF || r == EPERM ? -ENOENT : -r;
	if (strlen(pw->pw_name) > ACCOUNT_NAME_MAX)
		return -ENAMETOOLONG;
	a.uid = pw->pw_uid;
	a.gid = pw->pw_gid;
	strcpy(a.name, pw->pw_name);
	*ret_account = a;
	return 0;
}

static int by_name(const char *name, struct identity_account *ret_account)
{
	struct passwd pw, *found = NULL;
	int r = getpwnam_r(name, &pw, buffer, sizeof buffer, &found);

	/* seen: 0 when winbind or SSSD does not know it, ENOENT or ECONNREFUSED when they do not run */
	if (!found && r != 0 && strpbrk(name, "@\\"))
		return -EIO;
	return take(r, found, ret_account);
}

static int by_uid(uid_t uid, struct identity_account *ret_account)
{
	struct passwd pw, *found = NULL;
	int r = getpwuid_r(uid, &pw, buffer, sizeof buffer, &found);

	return take(r, found, ret_account);
}

static bool has_relation(profile_t profile, const char *const *names, const char *value)
{
	char **values = NULL;
	bool found = false;

	if (profile_get_values(profile, names, &values) != 0)
		return false;
	for (char **v = values; *v && !found; v++)
		found = !value || strcmp(*v, value) == 0;
	profile_free_list(values);
	return found;
}

/*
 * Returns whether more than the rule DEFAULT of auth_to_local maps @p to @name: the result differs from DEFAULT's, or
 * auth_to_local_names has it, or auth_to_local leaves DEFAULT out. The rule may also come from a plug-in (SSSD's).
 */
static bool is_explicit(krb5_context k, krb5_const_principal p, const char *name)
{
	const char *entry[] = { "realms", NULL, "auth_to_local_names", name, NULL };
	const char *rules[] = { "realms", NULL, "auth_to_local", NULL };
	profile_t profile = NULL;
	char *own = NULL;
	bool found = true;

	if (krb5_get_default_realm(k, &own))
		return false;
	if (p->length == 1 && p->data[0].length == strlen(name) &&
	    memcmp(p->data[0].data, name, p->data[0].length) == 0 && p->realm.length == strlen(own) &&
	    memcmp(p->realm.data, own, p->realm.length) == 0) {
		entry[1] = rules[1] = own;
		found = krb5_get_profile(k, &profile) == 0 &&
			(has_relation(profile, entry, NULL) ||
			 (has_relation(profile, rules, NULL) && !has_relation(profile, rules, "DEFAULT")));
		profile_release(profile);
	}
	krb5_free_default_realm(k, own);
	return found;
}

static int by_principal(const char *principal, bool explicit_only, char ret_name[RECORD_NAME_MAX])
{
	krb5_context k = NULL;
	krb5_principal p = NULL;
	krb5_error_code r;

	/* a new context each time: krb5.conf may have changed */
	if (krb5_init_context(&k))
		return -EIO;
	r = krb5_parse_name(k, principal, &p);
	if (!r)
		r = krb5_aname_to_localname(k, p, (int)ACCOUNT_NAME_MAX, ret_name);
	if (!r && explicit_only && !is_explicit(k, p, ret_name))
		r = KRB5_LNAME_NOTRANS;
	krb5_free_principal(k, p);
	krb5_free_context(k);
	if (!r)
		return 0;
	return r == KRB5_LNAME_NOTRANS || r == KRB5_PARSE_MALFORMED || r == KRB5_CONFIG_NOTENUFSPACE ? -ENOENT : -EIO;
}

/* Looks in the group's own list first: getgrouplist(3) asks every source of the name service, and one may hang. */
static bool is_listed(const struct identity_account *account, const struct group *group)
{
	return group->gr_gid == account->gid || words_have(group->gr_mem, account->name);
}

static int in_group(const struct identity_account *account, const char *group)
{
	AUTO_FREE gid_t *groups = NULL;
	struct group gr, *found = NULL;
	int n = 64, r;

	r = getgrnam_r(group, &gr, buffer, sizeof buffer, &found);
	if (!found)
		return r == 0 || r == ENOENT || r == ESRCH ? -ENOENT : -r;
	if (is_listed(account, found))
		return 1;
	gid_t wanted = gr.gr_gid;

	for (;;) {
		free(groups);
		groups = calloc((size_t)n, sizeof *groups);
		if (!groups)
			return -ENOMEM;
		if (getgrouplist(account->name, account->gid, groups, &n) >= 0)
			break;
		if (n > GROUPS_MAX)
			return -E2BIG;
	}
	for (int i = 0; i < n; i++)
		if (groups[i] == wanted)
			return 1;
	return 0;
}

static int is_local_host(const char *domain)
{
	char name[256] = "";

	return gethostname(name, sizeof name - 1) == 0 && name_is_of_dns(domain, name);
}

static int is_configured_realm(krb5_context k, const char *domain)
{
	const char *section[] = { "realms", NULL };
	profile_t profile = NULL;
	char **realms = NULL;
	int found = 0;

	if (krb5_get_profile(k, &profile) != 0)
		return 0;
	if (profile_get_subsection_names(profile, section, &realms) == 0) {
		for (char **r = realms; *r && !found; r++)
			found = name_is_of_dns(domain, *r);
		profile_free_list(realms);
	}
	profile_release(profile);
	return found;
}

static int is_default_realm(const char *realm)
{
	krb5_context k = NULL;
	char *own = NULL;
	int found;

	if (krb5_init_context(&k))
		return 0;
	found = krb5_get_default_realm(k, &own) == 0 && strcmp(realm, own) == 0;
	krb5_free_default_realm(k, own);
	krb5_free_context(k);
	return found;
}

static int is_realm(const char *domain)
{
	krb5_context k = NULL;
	char *realm = NULL;
	int found;

	if (krb5_init_context(&k))
		return 0; /* without a krb5.conf there is no realm */
	found = is_configured_realm(k, domain);
	if (!found && krb5_get_default_realm(k, &realm) == 0) {
		found = name_is_of_dns(domain, realm);
		krb5_free_default_realm(k, realm);
	}
	krb5_free_context(k);
	return found;
}

const struct identity_lookups identity_system = {
	.by_name = by_name,
	.by_uid = by_uid,
	.by_principal = by_principal,
	.in_group = in_group,
	.is_local_host = is_local_host,
	.is_default_realm = is_default_realm,
	.is_realm = is_realm,
};
