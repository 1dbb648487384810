/* SPDX-License-Identifier: MIT */
/*
 * The helper proves a principal, but credsspd names the account, and a resolver that was taken over could name any
 * account. So root checks the mapping again, by localauth and by the two forms of names that winbind and SSSD use for
 * the accounts of a domain.
 */
#include "pam_credssp/helper/principal-account.h"

#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/*
 * Returns whether the name service gives the account @user for @name. The uid is compared as well: winbind and SSSD can
 * be configured to give an account of a domain a name that an account of /etc/passwd also has.
 */
static bool is_called(const char *name, const char *user)
{
	const struct passwd *pw = getpwnam(name);
	uid_t uid;

	if (!pw || strcmp(pw->pw_name, user) != 0)
		return false;
	uid = pw->pw_uid;
	pw = getpwnam(user);
	return pw && pw->pw_uid == uid;
}

static bool by_localauth(krb5_context k, krb5_const_principal principal, const char *user)
{
	char local[ACCOUNT_NAME_MAX + 1];

	return krb5_aname_to_localname(k, principal, (int)sizeof local, local) == 0 &&
	       (strcmp(local, user) == 0 || is_called(local, user));
}

/* Only names with the domain in them are looked up: no account of /etc/passwd has such a name. */
static bool by_domain(krb5_const_principal p, const char *user)
{
	char name[2 * ACCOUNT_NAME_MAX + 2];
	const krb5_data *realm = &p->realm;
	const krb5_data *who;

	if (p->length != 1 || p->data[0].length > ACCOUNT_NAME_MAX || realm->length > ACCOUNT_NAME_MAX)
		return false;
	who = &p->data[0];
	/* an enterprise name, or an escape of another separator */
	if (memchr(who->data, '@', who->length) || memchr(who->data, '\\', who->length) ||
	    memchr(who->data, '\0', who->length))
		return false;
	(void)snprintf(name, sizeof name, "%.*s@%.*s", (int)who->length, who->data, (int)realm->length, realm->data);
	if (is_called(name, user))
		return true;
	(void)snprintf(name, sizeof name, "%.*s\\%.*s", (int)realm->length, realm->data, (int)who->length, who->data);
	return is_called(name, user);
}

unsigned principal_account_check(krb5_context k, krb5_const_principal principal, const char *user,
				 struct helper_result *result)
{
	char *name = NULL;

	if (by_localauth(k, principal, user) || by_domain(principal, user))
		return HELPER_SUCCESS;
	if (krb5_unparse_name(k, principal, &name))
		name = NULL;
	(void)helper_say(
	    result, HELPER_OTHER_PRINCIPAL,
	    "%.100s is not the principal of the account %.80s, by krb5.conf (localauth) and the name service",
	    name ? name : "it", user);
	krb5_free_unparsed_name(k, name);
	return HELPER_OTHER_PRINCIPAL;
}
