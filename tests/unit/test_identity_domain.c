/* SPDX-License-Identifier: MIT */
/*
 * Accounts of a domain: every way to write a name comes to one account, and none to an account of this host. The name
 * services are tables: winbind with and without a default domain, SSSD.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "credsspd/resolver/identity.h"

struct entry {
	const char *asked, *name;
	uid_t uid;
	int error;
};

/* /etc/passwd, which is asked first */
#define LOCAL \
	{ "alice", "alice", 1000, 0 }, { "bob", "bob", 1001, 0 }, \
	{ \
		"root", "root", 0, 0 \
	}

static const struct entry winbind[] = {
	LOCAL,
	{ "CORP\\alice", "CORP\\alice", 100001, 0 },
	{ "erin@CORP", "CORP\\erin", 100002, 0 },
	{ "CORP\\erin", "CORP\\erin", 100002, 0 },
	{ "AD.CORP.TEST\\gus", "CORP\\gus", 100003, 0 }, /* with '@' in it switched off */
	{ "CORP\\gus", "CORP\\gus", 100003, 0 },
	{ "CORP\\hal", "CORP\\hal", 1000, 0 }, /* the uid of alice of this host */
	{ "CORP\\root", "CORP\\root", 0, 0 },
	{ "CORP\\123456", "CORP\\123456", 100005, 0 },
	{ "CORP\\ivy", "CORP\\ivy", 100006, 0 }, /* two domains, each with an ivy */
	{ "AD.CORP.TEST\\ivy", "AD\\ivy", 100007, 0 },
	{ "AD\\ivy", "AD\\ivy", 100007, 0 },
	{ "CORP\\ts1$", "CORP\\ts1$", 100004, 0 },
	{ "ts1$@CORP", "CORP\\ts1$", 100004, 0 },
	{ "down@CORP", NULL, 0, -EIO },
	{ "CORP\\down", NULL, 0, -EIO },
	{ "AD.CORP.TEST\\down", NULL, 0, -EIO }, /* but it knows of no down@AD.CORP.TEST */
	{ NULL, NULL, 0, 0 },
};
static const struct entry default_domain[] = {
	LOCAL,
	{ "CORP\\alice", "alice", 100001, 0 },
	{ "CORP\\erin", "erin", 100002, 0 },
	{ "erin", "erin", 100002, 0 },
	{ "CORP\\123456", "123456", 100005, 0 },
	{ "123456", "123456", 100005, 0 },
	{ "CORP\\1000", "1000", 100008, 0 },
	{ "1000", "alice", 1000, 0 }, /* taken for a uid */
	{ NULL, NULL, 0, 0 },
};
static const struct entry sssd[] = {
	LOCAL,
	{ "alice@AD.CORP.TEST", "alice@ad.corp.test", 100001, 0 },
	{ "alice@ad.corp.test", "alice@ad.corp.test", 100001, 0 },
	{ "alice@CORP", "alice@ad.corp.test", 100001, 0 },
	{ "CORP\\alice", "alice@ad.corp.test", 100001, 0 },
	{ "alice@OTHER", "alice@ad.corp.test", 100001, 0 },
	{ NULL, NULL, 0, 0 },
};
static const struct entry *service;

static int found(const struct entry *e, struct identity_account *ret_account)
{
	if (e->error)
		return e->error;
	memset(ret_account, 0, sizeof *ret_account);
	ret_account->uid = e->uid;
	(void)snprintf(ret_account->name, sizeof ret_account->name, "%s", e->name);
	return 0;
}

static int by_name(const char *name, struct identity_account *ret_account)
{
	for (const struct entry *e = service; e->asked; e++)
		/* a domain's names are the same in any case */
		if ((strpbrk(name, "@\\") ? strcasecmp : strcmp)(e->asked, name) == 0)
			return found(e, ret_account);
	return -ENOENT;
}

static int by_uid(uid_t uid, struct identity_account *ret_account)
{
	for (const struct entry *e = service; e->asked; e++)
		if (!e->error && e->uid == uid)
			return found(e, ret_account);
	return -ENOENT;
}

/* libkrb5's default mapping. */
static int by_principal(const char *principal, bool explicit_only, char ret_name[RECORD_NAME_MAX])
{
	(void)snprintf(ret_name, RECORD_NAME_MAX, "%.*s", (int)strcspn(principal, "@"), principal);
	return explicit_only ? -ENOENT : 0;
}

static int in_group(const struct identity_account *account, const char *group)
{
	return strcmp(group, "CORP\\domain users") == 0 && account->uid >= 100000;
}

static int is_local_host(const char *domain)
{
	return strcasecmp(domain, "ts1") == 0;
}

static int is_default_realm(const char *realm)
{
	return strcmp(realm, "AD.CORP.TEST") == 0;
}

static int is_realm(const char *domain)
{
	return strcasecmp(domain, "AD.CORP.TEST") == 0 || strcasecmp(domain, "AD") == 0 ||
	       strcasecmp(domain, "MIT.TEST") == 0;
}

static const struct identity_lookups fake = {
	.by_name = by_name,
	.by_uid = by_uid,
	.by_principal = by_principal,
	.in_group = in_group,
	.is_local_host = is_local_host,
	.is_default_realm = is_default_realm,
	.is_realm = is_realm,
};

static char *none[] = { NULL };
static char *domains[] = { (char[]){ "CORP" }, (char[]){ "ad.corp.test" }, NULL };
static char *netbios_only[] = { (char[]){ "CORP" }, NULL };
static char *computers[] = { (char[]){ "CORP\\ts1$" }, NULL };
static char *users[] = { (char[]){ "CORP\\domain users" }, NULL };

static struct config rules(enum config_ntlm ntlm)
{
	return (struct config){ .ntlm = ntlm,
				.minimum_uid = 1000,
				.domains = domains,
				.local_domains = none,
				.allow_users = none,
				.allow_groups = none };
}

static void ask(const struct config *c, const struct resolver_request *q, enum refusal refusal, const char *name,
		uid_t uid)
{
	struct resolver_answer a;

	identity_answer(c, &fake, q, &a);
	if (a.refusal != refusal)
		fail_msg("%s|%s|%s: %s, not %s", q->principal, q->domain, q->user, refusal_word(a.refusal),
			 refusal_word(refusal));
	if (refusal == REFUSAL_NONE) {
		assert_string_equal(a.name, name);
		assert_int_equal(a.uid, uid);
	}
}

static void test_principals(void **state)
{
	static const struct {
		const struct entry *service;
		const char *principal;
		enum refusal refusal;
		const char *name;
		uid_t uid;
	} row[] = {
		{ winbind, "erin@CORP", REFUSAL_NONE, "CORP\\erin", 100002 },
		{ winbind, "ERIN@corp", REFUSAL_NONE, "CORP\\erin", 100002 },
		{ winbind, "gus@AD.CORP.TEST", REFUSAL_NONE, "CORP\\gus", 100003 },
		{ default_domain, "erin@CORP", REFUSAL_NONE, "erin", 100002 },
		{ sssd, "alice@AD.CORP.TEST", REFUSAL_NONE, "alice@ad.corp.test", 100001 },
		/* bob of this host is not the domain's, who does not exist */
		{ winbind, "bob@AD.CORP.TEST", REFUSAL_UNKNOWN_USER, NULL, 0 },
		{ sssd, "bob@AD.CORP.TEST", REFUSAL_UNKNOWN_USER, NULL, 0 },
		/* called like one of this host, or with its uid */
		{ default_domain, "alice@CORP", REFUSAL_MISMATCH, NULL, 0 },
		{ winbind, "hal@CORP", REFUSAL_MISMATCH, NULL, 0 },
		{ winbind, "root@CORP", REFUSAL_MISMATCH, NULL, 0 },
		/* no winbind, no account of this host in its place */
		{ winbind, "down@CORP", REFUSAL_UNAVAILABLE, NULL, 0 },
		{ winbind, "down@AD.CORP.TEST", REFUSAL_UNKNOWN_USER, NULL, 0 },
		/* a realm that is none of the domains is localauth's business */
		{ winbind, "bob@MIT.TEST", REFUSAL_NONE, "bob", 1001 },
		{ winbind, "ts1$@CORP", REFUSAL_SYSTEM_ACCOUNT, NULL, 0 },
		{ winbind, "123456@CORP", REFUSAL_NONE, "CORP\\123456", 100005 },
		{ default_domain, "123456@CORP", REFUSAL_NONE, "123456", 100005 },
		{ default_domain, "1000@CORP", REFUSAL_MISMATCH, NULL, 0 }, /* the name service took it for a uid */
		{ winbind, "1000@MIT.TEST", REFUSAL_NAME, NULL, 0 },
		{ winbind, "x\\@y@CORP", REFUSAL_NAME, NULL, 0 },
		{ winbind, "a/b@CORP", REFUSAL_NAME, NULL, 0 },
	};
	const struct config c = rules(CONFIG_NTLM_OFF);

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct resolver_request q = { .type = RESOLVE_PRINCIPAL, .mechanism = MECHANISM_KRB5 };

		service = row[i].service;
		strcpy(q.principal, row[i].principal);
		ask(&c, &q, row[i].refusal, row[i].name, row[i].uid);
	}
}

static void test_delegated(void **state)
{
	static const struct {
		const struct entry *service;
		const char *principal; /* NULL: NTLM */
		const char *domain, *user;
		enum refusal refusal;
		const char *name;
		uid_t uid;
	} row[] = {
		{ winbind, NULL, "", "erin", REFUSAL_NONE, "CORP\\erin", 100002 },
		{ winbind, NULL, "corp", "ERIN", REFUSAL_NONE, "CORP\\erin", 100002 },
		{ winbind, NULL, "", "CORP\\erin", REFUSAL_NONE, "CORP\\erin", 100002 },
		{ winbind, NULL, "", "erin@corp", REFUSAL_NONE, "CORP\\erin", 100002 },
		{ winbind, NULL, "DESKTOP-7F3A", "erin", REFUSAL_NONE, "CORP\\erin", 100002 },
		{ winbind, NULL, "AD.CORP.TEST", "gus", REFUSAL_NONE, "CORP\\gus", 100003 },
		{ winbind, NULL, "", "alice", REFUSAL_NONE, "CORP\\alice", 100001 },
		{ default_domain, NULL, "", "erin", REFUSAL_NONE, "erin", 100002 },
		{ sssd, NULL, "", "Alice", REFUSAL_NONE, "alice@ad.corp.test", 100001 },
		{ sssd, NULL, "ad.corp.test", "alice", REFUSAL_NONE, "alice@ad.corp.test", 100001 },
		/* said to be of this host: the supervisor compares */
		{ winbind, NULL, "TS1", "alice", REFUSAL_NONE, "alice", 1000 },
		{ winbind, NULL, "", ".\\alice", REFUSAL_NONE, "alice", 1000 },
		/* the first label of a realm that is not the NetBIOS name: behind NTLM it is a realm's */
		{ winbind, NULL, "AD", "alice", REFUSAL_NAME, NULL, 0 },
		{ winbind, NULL, "", "bob", REFUSAL_UNKNOWN_USER, NULL, 0 },
		{ winbind, NULL, "", "down", REFUSAL_UNAVAILABLE, NULL, 0 },
		{ winbind, NULL, "CORP", "123456", REFUSAL_NONE, "CORP\\123456", 100005 },
		{ winbind, NULL, "", "123456", REFUSAL_NONE, "CORP\\123456", 100005 },
		{ winbind, NULL, "", "123456@corp", REFUSAL_NONE, "CORP\\123456", 100005 },
		{ winbind, NULL, "TS1", "123456", REFUSAL_NAME, NULL, 0 },
		{ winbind, "erin@CORP", "", "123456", REFUSAL_NONE, "CORP\\123456", 100005 },
		{ winbind, "erin@CORP", "", "erin", REFUSAL_NONE, "CORP\\erin", 100002 },
		{ winbind, "gus@AD.CORP.TEST", "ad.corp.test", "gus", REFUSAL_NONE, "CORP\\gus", 100003 },
		{ winbind, "gus@AD.CORP.TEST", "AD", "gus", REFUSAL_NAME, NULL, 0 },
		{ winbind, "gus@AD.CORP.TEST", "AD", "gus@ad.corp.test", REFUSAL_NAME, NULL, 0 },
		/* two names of domains: one account, none in one of them, two accounts */
		{ sssd, "alice@AD.CORP.TEST", "CORP", "alice@ad.corp.test", REFUSAL_NONE, "alice@ad.corp.test",
		  100001 },
		{ sssd, NULL, "CORP", "alice@ad.corp.test", REFUSAL_NONE, "alice@ad.corp.test", 100001 },
		{ winbind, NULL, "CORP", "gus@ad.corp.test", REFUSAL_NONE, "CORP\\gus", 100003 },
		{ winbind, NULL, "ad.corp.test", "CORP\\erin", REFUSAL_NONE, "CORP\\erin", 100002 },
		{ winbind, NULL, "CORP", "ivy@ad.corp.test", REFUSAL_NAME, NULL, 0 },
		{ winbind, NULL, "DESKTOP-7F3A", "erin@corp", REFUSAL_NAME, NULL, 0 },
		{ winbind, NULL, "", "DESKTOP-7F3A\\erin", REFUSAL_NONE, "CORP\\erin", 100002 },
		{ winbind, "gus@AD.CORP.TEST", "CORP", "erin", REFUSAL_NONE, "CORP\\erin", 100002 },
		{ winbind, "gus@AD.CORP.TEST", "", "alice@CORP", REFUSAL_NONE, "CORP\\alice", 100001 },
		{ winbind, "gus@AD.CORP.TEST", "", "bob", REFUSAL_UNKNOWN_USER, NULL, 0 },
		{ winbind, "gus@AD.CORP.TEST", ".", "bob", REFUSAL_NONE, "bob", 1001 },
		{ winbind, "gus@AD.CORP.TEST", "DESKTOP-7F3A", "gus", REFUSAL_NAME, NULL, 0 },
		{ winbind, "bob@MIT.TEST", "", "bob", REFUSAL_NONE, "bob", 1001 },
		{ winbind, "bob@MIT.TEST", "CORP", "bob", REFUSAL_UNKNOWN_USER, NULL, 0 },
	};
	const struct config c = rules(CONFIG_NTLM_WINBIND);

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct resolver_request q = { .type = RESOLVE_DELEGATED, .mechanism = MECHANISM_NTLM };

		service = row[i].service;
		if (row[i].principal) {
			q.mechanism = MECHANISM_KRB5;
			strcpy(q.principal, row[i].principal);
		}
		strcpy(q.domain, row[i].domain);
		strcpy(q.user, row[i].user);
		ask(&c, &q, row[i].refusal, row[i].name, row[i].uid);
	}
}

/* With ntlm = local the store's accounts are this host's: a name without a domain means those. */
static void test_delegated_with_a_store(void **state)
{
	const struct config c = rules(CONFIG_NTLM_LOCAL);
	struct resolver_request q = { .type = RESOLVE_DELEGATED, .mechanism = MECHANISM_NTLM, .user = "alice" };

	service = winbind;
	ask(&c, &q, REFUSAL_NONE, "alice", 1000);
	strcpy(q.domain, "CORP");
	ask(&c, &q, REFUSAL_NONE, "CORP\\alice", 100001);
}

/* What winbind calls the account, and what the name service does. */
static void test_domain_accounts(void **state)
{
	static const struct {
		const struct entry *service;
		const char *user;
		uid_t uid;
		enum refusal refusal;
		const char *name;
	} row[] = {
		{ winbind, "CORP\\alice", 100001, REFUSAL_NONE, "CORP\\alice" },
		{ sssd, "CORP\\alice", 100001, REFUSAL_NONE, "alice@ad.corp.test" },
		{ default_domain, "erin", 100002, REFUSAL_NONE, "erin" },
		/* this host's alice, whom winbind's is called like */
		{ default_domain, "alice", 100001, REFUSAL_UNKNOWN_USER, NULL },
		/* winbind and SSSD make different uids of a SID */
		{ sssd, "CORP\\alice", 200001, REFUSAL_UNKNOWN_USER, NULL },
		/* the uid is this host's alice */
		{ winbind, "CORP\\hal", 1000, REFUSAL_UNKNOWN_USER, NULL },
		{ winbind, "CORP\\nobody", 100009, REFUSAL_UNKNOWN_USER, NULL },
		{ default_domain, "123456", 100005, REFUSAL_NONE, "123456" },
		{ winbind, "", 100001, REFUSAL_NAME, NULL },
		{ winbind, "a/b", 100001, REFUSAL_NAME, NULL },
	};
	struct config c = rules(CONFIG_NTLM_WINBIND);

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct resolver_request q = { .type = RESOLVE_DOMAIN_ACCOUNT, .uid = row[i].uid };

		service = row[i].service;
		strcpy(q.user, row[i].user);
		ask(&c, &q, row[i].refusal, row[i].name, row[i].uid);
		/* a record of the store has to be called exactly so */
		q.type = RESOLVE_ACCOUNT;
		if (row[i].refusal == REFUSAL_NONE && strcmp(row[i].name, row[i].user) != 0)
			ask(&c, &q, REFUSAL_UNKNOWN_USER, NULL, 0);
	}
	/* the host's own realm is one of its domains, listed or not: its alice is not this host's */
	struct resolver_request p = { .type = RESOLVE_PRINCIPAL, .mechanism = MECHANISM_KRB5 };

	c.domains = netbios_only;
	strcpy(p.principal, "alice@AD.CORP.TEST");
	ask(&c, &p, REFUSAL_DOMAIN, NULL, 0);
	strcpy(p.principal, "bob@MIT.TEST");
	ask(&c, &p, REFUSAL_NONE, "bob", 1001);
	c.domains = none;
	strcpy(p.principal, "alice@AD.CORP.TEST");
	ask(&c, &p, REFUSAL_NONE, "alice", 1000);
	/* whose ticket is known to be a domain's: with no domain said, and with another one */
	p.from_domain = 1;
	ask(&c, &p, REFUSAL_DOMAIN, NULL, 0);
	strcpy(p.user, "alice");
	ask(&c, &p, REFUSAL_DOMAIN, NULL, 0);
	c.domains = netbios_only;
	ask(&c, &p, REFUSAL_DOMAIN, NULL, 0);
	strcpy(p.principal, "bob@MIT.TEST");
	strcpy(p.user, "bob");
	ask(&c, &p, REFUSAL_DOMAIN, NULL, 0);
	c.domains = domains;
	/* the domain's name of the account, whatever the ticket says: a computer's, or one with another UPN */
	service = sssd;
	strcpy(p.principal, "a.smith@AD.CORP.TEST");
	strcpy(p.user, "Alice");
	ask(&c, &p, REFUSAL_NONE, "alice@ad.corp.test", 100001);
	service = winbind;
	strcpy(p.principal, "erin@CORP");
	strcpy(p.user, "ts1$");
	ask(&c, &p, REFUSAL_SYSTEM_ACCOUNT, NULL, 0);
	strcpy(p.user, "erin$");
	ask(&c, &p, REFUSAL_UNKNOWN_USER, NULL, 0);
	strcpy(p.user, "ERIN");
	ask(&c, &p, REFUSAL_NONE, "CORP\\erin", 100002);
	p.user[0] = '\0';
	ask(&c, &p, REFUSAL_NONE, "CORP\\erin", 100002);
	p.from_domain = 0;
	/* a computer that is listed */
	c.allow_users = computers;
	strcpy(p.principal, "ts1$@CORP");
	ask(&c, &p, REFUSAL_NONE, "CORP\\ts1$", 100004);
	/* and the account rules apply */
	struct resolver_request q = { .type = RESOLVE_DOMAIN_ACCOUNT, .uid = 100002, .user = "CORP\\erin" };

	service = winbind;
	c.allow_users = domains;
	ask(&c, &q, REFUSAL_NOT_ALLOWED, NULL, 0);
	c.allow_groups = users;
	ask(&c, &q, REFUSAL_NONE, "CORP\\erin", 100002);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_principals),
		cmocka_unit_test(test_delegated),
		cmocka_unit_test(test_delegated_with_a_store),
		cmocka_unit_test(test_domain_accounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
