/* SPDX-License-Identifier: MIT */
#include "common/config/config.h"

#include <errno.h>
#include <pwd.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/explain.h"
#include "common/config/options.h"

#define NETBIOS_NAME_LEN 15U
#define FRONT_ENDS "front_ends"
#define FRONT_END_DEFAULT_USER "credsspd-rdp"
#define FRONT_END_DEFAULT_SERVICE "xrdp-sesman"

/* The defaults repeat limits.h, where the numbers have a suffix; a static assertion compares them. */
static const struct option_choice kerberos_choices[] = {
	{ "any", CONFIG_KERBEROS_ANY },
	{ "user-to-user", CONFIG_KERBEROS_USER_TO_USER },
	{ "service-ticket", CONFIG_KERBEROS_SERVICE_TICKET },
	{ "off", CONFIG_KERBEROS_OFF },
	{ NULL, 0 },
};
static const struct option_choice ntlm_choices[] = {
	{ "off", CONFIG_NTLM_OFF }, { "local", CONFIG_NTLM_LOCAL }, { "winbind", CONFIG_NTLM_WINBIND }, { NULL, 0 }
};
static const struct option_choice ntlm_mic_choices[] = { { "when-claimed", false }, { "require", true }, { NULL, 0 } };
static const struct option_choice smartcard_choices[] = { { "refuse", CONFIG_SMARTCARD_REFUSE },
							  { "pkinit", CONFIG_SMARTCARD_PKINIT },
							  { "gss", CONFIG_SMARTCARD_GSS },
							  { NULL, 0 } };
static const struct option_choice remote_guard_choices[] = { { "refuse", CONFIG_REMOTE_GUARD_REFUSE },
							     { "require-tickets", CONFIG_REMOTE_GUARD_REQUIRE_TICKETS },
							     { "allow", CONFIG_REMOTE_GUARD_ALLOW },
							     { NULL, 0 } };
static const struct option_choice policy_choices[] = { { "refuse", false }, { "allow", true }, { NULL, 0 } };
static const struct option_choice log_choices[] = { { "info", false }, { "debug", true }, { NULL, 0 } };

/* The table fills this struct; choices are ints in it. */
struct raw {
	struct config c;
	int kerberos, ntlm, ntlm_mic, smartcard, remote_guard, restricted_admin, log_level;
	char **redeemers;
};

#define AT(member) offsetof(struct raw, member)

/*
 * The options of section [credsspd]. To add one: a row here and a field in struct config, which the row fills. An
 * option of a list type is also freed in config_done(); a combination with other options that makes no sense is refused
 * in check_consistent(). tests/packaging/install then demands an entry in packaging/man/credsspd.conf.5, and
 * packaging/credsspd.conf shows the default.
 */
static const struct option_row rows[] = {
	{ .key = "kerberos", .type = OPTION_CHOICE, .offset = AT(kerberos), .def = "any", .choices = kerberos_choices },
	{ .key = "ntlm", .type = OPTION_CHOICE, .offset = AT(ntlm), .def = "off", .choices = ntlm_choices },
	{ .key = "ntlm_mic",
	  .type = OPTION_CHOICE,
	  .offset = AT(ntlm_mic),
	  .def = "when-claimed",
	  .choices = ntlm_mic_choices },
	{ .key = "keytab", .type = OPTION_STRING, .offset = AT(c.keytab), .def = "/etc/krb5.keytab" },
	{ .key = "tgt_principals", .type = OPTION_LIST, .offset = AT(c.tgt_principals), .def = "", .max = TGTS_MAX },
	{ .key = "ntlm_store", .type = OPTION_STRING, .offset = AT(c.ntlm_store), .def = "/var/lib/credsspd/ntlm" },
	{ .key = "min_version", .type = OPTION_UNSIGNED, .offset = AT(c.min_version), .def = "5", .min = 2, .max = 6 },
	{ .key = "domains", .type = OPTION_LIST, .offset = AT(c.domains), .def = "", .max = CONFIG_LIST_MAX },
	{ .key = "local_domains",
	  .type = OPTION_LIST,
	  .offset = AT(c.local_domains),
	  .def = "",
	  .max = CONFIG_LIST_MAX },
	{ .key = "allow_users", .type = OPTION_LIST, .offset = AT(c.allow_users), .def = "", .max = CONFIG_LIST_MAX },
	{ .key = "allow_groups", .type = OPTION_LIST, .offset = AT(c.allow_groups), .def = "", .max = CONFIG_LIST_MAX },
	{ .key = "minimum_uid",
	  .type = OPTION_UNSIGNED,
	  .offset = AT(c.minimum_uid),
	  .def = "1000",
	  .min = 0,
	  .max = 4294967294U },
	{ .key = "allow_root", .type = OPTION_BOOL, .offset = AT(c.allow_root), .def = "false" },
	{ .key = "account_check", .type = OPTION_BOOL, .offset = AT(c.account_check), .def = "true" },
	{ .key = "smartcard",
	  .type = OPTION_CHOICE,
	  .offset = AT(smartcard),
	  .def = "pkinit",
	  .choices = smartcard_choices },
	{ .key = "smartcard_gss_users",
	  .type = OPTION_LIST,
	  .offset = AT(c.smartcard_gss_users),
	  .def = "",
	  .max = CONFIG_LIST_MAX },
	{ .key = "smartcard_gss_groups",
	  .type = OPTION_LIST,
	  .offset = AT(c.smartcard_gss_groups),
	  .def = "",
	  .max = CONFIG_LIST_MAX },
	{ .key = "remote_guard",
	  .type = OPTION_CHOICE,
	  .offset = AT(remote_guard),
	  .def = "refuse",
	  .choices = remote_guard_choices },
	{ .key = "restricted_admin",
	  .type = OPTION_CHOICE,
	  .offset = AT(restricted_admin),
	  .def = "refuse",
	  .choices = policy_choices },
	{ .key = "restricted_admin_users",
	  .type = OPTION_LIST,
	  .offset = AT(c.restricted_admin_users),
	  .def = "",
	  .max = CONFIG_LIST_MAX },
	{ .key = "restricted_admin_groups",
	  .type = OPTION_LIST,
	  .offset = AT(c.restricted_admin_groups),
	  .def = "",
	  .max = CONFIG_LIST_MAX },
	{ .key = "ticket_lifetime",
	  .type = OPTION_UNSIGNED,
	  .offset = AT(c.ticket_lifetime_sec),
	  .def = "180",
	  .min = 1,
	  .max = TICKET_LIFETIME_SEC },
	{ .key = "handshake_timeout",
	  .type = OPTION_UNSIGNED,
	  .offset = AT(c.handshake_timeout_sec),
	  .def = "600",
	  .min = 1,
	  .max = HANDSHAKE_TIMEOUT_SEC },
	{ .key = "backoff_failures",
	  .type = OPTION_UNSIGNED,
	  .offset = AT(c.backoff_failures),
	  .def = "5",
	  .min = 1,
	  .max = 1000 },
	{ .key = "backoff_max",
	  .type = OPTION_UNSIGNED,
	  .offset = AT(c.backoff_max_sec),
	  .def = "60",
	  .min = 0,
	  .max = 3600 },
	{ .key = "backoff_exempt",
	  .type = OPTION_ADDRESSES,
	  .offset = AT(c.backoff_exempt),
	  .def = "",
	  .max = CONFIG_LIST_MAX },
	{ .key = "redeemers", .type = OPTION_LIST, .offset = AT(redeemers), .def = "root", .max = CONFIG_LIST_MAX },
	{ .key = "log_level", .type = OPTION_CHOICE, .offset = AT(log_level), .def = "info", .choices = log_choices },
};
#define N_ROWS (sizeof rows / sizeof *rows)

_Static_assert(TICKET_LIFETIME_SEC == 180 && HANDSHAKE_TIMEOUT_SEC == 600 && BACKOFF_FREE_FAILURES == 5 &&
		   BACKOFF_MAX_SEC == 60,
	       "the defaults above are those of limits.h");

const struct option_row *config_rows(size_t *ret_n)
{
	*ret_n = N_ROWS;
	return rows;
}

/* Returns the error to keep. Loading continues after a mistake, to report them all, but stops when memory is short. */
static int first_error(int r, int then)
{
	return then == -ENOMEM || r == 0 ? then : r;
}

/* ---- users ---- */

static int uid_of(const char *user, uid_t *ret_uid)
{
	char *end;
	unsigned long v;
	struct passwd *pw;

	if (*user && !user[strspn(user, "0123456789")]) {
		errno = 0;
		v = strtoul(user, &end, 10);
		if (errno || v > 4294967294UL)
			return -EINVAL;
		*ret_uid = (uid_t)v;
		return 0;
	}
	pw = getpwnam(user);
	if (!pw)
		return -ENOENT;
	*ret_uid = pw->pw_uid;
	return 0;
}

static int load_redeemers(struct raw *raw, const char *path, char **ret_error)
{
	size_t n = 0;
	int r = 0;

	while (raw->redeemers[n])
		n++;
	raw->c.vault_uids = calloc(n + 1, sizeof *raw->c.vault_uids);
	if (!raw->c.vault_uids)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (uid_of(raw->redeemers[i], &raw->c.vault_uids[i]) < 0)
			r = explain_also(ret_error, -EINVAL, "%s: [credsspd] redeemers: no user %s", path,
					 raw->redeemers[i]);
	raw->c.n_vault_uids = n;
	return r;
}

static int add_front_end(struct config *c, const char *path, const char *user, char *const *values, bool optional,
			 char **ret_error)
{
	struct config_front_end *f = &c->front_ends[c->n_front_ends];
	int r;

	if (uid_of(user, &f->uid) < 0)
		return optional ? 0
				: explain_also(ret_error, -EINVAL, "%s: [credsspd] front_ends: no user %s", path, user);
	r = options_words(values, &f->services);
	if (r == -EINVAL)
		return explain_also(ret_error, r, "%s: [credsspd] front_ends: %s: a ' is missing or misplaced", path,
				    user);
	if (r < 0)
		return r;
	c->n_front_ends++;
	if (!*f->services)
		return explain_also(ret_error, -EINVAL, "%s: [credsspd] front_ends: %s has no services", path, user);
	for (char **s = f->services; *s; s++)
		if (strlen(*s) > PAM_SERVICE_MAX || strchr(*s, '/'))
			r = explain_also(ret_error, -EINVAL, "%s: [credsspd] front_ends: %s is no PAM service", path,
					 *s);
	return r;
}

static int load_front_ends(profile_t profile, struct config *c, const char *path, char **ret_error)
{
	const char *section[] = { OPTIONS_SECTION_DAEMON, FRONT_ENDS, NULL };
	char *service[] = { (char *)(uintptr_t)FRONT_END_DEFAULT_SERVICE, NULL };
	char **users = NULL, **values;
	size_t n = 0;
	int r = 0;

	if (profile_get_subsection_names(profile, section, &values) == 0) {
		if (*values)
			r = explain_also(ret_error, -EINVAL, "%s: [credsspd] front_ends: unknown subsection %s", path,
					 *values);
		profile_free_list(values);
	}
	(void)profile_get_relation_names(profile, section, &users);
	while (users && users[n])
		n++;
	c->front_ends = calloc(n + 1, sizeof *c->front_ends);
	if (!c->front_ends)
		r = -ENOMEM;
	else if (n == 0)
		r = first_error(r, add_front_end(c, path, FRONT_END_DEFAULT_USER, service, true, ret_error));
	for (size_t i = 0; i < n && r != -ENOMEM; i++) {
		const char *names[] = { OPTIONS_SECTION_DAEMON, FRONT_ENDS, users[i], NULL };

		if (profile_get_values(profile, names, &values) != 0)
			continue;
		r = first_error(r, add_front_end(c, path, users[i], values, false, ret_error));
		profile_free_list(values);
	}
	if (users)
		profile_free_list(users);
	return r;
}

/* ---- life ---- */

static int check_consistent(const struct config *c, const char *path, char **ret_error)
{
	int r = 0;

	if (!c->kerberos && c->ntlm == CONFIG_NTLM_OFF)
		r = explain_also(ret_error, -EINVAL,
				 "%s: [credsspd] kerberos and ntlm are both off: every logon would be refused", path);
	if (c->remote_guard != CONFIG_REMOTE_GUARD_REFUSE && !c->kerberos)
		r = explain_also(ret_error, -EINVAL,
				 "%s: [credsspd] remote_guard is for Kerberos, which is off (kerberos)", path);
	if (c->smartcard == CONFIG_SMARTCARD_GSS && !c->kerberos)
		r = explain_also(ret_error, -EINVAL,
				 "%s: [credsspd] smartcard = gss is for Kerberos, which is off (kerberos)", path);
	if (c->smartcard == CONFIG_SMARTCARD_GSS && !*c->smartcard_gss_users && !*c->smartcard_gss_groups)
		r = explain_also(
		    ret_error, -EINVAL,
		    "%s: [credsspd] smartcard = gss needs smartcard_gss_users or smartcard_gss_groups: the "
		    "accounts that may log on with a card that only the KDC has seen",
		    path);
	if (c->restricted_admin && !*c->restricted_admin_users && !*c->restricted_admin_groups)
		r = explain_also(ret_error, -EINVAL,
				 "%s: [credsspd] restricted_admin = allow needs restricted_admin_users or "
				 "restricted_admin_groups: the accounts that may log on without a password",
				 path);
	if (c->ntlm == CONFIG_NTLM_WINBIND && !*c->domains)
		r = explain_also(ret_error, -EINVAL,
				 "%s: [credsspd] ntlm = winbind needs domains: the domains that have accounts here",
				 path);
	if (c->ntlm == CONFIG_NTLM_WINBIND && *c->domains &&
	    (strlen(c->domains[0]) > NETBIOS_NAME_LEN || strchr(c->domains[0], '.')))
		r = explain_also(ret_error, -EINVAL,
				 "%s: [credsspd] domains: the first one must be the NetBIOS name of the host's own "
				 "domain, not %s",
				 path, c->domains[0]);
	if (c->keytab[0] != '/' || c->ntlm_store[0] != '/')
		r = explain_also(ret_error, -EINVAL, "%s: [credsspd] keytab and ntlm_store are absolute paths", path);
	return r;
}

int config_load(const char *path, struct config *ret_, char **ret_error)
{
	static char *const subsections[] = { FRONT_ENDS, NULL };
	struct raw raw;
	profile_t profile = NULL;
	int r;

	memset(&raw, 0, sizeof raw);
	*ret_error = NULL;
	r = options_open(path, &profile, &raw.c.changed, ret_error);
	if (r < 0)
		return r;
	r = options_load(profile, path, OPTIONS_SECTION_DAEMON, subsections, rows, N_ROWS, &raw, ret_error);
	if (r != -ENOMEM)
		r = first_error(r, load_redeemers(&raw, path, ret_error));
	if (r != -ENOMEM)
		r = first_error(r, load_front_ends(profile, &raw.c, path, ret_error));
	if (r != -ENOMEM) {
		raw.c.kerberos = (enum config_kerberos)raw.kerberos;
		raw.c.ntlm = (enum config_ntlm)raw.ntlm;
		raw.c.ntlm_mic_required = raw.ntlm_mic != 0;
		raw.c.smartcard = (enum config_smartcard)raw.smartcard;
		raw.c.remote_guard = (enum config_remote_guard)raw.remote_guard;
		raw.c.restricted_admin = raw.restricted_admin;
		raw.c.debug = raw.log_level;
		r = first_error(r, check_consistent(&raw.c, path, ret_error));
	}
	profile_release(profile);
	options_free_words(raw.redeemers);
	if (r < 0)
		config_done(&raw.c);
	else
		*ret_ = raw.c;
	return r;
}

void config_done(struct config *c)
{
	config_list lists[] = {
		c->tgt_principals,
		c->domains,
		c->local_domains,
		c->allow_users,
		c->allow_groups,
		c->smartcard_gss_users,
		c->smartcard_gss_groups,
		c->restricted_admin_users,
		c->restricted_admin_groups,
		c->backoff_exempt,
	};

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		options_free_words(lists[i]);
	for (size_t i = 0; i < c->n_front_ends; i++)
		options_free_words(c->front_ends[i].services);
	free(c->front_ends);
	free(c->vault_uids);
	free(c->keytab);
	free(c->ntlm_store);
	*c = (struct config){ .kerberos = CONFIG_KERBEROS_OFF };
}

config_list config_services_of(const struct config *c, uid_t uid)
{
	for (size_t i = 0; i < c->n_front_ends; i++)
		if (c->front_ends[i].uid == uid)
			return c->front_ends[i].services;
	return NULL;
}

bool config_may_redeem(const struct config *c, uid_t uid)
{
	for (size_t i = 0; i < c->n_vault_uids; i++)
		if (c->vault_uids[i] == uid)
			return true;
	return false;
}

bool config_is_domain(const struct config *c, const char *domain)
{
	for (config_list d = c->domains; *d; d++)
		if (strcasecmp(*d, domain) == 0)
			return true;
	return false;
}
