/* SPDX-License-Identifier: MIT */
/*
 * An account is (uid, pw_name). The authenticated name and the delegated one are looked up apart from each other; the
 * supervisor compares the two accounts. A domain that a realm is known by never selects a local account of the same
 * name. Behind NTLM any other domain is the host's: a workgroup client sends the name of its own computer there.
 */
#include "credsspd/resolver/identity.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/ipc/handover.h"
#include "common/wire/name.h"

static enum refusal of_lookup(int r)
{
	return r == 0 ? REFUSAL_NONE : r == -ENOENT ? REFUSAL_UNKNOWN_USER : REFUSAL_UNAVAILABLE;
}

static enum refusal of_name_lookup(const struct identity_lookups *l, const char *name, struct identity_account *account)
{
	enum refusal refusal = of_lookup(l->by_name(name, account));
	struct identity_account again;

	/* what the name service calls it must lead back to the same account: "Alice" and "alice@realm" may, a wildcard
	 * may not */
	if (refusal == REFUSAL_NONE && strcmp(account->name, name) != 0) {
		refusal = of_lookup(l->by_name(account->name, &again));
		if (refusal == REFUSAL_NONE && (again.uid != account->uid || strcmp(again.name, account->name) != 0))
			refusal = REFUSAL_MISMATCH;
	}
	return refusal;
}

/*
 * The account @user of @domain. Only names that say the domain are asked for: no account of this host has such a name,
 * and what the name service answers to it is that domain's, however it calls the account.
 */
static enum refusal of_domain(const struct identity_lookups *l, const char *domain, const char *user,
			      struct identity_account *account)
{
	static const struct {
		bool domain_first;
		char separator;
	} form[] = { { false, '@' }, { true, '\\' } }; /* SSSD and winbind know both, either may be set up not to */
	char name[2 * RECORD_NAME_MAX];
	struct identity_account again;
	enum refusal refusal = REFUSAL_UNAVAILABLE, r;

	for (size_t i = 0; i < sizeof form / sizeof *form; i++) {
		int n = snprintf(name, sizeof name, "%s%c%s", form[i].domain_first ? domain : user, form[i].separator,
				 form[i].domain_first ? user : domain);

		if (n < 0 || (size_t)n > ACCOUNT_NAME_MAX)
			return REFUSAL_NAME;
		r = of_name_lookup(l, name, account);
		if (r != REFUSAL_UNAVAILABLE)
			refusal = r;
		/* SSSD fails for a form that it does not take */
		if (r != REFUSAL_UNKNOWN_USER && r != REFUSAL_UNAVAILABLE)
			break;
	}
	/* an account of this host with the same uid, or a domain's that is called like one of this host */
	if (refusal == REFUSAL_NONE)
		refusal = of_lookup(l->by_uid(account->uid, &again));
	if (refusal == REFUSAL_NONE && (again.uid != account->uid || strcmp(again.name, account->name) != 0))
		refusal = REFUSAL_MISMATCH;
	return refusal;
}

/* ---- may it log on ---- */

static int in_list(const char *name, config_list list)
{
	for (; *list; list++)
		if (strcmp(*list, name) == 0)
			return 1;
	return 0;
}

static enum refusal check_lists(const struct identity_lookups *l, const struct identity_account *a, config_list users,
				config_list groups)
{
	if (in_list(a->name, users))
		return REFUSAL_NONE;
	for (config_list g = groups; *g; g++) {
		int r = l->in_group(a, *g);

		if (r > 0)
			return REFUSAL_NONE;
		if (r < 0 && r != -ENOENT)
			return REFUSAL_UNAVAILABLE;
	}
	return REFUSAL_NOT_ALLOWED;
}

static enum refusal check_rules(const struct config *c, const struct identity_lookups *l,
				const struct identity_account *a)
{
	size_t n = strlen(a->name);

	if (a->uid == 0 ? !c->allow_root : a->uid < c->minimum_uid)
		return REFUSAL_SYSTEM_ACCOUNT;
	/* a computer's account: whoever has broken into one has its ticket */
	if (n > 0 && a->name[n - 1] == '$' && !in_list(a->name, c->allow_users))
		return REFUSAL_SYSTEM_ACCOUNT;
	if (!*c->allow_users && !*c->allow_groups)
		return REFUSAL_NONE;
	return check_lists(l, a, c->allow_users, c->allow_groups);
}

/* Logons without a secret that PAM verifies. By default no account has them: empty lists allow none here. */
static enum refusal check_kind(const struct config *c, const struct identity_lookups *l,
			       const struct identity_account *a, unsigned kind)
{
	if (kind == CREDENTIAL_RESTRICTED_ADMIN)
		return c->restricted_admin ? check_lists(l, a, c->restricted_admin_users, c->restricted_admin_groups)
					   : REFUSAL_CREDENTIAL_KIND;
	if (kind == CREDENTIAL_SMARTCARD && c->smartcard == CONFIG_SMARTCARD_GSS)
		return check_lists(l, a, c->smartcard_gss_users, c->smartcard_gss_groups);
	return REFUSAL_NONE;
}

/* ---- who is it ---- */

static bool is_local_name(const struct config *c, const struct identity_lookups *l, const char *domain)
{
	if (strcmp(domain, ".") == 0)
		return true;
	for (config_list d = c->local_domains; *d; d++)
		if (strcasecmp(*d, domain) == 0)
			return true;
	return l->is_local_host(domain);
}

static bool is_local_domain(const struct config *c, const struct identity_lookups *l, uint8_t mechanism,
			    const char *domain)
{
	if (!*domain || is_local_name(c, l, domain))
		return true;
	return mechanism == MECHANISM_NTLM && !l->is_realm(domain);
}

/* Whether the name service may be asked for it. Digits alone are a uid to some of its modules. */
static int is_name(const char *name, size_t len)
{
	return len > 0 && name_check(name, len) == 0 && strspn(name, "0123456789") < len;
}

static enum refusal by_local_name(const struct identity_lookups *l, const char *name, struct identity_account *account)
{
	return is_name(name, strlen(name)) ? of_name_lookup(l, name, account) : REFUSAL_NAME;
}

/*
 * '/' is refused too: TERMSRV/host is no user. A backslash is libkrb5's escape for what is special inside a component:
 * "root\@other@REALM" must not come to the name service as "root@other".
 */
static int is_user_principal(const char *principal)
{
	const char *realm = strrchr(principal, '@');

	return name_check(principal, strlen(principal)) == 0 && !strchr(principal, '\\') &&
	       is_name(principal, realm ? (size_t)(realm - principal) : strlen(principal));
}

/*
 * In a domain localauth is not asked: its default turns alice@REALM into the alice of this host. In Active Directory
 * whoever may add a computer to the domain makes such an alice: it is the account alice$, and the KDC answers to both
 * names. So an account of this host is nobody of Active Directory, unless krb5.conf says so in words.
 */
static enum refusal by_principal(const struct config *c, const struct identity_lookups *l, const char *principal,
				 bool from_domain, struct identity_account *account)
{
	const char *realm = strrchr(principal, '@');
	char name[RECORD_NAME_MAX] = "";
	int r;

	if (!is_user_principal(principal))
		return REFUSAL_NAME;
	if (realm && config_is_domain(c, realm + 1)) {
		(void)snprintf(name, sizeof name, "%.*s", (int)(realm - principal), principal);
		return of_domain(l, realm + 1, name, account);
	}
	/* the host's own realm, forgotten in `domains`: localauth would make accounts of this host of its users */
	if (realm && *c->domains && l->is_default_realm(realm + 1))
		return REFUSAL_DOMAIN;
	r = l->by_principal(principal, from_domain, name);
	if (r == -ENOENT && from_domain)
		return REFUSAL_DOMAIN;
	return r < 0 ? of_lookup(r) : by_local_name(l, name, account);
}

/* The account is the one that the domain names in the ticket. The principal may be alice for alice$, or a UPN. */
static enum refusal by_ticket(const struct config *c, const struct identity_lookups *l,
			      const struct resolver_request *q, struct identity_account *account)
{
	const char *realm = strrchr(q->principal, '@');
	char principal[RECORD_PRINCIPAL_MAX];
	size_t len = realm ? (size_t)(realm - q->principal) : 0;
	int n;

	if (!q->user[0] || !realm || (strlen(q->user) == len && strncasecmp(q->user, q->principal, len) == 0))
		return by_principal(c, l, q->principal, q->from_domain, account);
	n = snprintf(principal, sizeof principal, "%s%s", q->user, realm);
	if (n < 0 || (size_t)n >= sizeof principal || strchr(q->user, '@'))
		return REFUSAL_NAME;
	return by_principal(c, l, principal, q->from_domain, account);
}

/*
 * The record that the verifier used: both ways round it must be the same account still. @exact is not demanded of a
 * name that is winbind's: another name service, SSSD, may call that account otherwise.
 */
static enum refusal by_record(const struct identity_lookups *l, uid_t uid, const char *name, bool exact,
			      struct identity_account *account)
{
	struct identity_account other;
	enum refusal refusal = is_name(name, strlen(name)) ? of_lookup(l->by_name(name, account)) : REFUSAL_NAME;

	if (refusal == REFUSAL_NONE)
		refusal = of_lookup(l->by_uid(uid, &other));
	if (refusal != REFUSAL_NONE)
		return refusal;
	if (account->uid != uid || other.uid != uid || strcmp(other.name, account->name) != 0 ||
	    (exact && strcmp(account->name, name) != 0))
		return REFUSAL_UNKNOWN_USER; /* renamed or given to somebody else since the record was made */
	return REFUSAL_NONE;
}

/* user@REALM for the realm of @principal; -1 when @domain is another one. A NetBIOS name is the realm's first label. */
static int realm_principal(const char *principal, const char *domain, const char *user, char out[2 * RECORD_NAME_MAX])
{
	const char *realm = strrchr(principal, '@');
	size_t label, n = strlen(user);

	if (!realm || n >= RECORD_NAME_MAX || strlen(realm) >= RECORD_NAME_MAX)
		return -1;
	label = strcspn(realm + 1, ".");
	if (strcasecmp(realm + 1, domain) != 0 &&
	    (strlen(domain) != label || strncasecmp(realm + 1, domain, label) != 0))
		return -1;
	memcpy(out, user, n); /* NOLINT(bugprone-not-null-terminated-result): the realm follows, with its NUL */
	memcpy(out + n, realm, strlen(realm) + 1);
	return 0;
}

/*
 * The domain that a delegated name is of; NULL when it is none of a domain. A name that says no domain, or behind NTLM
 * one that nobody is known by, is meant as the authenticated name was: of the principal's domain, or of the host's own.
 */
static const char *delegated_domain(const struct config *c, const struct identity_lookups *l,
				    const struct resolver_request *q, const char *said)
{
	const char *realm = q->mechanism == MECHANISM_KRB5 ? strrchr(q->principal, '@') : NULL;

	if (config_is_domain(c, said))
		return said;
	if (realm)
		return !*said && config_is_domain(c, realm + 1) ? realm + 1 : NULL;
	if (q->mechanism != MECHANISM_NTLM || c->ntlm != CONFIG_NTLM_WINBIND || (*said && is_local_name(c, l, said)) ||
	    (*said && l->is_realm(said)))
		return NULL;
	return c->domains[0];
}

static enum refusal by_delegated(const struct config *c, const struct identity_lookups *l,
				 const struct resolver_request *q, struct identity_account *account)
{
	char domain[ACCOUNT_NAME_MAX + 1], user[ACCOUNT_NAME_MAX + 1], mapped[2 * RECORD_NAME_MAX];
	const char *of;

	/* the worker has checked them, but it is the worker that says so */
	if (name_check(q->domain, strlen(q->domain)) < 0 || name_check(q->user, strlen(q->user)) < 0 ||
	    name_split(q->domain, q->user, domain, user) < 0)
		return REFUSAL_NAME;
	of = delegated_domain(c, l, q, domain);
	if (of)
		return is_name(user, strlen(user)) ? of_domain(l, of, user, account) : REFUSAL_NAME;
	if (q->mechanism == MECHANISM_KRB5 && *domain && realm_principal(q->principal, domain, user, mapped) == 0)
		return by_principal(c, l, mapped, false, account);
	if (!is_local_domain(c, l, q->mechanism, domain))
		return REFUSAL_NAME;
	/* NTLM ignores case, so that "Alice" has proved to be alice: she delegates what she typed */
	if (q->mechanism == MECHANISM_NTLM && strcasecmp(user, q->principal) == 0)
		return of_name_lookup(l, q->principal, account);
	return of_name_lookup(l, user, account);
}

void identity_answer(const struct config *config, const struct identity_lookups *lookups,
		     const struct resolver_request *q, struct resolver_answer *ret_answer)
{
	struct identity_account a = { .uid = (uid_t)-1 };
	enum refusal refusal = REFUSAL_INTERNAL;

	switch (q->type) {
	case RESOLVE_PRINCIPAL:
		refusal = by_ticket(config, lookups, q, &a);
		break;
	case RESOLVE_ACCOUNT:
	case RESOLVE_DOMAIN_ACCOUNT:
		refusal = by_record(lookups, q->uid, q->user, q->type != RESOLVE_DOMAIN_ACCOUNT, &a);
		break;
	case RESOLVE_DELEGATED:
		refusal = by_delegated(config, lookups, q, &a);
		break;
	case RESOLVE_NAME:
		refusal = by_local_name(lookups, q->user, &a);
		break;
	default:
		break;
	}
	if (refusal == REFUSAL_NONE &&
	    (q->type == RESOLVE_PRINCIPAL || q->type == RESOLVE_ACCOUNT || q->type == RESOLVE_DOMAIN_ACCOUNT))
		refusal = check_rules(config, lookups, &a);
	if (refusal == REFUSAL_NONE && a.uid == q->uid) /* that of another account is a mismatch, for the supervisor */
		refusal = check_kind(config, lookups, &a, q->kind);
	*ret_answer = (struct resolver_answer){ .type = RESOLVER_ANSWER, .refusal = (uint16_t)refusal, .id = q->id };
	/* a refused account is named for the log only */
	memcpy(ret_answer->name, a.name, sizeof a.name);
	ret_answer->uid = refusal == REFUSAL_NONE ? a.uid : (uint32_t)-1;
}
