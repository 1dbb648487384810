/* SPDX-License-Identifier: MIT */
/*
 * An account is (uid, pw_name). The authenticated name and the delegated name are looked up independently; the
 * supervisor compares the two accounts. What a name means is decided by name_understand() of common/wire/name.h.
 */
#include "credsspd/resolver/identity.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/words.h"
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

	/* looking up the account's own name must give the same account: true for "Alice" and "alice@realm", not for a
	 * wildcard */
	if (refusal == REFUSAL_NONE && strcmp(account->name, name) != 0) {
		refusal = of_lookup(l->by_name(account->name, &again));
		if (refusal == REFUSAL_NONE && (again.uid != account->uid || strcmp(again.name, account->name) != 0))
			refusal = REFUSAL_MISMATCH;
	}
	return refusal;
}

/*
 * Finds the account @user of @domain. Only names with the domain in them are looked up: accounts of this host have no
 * such names, so an answer is an account of that domain, whatever name the name service gives it.
 */
static enum refusal of_domain(const struct identity_lookups *l, const char *domain, const char *user,
			      struct identity_account *account)
{
	static const struct {
		bool domain_first;
		char separator;
	} form[] = { { false, '@' }, { true, '\\' } }; /* SSSD and winbind accept both, unless configured not to */
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
		/* SSSD returns an error for a form that it does not accept */
		if (r != REFUSAL_UNKNOWN_USER && r != REFUSAL_UNAVAILABLE)
			break;
	}
	/* refuses a domain's account that shares its uid or its name with an account of this host */
	if (refusal == REFUSAL_NONE)
		refusal = of_lookup(l->by_uid(account->uid, &again));
	if (refusal == REFUSAL_NONE && (again.uid != account->uid || strcmp(again.name, account->name) != 0))
		refusal = REFUSAL_MISMATCH;
	return refusal;
}

/* ---- the account rules ---- */

static enum refusal check_lists(const struct identity_lookups *l, const struct identity_account *a, config_list users,
				config_list groups)
{
	if (words_have(users, a->name))
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
	/* a computer's account: an attacker on that computer can get its ticket */
	if (n > 0 && a->name[n - 1] == '$' && !words_have(c->allow_users, a->name))
		return REFUSAL_SYSTEM_ACCOUNT;
	if (!*c->allow_users && !*c->allow_groups)
		return REFUSAL_NONE;
	return check_lists(l, a, c->allow_users, c->allow_groups);
}

/* Checks the lists for logons without a secret that PAM verifies. Here an empty list allows no account. */
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

/* ---- the authenticated account ---- */

/* One request, and the fields of its answer. */
struct asked {
	const struct config *c;
	const struct identity_lookups *l;
	const struct resolver_request *q;
	enum name_trouble trouble;
};

static enum refusal refuse_name(struct asked *a, enum name_trouble trouble)
{
	a->trouble = trouble;
	return REFUSAL_NAME;
}

static bool is_own(const void *context, const char *domain)
{
	const struct asked *a = context;

	return a->l->is_local_host(domain) != 0;
}

static bool is_realm(const void *context, const char *domain)
{
	const struct asked *a = context;

	return a->l->is_realm(domain) != 0;
}

static const char *realm_of(const char *principal)
{
	const char *at = strrchr(principal, '@');

	return at ? at + 1 : NULL;
}

/* Finds an account of this host. Some modules of the name service take digits for a uid. */
static enum refusal by_local_name(struct asked *a, const char *name, struct identity_account *account)
{
	if (!*name)
		return refuse_name(a, NAME_FORM);
	if (name_check(name, strlen(name)) < 0)
		return refuse_name(a, NAME_CHARACTERS);
	if (name_is_digits(name))
		return refuse_name(a, NAME_DIGITS);
	return of_name_lookup(a->l, name, account);
}

/*
 * Refuses '/', because TERMSRV/host is not a user, and a backslash, which libkrb5 uses to escape special characters:
 * "root\@other@REALM" must not reach the name service as "root@other".
 */
static enum name_trouble check_principal(const char *principal)
{
	const char *realm = realm_of(principal);

	if (name_check(principal, strlen(principal)) < 0)
		return NAME_CHARACTERS;
	if (strstr(principal, "\\@"))
		return NAME_ENTERPRISE;
	if (strchr(principal, '\\'))
		return NAME_CHARACTERS;
	return (realm ? realm - 1 == principal : !*principal) ? NAME_FORM : NAME_FINE;
}

/*
 * In a domain libkrb5's localauth is not used: its default maps alice@REALM to the local account alice. In Active
 * Directory every user who may add a computer to the domain can make a principal alice, as the computer alice$: the KDC
 * accepts both names. So a ticket of Active Directory never means an account of this host, unless krb5.conf names that
 * account explicitly.
 */
static enum refusal by_principal(struct asked *a, const char *principal, bool from_domain,
				 struct identity_account *account)
{
	const enum name_trouble trouble = check_principal(principal);
	const char *realm = realm_of(principal);
	char name[RECORD_NAME_MAX] = "";
	int r;

	if (trouble != NAME_FINE)
		return refuse_name(a, trouble);
	if (realm && config_is_domain(a->c, realm)) {
		(void)snprintf(name, sizeof name, "%.*s", (int)(realm - 1 - principal), principal);
		return of_domain(a->l, realm, name, account);
	}
	/* the host's own realm is missing in `domains`: localauth would map its users to accounts of this host */
	if (realm && *a->c->domains && a->l->is_default_realm(realm))
		return REFUSAL_DOMAIN;
	r = a->l->by_principal(principal, from_domain, name);
	if (r == -ENOENT && from_domain)
		return REFUSAL_DOMAIN;
	return r < 0 ? of_lookup(r) : by_local_name(a, name, account);
}

/* Finds the account that the domain names in the ticket. The principal may be alice for alice$, or a UPN. */
static enum refusal by_ticket(struct asked *a, struct identity_account *account)
{
	const struct resolver_request *q = a->q;
	const char *realm = strrchr(q->principal, '@');
	char principal[RECORD_PRINCIPAL_MAX];
	size_t len = realm ? (size_t)(realm - q->principal) : 0;
	int n;

	if (!q->user[0] || !realm || (strlen(q->user) == len && strncasecmp(q->user, q->principal, len) == 0))
		return by_principal(a, q->principal, q->from_domain, account);
	n = snprintf(principal, sizeof principal, "%s%s", q->user, realm);
	if (n < 0 || (size_t)n >= sizeof principal || strchr(q->user, '@'))
		return refuse_name(a, NAME_FORM);
	return by_principal(a, principal, q->from_domain, account);
}

/*
 * Finds an account that was proved before, by name and by uid: both lookups must give the same account, so that digits
 * cannot be taken for a uid. @exact: the name must be equal, too; not for winbind's names, because SSSD may use another
 * name for the account.
 */
static enum refusal by_record(struct asked *a, bool exact, struct identity_account *account)
{
	const struct resolver_request *q = a->q;
	struct identity_account other;
	enum refusal refusal;

	if (!q->user[0] || name_check(q->user, strlen(q->user)) < 0)
		return refuse_name(a, NAME_CHARACTERS);
	refusal = of_lookup(a->l->by_name(q->user, account));
	if (refusal == REFUSAL_NONE)
		refusal = of_lookup(a->l->by_uid(q->uid, &other));
	if (refusal != REFUSAL_NONE)
		return refusal;
	if (account->uid != q->uid || other.uid != q->uid || strcmp(other.name, account->name) != 0 ||
	    (exact && strcmp(account->name, q->user) != 0))
		return REFUSAL_UNKNOWN_USER; /* the account was renamed, or its name or uid was given to another */
	return REFUSAL_NONE;
}

/* ---- the delegated name ---- */

/*
 * The client sent two different names of domains. They contradict each other when each domain has an account of that
 * name and the accounts differ. The domain in the user name must have the account; the domain in the field need not,
 * because a name service may know an account by only one of its domain's names.
 */
static enum refusal of_two_domains(struct asked *a, const struct name_meaning *m, struct identity_account *account)
{
	struct identity_account other;
	enum refusal refusal = of_domain(a->l, m->domain, m->user, account);

	if (refusal != REFUSAL_NONE)
		return refusal;
	refusal = of_domain(a->l, m->also, m->user, &other);
	if (refusal == REFUSAL_NONE && (other.uid != account->uid || strcmp(other.name, account->name) != 0))
		return refuse_name(a, NAME_CONTRADICTION);
	return refusal == REFUSAL_UNAVAILABLE ? refusal : REFUSAL_NONE;
}

/* user@REALM, for the realm of the client's ticket. */
static enum refusal of_ticket_realm(struct asked *a, const char *user, struct identity_account *account)
{
	char principal[2 * RECORD_NAME_MAX];
	int n = snprintf(principal, sizeof principal, "%s@%s", user, realm_of(a->q->principal));

	if (n < 0 || (size_t)n >= sizeof principal)
		return refuse_name(a, NAME_FORM);
	return by_principal(a, principal, false, account);
}

/* Ignores case with NTLM: "Alice" was authenticated as alice, and the client delegates the name as typed. */
static enum refusal of_this_host(struct asked *a, const char *user, struct identity_account *account)
{
	if (a->q->mechanism == MECHANISM_NTLM && strcasecmp(user, a->q->principal) == 0)
		user = a->q->principal;
	return by_local_name(a, user, account);
}

/*
 * A name without a domain belongs to the domain of the authenticated name: the ticket's realm when that is a domain,
 * the host's own domain with ntlm = winbind, else this host.
 */
static enum refusal of_bare_name(struct asked *a, const char *user, struct identity_account *account)
{
	const struct resolver_request *q = a->q;
	const char *realm = q->mechanism == MECHANISM_KRB5 ? realm_of(q->principal) : NULL;

	if (realm && config_is_domain(a->c, realm))
		return of_domain(a->l, realm, user, account);
	if (q->mechanism == MECHANISM_NTLM && a->c->ntlm == CONFIG_NTLM_WINBIND)
		return of_domain(a->l, a->c->domains[0], user, account);
	return of_this_host(a, user, account);
}

static enum refusal of_meaning(struct asked *a, const struct name_meaning *m, struct identity_account *account)
{
	switch (m->kind) {
	case NAME_LISTED:
		return m->also[0] ? of_two_domains(a, m, account) : of_domain(a->l, m->domain, m->user, account);
	case NAME_TICKET:
		return of_ticket_realm(a, m->user, account);
	case NAME_BARE:
		return of_bare_name(a, m->user, account);
	case NAME_LOCAL:
		break;
	}
	return of_this_host(a, m->user, account);
}

static enum refusal by_delegated(struct asked *a, struct identity_account *account)
{
	const struct resolver_request *q = a->q;
	const char *realm = q->mechanism == MECHANISM_KRB5 ? realm_of(q->principal) : NULL;
	const struct name_host host = { .domains = a->c->domains,
					.local_domains = a->c->local_domains,
					.ticket_realm = q->mechanism == MECHANISM_NTLM ? NULL
							: realm                        ? realm
										       : "",
					.is_own = is_own,
					.is_realm = is_realm,
					.context = a };
	struct name_meaning m;
	enum name_trouble trouble = name_understand(&host, q->domain, q->user, &m);

	return trouble == NAME_FINE ? of_meaning(a, &m, account) : refuse_name(a, trouble);
}

void identity_answer(const struct config *config, const struct identity_lookups *lookups,
		     const struct resolver_request *q, struct resolver_answer *ret_answer)
{
	struct asked asked = { config, lookups, q, NAME_FINE };
	struct identity_account a = { .uid = (uid_t)-1 };
	enum refusal refusal = REFUSAL_INTERNAL;

	switch (q->type) {
	case RESOLVE_PRINCIPAL:
		refusal = by_ticket(&asked, &a);
		break;
	case RESOLVE_ACCOUNT:
	case RESOLVE_DOMAIN_ACCOUNT:
		refusal = by_record(&asked, q->type == RESOLVE_ACCOUNT, &a);
		break;
	case RESOLVE_DELEGATED:
		refusal = by_delegated(&asked, &a);
		break;
	case RESOLVE_NAME:
		refusal = by_local_name(&asked, q->user, &a);
		break;
	default:
		break;
	}
	if (refusal == REFUSAL_NONE &&
	    (q->type == RESOLVE_PRINCIPAL || q->type == RESOLVE_ACCOUNT || q->type == RESOLVE_DOMAIN_ACCOUNT))
		refusal = check_rules(config, lookups, &a);
	if (refusal == REFUSAL_NONE && a.uid == q->uid) /* the supervisor refuses another account as a mismatch */
		refusal = check_kind(config, lookups, &a, q->kind);
	*ret_answer = (struct resolver_answer){
		.type = RESOLVER_ANSWER,
		.trouble = (uint8_t)asked.trouble,
		.refusal = (uint16_t)refusal,
		.id = q->id,
	};
	/* a refused account is named for the log only */
	memcpy(ret_answer->name, a.name, sizeof a.name);
	ret_answer->uid = refusal == REFUSAL_NONE ? a.uid : (uint32_t)-1;
}
