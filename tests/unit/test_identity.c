/* SPDX-License-Identifier: MIT */
/* The identity rules by table: each attack beside what is let in. The name service is a table of this file's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include <errno.h>

#include "common/ipc/handover.h"
#include "credsspd/resolver/identity.h"

static unsigned lookups; /* of the name service and libkrb5 */

/* The answers of getpwnam(): it may return another spelling of a name, or another account. */
static const struct {
	const char *asked, *name;
	uid_t uid;
	int error;
} users[] = {
	{ "alice", "alice", 1000, 0 },
	{ "Alice", "alice", 1000, 0 },        /* a name service that ignores case */
	{ "alice@r.test", "alice", 1000, 0 }, /* sssd, winbind */
	{ "bob", "bob", 1001, 0 },
	{ "carol", "carol", 1002, 0 },
	{ "twin", "twin", 1002, 0 },    /* carol's uid, another account */
	{ "guest1", "guest", 1003, 0 }, /* a wildcard: the answer to any name */
	{ "guest", "guest", 1004, 0 },
	{ "toor", "root", 0, 0 },
	{ "root", "root", 0, 0 },
	{ "daemon", "daemon", 1, 0 },
	{ "edge", "edge", 999, 0 },
	{ "nobody", "nobody", 65534, 0 },
	{ "j\xc3\xb6rg", "j\xc3\xb6rg", 1005, 0 },
	{ "1000", "1000", 1006, 0 },             /* exists, and is not asked for */
	{ "root@other", "root@other", 1007, 0 }, /* a domain's user */
	{ "R\\dave", "R\\dave", 1008, 0 },       /* winbind without default domain */
	{ "slow", NULL, 0, -EIO },               /* the name service is down */
	{ "renamed", "renamed", 2000, 0 },
};
#define N_USERS (sizeof users / sizeof *users)

static int found(size_t i, struct identity_account *ret_account)
{
	if (users[i].error)
		return users[i].error;
	memset(ret_account, 0, sizeof *ret_account);
	ret_account->uid = users[i].uid;
	(void)snprintf(ret_account->name, sizeof ret_account->name, "%s", users[i].name);
	return 0;
}

static int by_name(const char *name, struct identity_account *ret_account)
{
	lookups++;
	for (size_t i = 0; i < N_USERS; i++)
		if (strcmp(users[i].asked, name) == 0)
			return found(i, ret_account);
	return -ENOENT;
}

static int by_uid(uid_t uid, struct identity_account *ret_account)
{
	lookups++;
	if (uid == 3000)
		return -EIO;
	if (uid == 2001) /* given to another account since */
		return found(3, ret_account);
	for (size_t i = 0; i < N_USERS; i++)
		if (!users[i].error && users[i].uid == uid)
			return found(i, ret_account);
	return -ENOENT;
}

/* localauth: the default realm's users by their names, the rest by rules of krb5.conf. */
static int by_principal(const char *principal, bool explicit_only, char ret_name[RECORD_NAME_MAX])
{
	static const struct {
		const char *principal, *name;
		int error;
	} row[] = {
		{ "root\\@other@R.TEST", "root@other", 0 },
		{ "boss@R.TEST", "root", 0 },
		{ "admin@OTHER.TEST", "bob", 0 },
		{ "alice@OTHER.TEST", NULL, -ENOENT },
		{ "empty@R.TEST", "", 0 },
		{ "digits@R.TEST", "1000", 0 },
		{ "slash@R.TEST", "../root", 0 },
		{ "newline@R.TEST", "alice\nroot", 0 },
		{ "down@R.TEST", NULL, -EIO },
		{ "winbind@R.TEST", "R\\dave", 0 },
	};
	const char *realm = strrchr(principal, '@');

	lookups++;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		if (strcmp(row[i].principal, principal) == 0) {
			if (row[i].name)
				strcpy(ret_name, row[i].name);
			return row[i].error;
		}
	}
	if (explicit_only || !realm || strcmp(realm, "@R.TEST") != 0)
		return -ENOENT;
	(void)snprintf(ret_name, RECORD_NAME_MAX, "%.*s", (int)(realm - principal), principal);
	return 0;
}

static int in_group(const struct identity_account *account, const char *group)
{
	lookups++;
	if (strcmp(group, "down") == 0)
		return -EIO;
	if (strcmp(group, "nosuch") == 0)
		return -ENOENT;
	return strcmp(group, "rdp") == 0 && strcmp(account->name, "alice") == 0;
}

static int is_local_host(const char *domain)
{
	return strcasecmp(domain, "ts1") == 0 || strcasecmp(domain, "ts1.r.test") == 0;
}

static int is_realm(const char *domain)
{
	return strcasecmp(domain, "R.TEST") == 0 || strcasecmp(domain, "R") == 0 ||
	       strcasecmp(domain, "OTHER.TEST") == 0 || strcasecmp(domain, "OTHER") == 0;
}

static const struct identity_lookups fake = {
	.by_name = by_name,
	.by_uid = by_uid,
	.by_principal = by_principal,
	.in_group = in_group,
	.is_local_host = is_local_host,
	.is_default_realm = is_realm, /* not asked: no domains */
	.is_realm = is_realm,
};

static char *none[] = { NULL };
static char *local_domains[] = { (char[]){ "Office" }, NULL };
static char *alice[] = { (char[]){ "alice" }, NULL };
static char *spelled[] = { (char[]){ "Alice" }, NULL };
static char *root[] = { (char[]){ "root" }, NULL };
static char *rdp[] = { (char[]){ "nosuch" }, (char[]){ "rdp" }, NULL };
static char *staff[] = { (char[]){ "staff" }, NULL };
static char *down[] = { (char[]){ "down" }, NULL };

static struct config rules(void)
{
	return (struct config){
		.minimum_uid = 1000,
		.domains = none,
		.local_domains = none,
		.allow_users = none,
		.allow_groups = none,
		.smartcard_gss_users = none,
		.smartcard_gss_groups = none,
		.restricted_admin_users = none,
		.restricted_admin_groups = none,
	};
}

static struct resolver_answer answer_to(const struct config *c, const struct resolver_request *q)
{
	struct resolver_answer a;

	memset(&a, 0xaa, sizeof a);
	lookups = 0;
	identity_answer(c, &fake, q, &a);
	assert_int_equal(a.type, RESOLVER_ANSWER);
	assert_int_equal(a.id, q->id);
	assert_non_null(memchr(a.name, '\0', sizeof a.name));
	if (a.refusal != REFUSAL_NONE)
		assert_int_equal(a.uid, (uint32_t)-1);
	return a;
}

static struct resolver_answer principal(const struct config *c, const char *name)
{
	struct resolver_request q = { .type = RESOLVE_PRINCIPAL, .mechanism = MECHANISM_KRB5, .id = 42 };

	(void)snprintf(q.principal, sizeof q.principal, "%s", name);
	return answer_to(c, &q);
}

static struct resolver_answer delegated(const struct config *c, uint8_t mechanism, const char *as, const char *domain,
					const char *user)
{
	struct resolver_request q = { .type = RESOLVE_DELEGATED, .mechanism = mechanism, .id = 43 };

	(void)snprintf(q.principal, sizeof q.principal, "%s", as);
	(void)snprintf(q.domain, sizeof q.domain, "%s", domain);
	(void)snprintf(q.user, sizeof q.user, "%s", user);
	return answer_to(c, &q);
}

static void expect(const char *what, const struct resolver_answer *a, enum refusal refusal, const char *name, uid_t uid)
{
	if (a->refusal != refusal)
		fail_msg("%s: %s, not %s", what, refusal_word(a->refusal), refusal_word(refusal));
	if (refusal == REFUSAL_NONE) {
		assert_string_equal(a->name, name);
		assert_int_equal(a->uid, uid);
	}
}

static void test_principals(void **state)
{
	static const struct {
		const char *principal;
		enum refusal refusal;
		const char *name;
		uid_t uid;
		bool asked; /* the name service was asked */
	} row[] = {
		{ "alice@R.TEST", REFUSAL_NONE, "alice", 1000, true },
		{ "Alice@R.TEST", REFUSAL_NONE, "alice", 1000, true },
		{ "j\xc3\xb6rg@R.TEST", REFUSAL_NONE, "j\xc3\xb6rg", 1005, true },
		{ "admin@OTHER.TEST", REFUSAL_NONE, "bob", 1001, true },
		{ "winbind@R.TEST", REFUSAL_NONE, "R\\dave", 1008, true },
		{ "1000a@R.TEST", REFUSAL_UNKNOWN_USER, NULL, 0, true },
		/* another realm's alice is not ours */
		{ "alice@OTHER.TEST", REFUSAL_UNKNOWN_USER, NULL, 0, true },
		{ "alice@NOWHERE", REFUSAL_UNKNOWN_USER, NULL, 0, true },
		{ "mallory@R.TEST", REFUSAL_UNKNOWN_USER, NULL, 0, true },
		/* what localauth makes of it is looked at again */
		{ "boss@R.TEST", REFUSAL_SYSTEM_ACCOUNT, NULL, 0, true },
		{ "empty@R.TEST", REFUSAL_NAME, NULL, 0, true },
		{ "digits@R.TEST", REFUSAL_NAME, NULL, 0, true },
		{ "1000@R.TEST", REFUSAL_NAME, NULL, 0, true },
		{ "1000", REFUSAL_UNKNOWN_USER, NULL, 0, true },
		{ "slash@R.TEST", REFUSAL_NAME, NULL, 0, true },
		{ "newline@R.TEST", REFUSAL_NAME, NULL, 0, true },
		/* an account that is not the one that was asked for */
		{ "guest1@R.TEST", REFUSAL_MISMATCH, NULL, 0, true },
		{ "guest@R.TEST", REFUSAL_NONE, "guest", 1004, true },
		/* nobody said no */
		{ "down@R.TEST", REFUSAL_UNAVAILABLE, NULL, 0, true },
		{ "slow@R.TEST", REFUSAL_UNAVAILABLE, NULL, 0, true },
		/* refused before the name service is asked */
		{ "root\\@other@R.TEST", REFUSAL_NAME, NULL, 0, false },
		{ "R\\\\alice@R.TEST", REFUSAL_NAME, NULL, 0, false },
		{ "host/ts1.r.test@R.TEST", REFUSAL_NAME, NULL, 0, false },
		{ "alice/admin@R.TEST", REFUSAL_NAME, NULL, 0, false },
		{ "alice:0@R.TEST", REFUSAL_NAME, NULL, 0, false },
		{ "alice\nroot@R.TEST", REFUSAL_NAME, NULL, 0, false },
		{ "alice\x7f@R.TEST", REFUSAL_NAME, NULL, 0, false },
		{ "alice\xc2\x85@R.TEST", REFUSAL_NAME, NULL, 0, false },
		{ "al\xc0\x80ice@R.TEST", REFUSAL_NAME, NULL, 0, false },
		{ "al\xff@R.TEST", REFUSAL_NAME, NULL, 0, false },
		{ "@R.TEST", REFUSAL_NAME, NULL, 0, false },
		{ "", REFUSAL_NAME, NULL, 0, false },
	};
	const struct config c = rules();
	char longest[ACCOUNT_NAME_MAX + 2];
	struct resolver_answer a;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		a = principal(&c, row[i].principal);
		expect(row[i].principal, &a, row[i].refusal, row[i].name, row[i].uid);
		if (row[i].asked != (lookups > 0))
			fail_msg("%s: %u lookups", row[i].principal, lookups);
	}
	memset(longest, 'a', sizeof longest);
	memcpy(longest + sizeof longest - 8, "@R.TEST", 8);
	a = principal(&c, longest);
	expect("257 octets", &a, REFUSAL_NAME, NULL, 0);
	a = principal(&c, longest + 1);
	expect("256 octets", &a, REFUSAL_UNKNOWN_USER, NULL, 0);
}

static void test_delegated_ntlm(void **state)
{
	static const struct {
		const char *domain, *user;
		enum refusal refusal;
		const char *name;
		uid_t uid;
		bool asked;
	} row[] = {
		{ "", "alice", REFUSAL_NONE, "alice", 1000, true },
		{ ".", "alice", REFUSAL_NONE, "alice", 1000, true },
		{ "", ".\\alice", REFUSAL_NONE, "alice", 1000, true },
		{ "TS1", "alice", REFUSAL_NONE, "alice", 1000, true },
		{ "ts1.r.test", "alice", REFUSAL_NONE, "alice", 1000, true },
		{ "", "TS1\\alice", REFUSAL_NONE, "alice", 1000, true },
		{ "TS1", "TS1\\alice", REFUSAL_NONE, "alice", 1000, true },
		{ "", "alice@ts1.r.test", REFUSAL_NONE, "alice", 1000, true },
		{ "OFFICE", "alice", REFUSAL_NONE, "alice", 1000, true },
		{ "DESKTOP-7F3A", "alice", REFUSAL_NONE, "alice", 1000, true }, /* the client's own computer */
		{ "", "Alice", REFUSAL_NONE, "alice", 1000, true },
		/* what she typed, in a case that the name service does not know */
		{ "", "ALICE", REFUSAL_NONE, "alice", 1000, true },
		{ "TS1", "aLice", REFUSAL_NONE, "alice", 1000, true },
		{ "", "ALICE@ts1", REFUSAL_NONE, "alice", 1000, true },
		{ "", "BOB", REFUSAL_UNKNOWN_USER, NULL, 0, true },
		{ "R", "ALICE", REFUSAL_NAME, NULL, 0, false },
		{ "", "bob", REFUSAL_NONE, "bob", 1001, true }, /* the supervisor compares */
		{ "", "root", REFUSAL_NONE, "root", 0, true },  /* and the rules were those of who authenticated */
		{ "", "mallory", REFUSAL_UNKNOWN_USER, NULL, 0, true },
		{ "", "guest1", REFUSAL_MISMATCH, NULL, 0, true },
		{ "", "slow", REFUSAL_UNAVAILABLE, NULL, 0, true },
		/* a realm's user is not the local one of that name */
		{ "R", "alice", REFUSAL_NAME, NULL, 0, false },
		{ "R.TEST", "alice", REFUSAL_NAME, NULL, 0, false },
		{ "other.test", "alice", REFUSAL_NAME, NULL, 0, false },
		{ "", "R\\alice", REFUSAL_NAME, NULL, 0, false },
		{ "", "alice@r.test", REFUSAL_NAME, NULL, 0, false },
		/* refused before the name service is asked */
		{ "", "", REFUSAL_NAME, NULL, 0, false },
		{ "TS1", "", REFUSAL_NAME, NULL, 0, false },
		{ "", "1000", REFUSAL_NAME, NULL, 0, false },
		{ "", "TS1\\1000", REFUSAL_NAME, NULL, 0, false },
		{ "", "0", REFUSAL_NAME, NULL, 0, false },
		{ "", "TS1\\x\\alice", REFUSAL_NAME, NULL, 0, false },
		{ "", "\\\\alice", REFUSAL_NAME, NULL, 0, false },
		{ "", "TS1\\alice@ts1", REFUSAL_NAME, NULL, 0, false },
		{ "", "alice@x@ts1", REFUSAL_NAME, NULL, 0, false },
		{ "", "alice@", REFUSAL_NAME, NULL, 0, false },
		{ "", "TS1\\", REFUSAL_NAME, NULL, 0, false },
		{ "", "alice:x", REFUSAL_NAME, NULL, 0, false },
		{ "", "../alice", REFUSAL_NAME, NULL, 0, false },
		{ "", "alice\n", REFUSAL_NAME, NULL, 0, false },
		{ "", "alice\x1b[2J", REFUSAL_NAME, NULL, 0, false },
		{ "", "alice\xc2\x9b", REFUSAL_NAME, NULL, 0, false },
		{ "", "al\xed\xa0\x80", REFUSAL_NAME, NULL, 0, false },
		{ "ts1\ncredsspd: logon granted user=root", "alice", REFUSAL_NAME, NULL, 0, false },
		{ "ts1/x", "alice", REFUSAL_NAME, NULL, 0, false },
		{ "ts1\\x", "alice", REFUSAL_NAME, NULL, 0, false },
		{ "alice@ts1", "alice", REFUSAL_NAME, NULL, 0, false },
		{ "\xff", "alice", REFUSAL_NAME, NULL, 0, false },
		{ "TS2", "TS1\\alice", REFUSAL_NAME, NULL, 0, false }, /* contradicts itself */
	};
	struct config c = rules();

	c.local_domains = local_domains;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct resolver_answer a = delegated(&c, MECHANISM_NTLM, "alice", row[i].domain, row[i].user);
		char what[64];

		(void)snprintf(what, sizeof what, "%zu: %s|%s", i, row[i].domain, row[i].user);
		expect(what, &a, row[i].refusal, row[i].name, row[i].uid);
		if (row[i].asked != (lookups > 0))
			fail_msg("%s: %u lookups", what, lookups);
	}
}

static void test_delegated_krb5(void **state)
{
	static const struct {
		const char *as, *domain, *user;
		enum refusal refusal;
		const char *name;
		uid_t uid;
	} row[] = {
		{ "alice@R.TEST", "R.TEST", "alice", REFUSAL_NONE, "alice", 1000 },
		{ "alice@R.TEST", "r.test", "alice", REFUSAL_NONE, "alice", 1000 },
		{ "alice@R.TEST", "R", "alice", REFUSAL_NONE, "alice", 1000 }, /* as NetBIOS says it */
		{ "alice@R.TEST", "", "alice@R.TEST", REFUSAL_NONE, "alice", 1000 },
		{ "alice@R.TEST", "", "R\\alice", REFUSAL_NONE, "alice", 1000 },
		{ "alice@R.TEST", "", "alice", REFUSAL_NONE, "alice", 1000 },
		{ "alice@R.TEST", "TS1", "alice", REFUSAL_NONE, "alice", 1000 },
		{ "alice@R.TEST", "R.TEST", "bob", REFUSAL_NONE, "bob", 1001 }, /* the supervisor compares */
		{ "admin@OTHER.TEST", "OTHER.TEST", "admin", REFUSAL_NONE, "bob", 1001 },
		/* alice of another realm has no account here, whatever principal she has authenticated as */
		{ "admin@OTHER.TEST", "OTHER", "alice", REFUSAL_UNKNOWN_USER, NULL, 0 },
		/* a realm other than the ticket's, and an unknown domain: Kerberos clients have no computer
		   name */
		{ "alice@R.TEST", "OTHER.TEST", "alice", REFUSAL_NAME, NULL, 0 },
		{ "alice@R.TEST", "OTHER", "alice", REFUSAL_NAME, NULL, 0 },
		{ "alice@R.TEST", "DESKTOP-7F3A", "alice", REFUSAL_NAME, NULL, 0 },
		{ "alice@R.TEST", "R.TES", "alice", REFUSAL_NAME, NULL, 0 },
		{ "alice@R.TEST", "R.TEST", "1000", REFUSAL_NAME, NULL, 0 },
		{ "alice@R.TEST", "R.TEST", "slash", REFUSAL_NAME, NULL, 0 },
		{ "alice@R.TEST", "R.TEST", "alice/admin", REFUSAL_NAME, NULL, 0 },
		{ "alice@R.TEST", "R.TEST", "down", REFUSAL_UNAVAILABLE, NULL, 0 },
		{ "alice@R.TEST", "R.TEST", "guest1", REFUSAL_MISMATCH, NULL, 0 },
		{ "alice", "R.TEST", "alice", REFUSAL_NAME, NULL, 0 },
	};
	const struct config c = rules();

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct resolver_answer a = delegated(&c, MECHANISM_KRB5, row[i].as, row[i].domain, row[i].user);
		char what[64];

		(void)snprintf(what, sizeof what, "%zu: %s|%s", i, row[i].domain, row[i].user);
		expect(what, &a, row[i].refusal, row[i].name, row[i].uid);
	}
}

/* The longest names that records carry. */
static void test_long_names(void **state)
{
	const struct config c = rules();
	struct resolver_request q = { .type = RESOLVE_DELEGATED, .mechanism = MECHANISM_KRB5 };

	strcpy(q.principal, "alice@R.TEST");
	strcpy(q.domain, "R.TEST");
	memset(q.user, 'a', ACCOUNT_NAME_MAX);
	assert_int_equal(answer_to(&c, &q).refusal, REFUSAL_NAME); /* user@realm is too long */
	q.user[ACCOUNT_NAME_MAX - 7] = '\0';
	assert_int_equal(answer_to(&c, &q).refusal, REFUSAL_UNKNOWN_USER);
	memset(q.user, 'a', sizeof q.user - 1);
	assert_int_equal(answer_to(&c, &q).refusal, REFUSAL_NAME);
	q.mechanism = MECHANISM_NTLM;
	assert_int_equal(answer_to(&c, &q).refusal, REFUSAL_NAME);
	q.domain[0] = q.user[ACCOUNT_NAME_MAX] = '\0';
	assert_int_equal(answer_to(&c, &q).refusal, REFUSAL_UNKNOWN_USER);
}

static void test_records(void **state)
{
	static const struct {
		const char *user;
		uid_t uid;
		enum refusal refusal;
	} row[] = {
		{ "alice", 1000, REFUSAL_NONE },
		{ "bob", 1001, REFUSAL_NONE },
		{ "alice", 1001, REFUSAL_UNKNOWN_USER },   /* the name belongs to another account now */
		{ "alice", 1009, REFUSAL_UNKNOWN_USER },   /* the uid is gone */
		{ "Alice", 1000, REFUSAL_UNKNOWN_USER },   /* records have canonical names */
		{ "twin", 1002, REFUSAL_UNKNOWN_USER },    /* the uid alone would be carol's */
		{ "renamed", 2001, REFUSAL_UNKNOWN_USER }, /* the uid belongs to another account now */
		{ "mallory", 1000, REFUSAL_UNKNOWN_USER },
		{ "root", 0, REFUSAL_SYSTEM_ACCOUNT },
		{ "daemon", 1, REFUSAL_SYSTEM_ACCOUNT },
		{ "edge", 999, REFUSAL_SYSTEM_ACCOUNT },
		{ "slow", 1000, REFUSAL_UNAVAILABLE },
		{ "alice", 3000, REFUSAL_UNAVAILABLE },
		{ "1000", 1006, REFUSAL_NONE }, /* found both ways: digits are not taken for a uid */
		{ "1000", 1000, REFUSAL_UNKNOWN_USER },
		{ "", 1000, REFUSAL_NAME },
		{ "a/b", 1000, REFUSAL_NAME },
	};
	const struct config c = rules();

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct resolver_request q = { .type = RESOLVE_ACCOUNT, .uid = row[i].uid };
		struct resolver_answer a;

		strcpy(q.user, row[i].user);
		a = answer_to(&c, &q);
		expect(row[i].user, &a, row[i].refusal, row[i].user, row[i].uid);
	}
}

static void test_rules(void **state)
{
	static const struct {
		const char *what;
		char **allow_users, **allow_groups;
		unsigned minimum_uid;
		bool allow_root;
		const char *who;
		enum refusal refusal;
	} row[] = {
		{ "nothing said: everybody", none, none, 1000, false, "bob@R.TEST", REFUSAL_NONE },
		{ "in allow_users", alice, none, 1000, false, "alice@R.TEST", REFUSAL_NONE },
		{ "in allow_users under another spelling", alice, none, 1000, false, "Alice@R.TEST", REFUSAL_NONE },
		{ "not in allow_users", alice, none, 1000, false, "bob@R.TEST", REFUSAL_NOT_ALLOWED },
		{ "allow_users has pw_names", spelled, none, 1000, false, "Alice@R.TEST", REFUSAL_NOT_ALLOWED },
		{ "in allow_groups, behind one that does not exist", none, rdp, 1000, false, "alice@R.TEST",
		  REFUSAL_NONE },
		{ "not in allow_groups", none, rdp, 1000, false, "bob@R.TEST", REFUSAL_NOT_ALLOWED },
		{ "either will do: user", alice, staff, 1000, false, "alice@R.TEST", REFUSAL_NONE },
		{ "either will do: group", root, rdp, 1000, false, "alice@R.TEST", REFUSAL_NONE },
		{ "neither", root, staff, 1000, false, "alice@R.TEST", REFUSAL_NOT_ALLOWED },
		{ "nobody can say", none, down, 1000, false, "alice@R.TEST", REFUSAL_UNAVAILABLE },
		{ "root", none, none, 1000, false, "root@R.TEST", REFUSAL_SYSTEM_ACCOUNT },
		{ "root by another name", none, none, 1000, false, "toor@R.TEST", REFUSAL_SYSTEM_ACCOUNT },
		{ "root, although listed", root, none, 1000, false, "root@R.TEST", REFUSAL_SYSTEM_ACCOUNT },
		{ "root, although minimum_uid is 0", none, none, 0, false, "root@R.TEST", REFUSAL_SYSTEM_ACCOUNT },
		{ "root, allowed", none, none, 1000, true, "root@R.TEST", REFUSAL_NONE },
		{ "root, allowed, not listed", alice, none, 1000, true, "root@R.TEST", REFUSAL_NOT_ALLOWED },
		{ "allow_root is for root alone", none, none, 1000, true, "daemon@R.TEST", REFUSAL_SYSTEM_ACCOUNT },
		{ "below minimum_uid", none, none, 1000, false, "edge@R.TEST", REFUSAL_SYSTEM_ACCOUNT },
		{ "at minimum_uid", none, none, 999, false, "edge@R.TEST", REFUSAL_NONE },
		{ "a higher minimum_uid", none, none, 1001, false, "alice@R.TEST", REFUSAL_SYSTEM_ACCOUNT },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct config c = rules();
		struct resolver_answer a;

		c.allow_users = row[i].allow_users;
		c.allow_groups = row[i].allow_groups;
		c.minimum_uid = row[i].minimum_uid;
		c.allow_root = row[i].allow_root;
		a = principal(&c, row[i].who);
		if (a.refusal != row[i].refusal)
			fail_msg("%s: %s", row[i].what, refusal_word(a.refusal));
	}
}

/* For the Manager: no rules, so that root can be told why a record is of no use to it. */
static void test_names(void **state)
{
	static const struct {
		const char *user;
		enum refusal refusal;
		const char *name;
		uid_t uid;
	} row[] = {
		{ "alice", REFUSAL_NONE, "alice", 1000 },
		{ "Alice", REFUSAL_NONE, "alice", 1000 },
		{ "root", REFUSAL_NONE, "root", 0 },
		{ "mallory", REFUSAL_UNKNOWN_USER, NULL, 0 },
		{ "guest1", REFUSAL_MISMATCH, NULL, 0 },
		{ "slow", REFUSAL_UNAVAILABLE, NULL, 0 },
		{ "", REFUSAL_NAME, NULL, 0 },
		{ "1000", REFUSAL_NAME, NULL, 0 },
		{ "a:b", REFUSAL_NAME, NULL, 0 },
		{ "a\tb", REFUSAL_NAME, NULL, 0 },
	};
	const struct config c = rules();

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct resolver_request q = { .type = RESOLVE_NAME };
		struct resolver_answer a;

		strcpy(q.user, row[i].user);
		a = answer_to(&c, &q);
		expect(row[i].user, &a, row[i].refusal, row[i].name, row[i].uid);
	}
}

static void test_unknown_question(void **state)
{
	const struct config c = rules();

	for (unsigned type = 0; type < 256; type++) {
		struct resolver_request q = { .type = (uint8_t)type };

		if (type >= RESOLVE_PRINCIPAL && type <= RESOLVE_DOMAIN_ACCOUNT)
			continue;
		strcpy(q.user, "alice");
		strcpy(q.principal, "alice@R.TEST");
		assert_int_equal(answer_to(&c, &q).refusal, REFUSAL_INTERNAL);
		assert_int_equal(lookups, 0);
	}
}

/* Tickets of Active Directory: the domain's own name of the account counts, and never makes one of this host by
 * default. */
static void test_tickets_of_a_domain(void **state)
{
	static const struct {
		const char *principal, *account;
		enum refusal refusal;
		const char *name;
		uid_t uid;
	} row[] = {
		{ "alice@R.TEST", "alice$", REFUSAL_DOMAIN, NULL, 0 }, /* a computer's */
		{ "alice@R.TEST", "alice", REFUSAL_DOMAIN, NULL, 0 },
		{ "alice@R.TEST", "", REFUSAL_DOMAIN, NULL, 0 }, /* no PAC */
		{ "alice$@R.TEST", "alice$", REFUSAL_DOMAIN, NULL, 0 },
		{ "alice@OTHER.TEST", "alice", REFUSAL_DOMAIN, NULL, 0 },
		/* krb5.conf has them by name: the account, and not what its ticket says */
		{ "admin@OTHER.TEST", "admin", REFUSAL_NONE, "bob", 1001 },
		{ "admin@OTHER.TEST", "Admin", REFUSAL_NONE, "bob", 1001 },
		{ "admin@OTHER.TEST", "", REFUSAL_NONE, "bob", 1001 },
		{ "admin@OTHER.TEST", "admin$", REFUSAL_DOMAIN, NULL, 0 },
		{ "a.smith@OTHER.TEST", "admin", REFUSAL_NONE, "bob", 1001 },
		{ "boss@R.TEST", "boss", REFUSAL_SYSTEM_ACCOUNT, NULL, 0 },
		{ "down@R.TEST", "down", REFUSAL_UNAVAILABLE, NULL, 0 },
		{ "admin@OTHER.TEST", "x@y", REFUSAL_NAME, NULL, 0 },
		{ "admin@OTHER.TEST", "R\\admin", REFUSAL_NAME, NULL, 0 },
		{ "admin@OTHER.TEST", "a/b", REFUSAL_NAME, NULL, 0 },
	};
	const struct config c = rules();

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct resolver_request q = { .type = RESOLVE_PRINCIPAL,
					      .mechanism = MECHANISM_KRB5,
					      .from_domain = 1 };
		struct resolver_answer a;

		(void)snprintf(q.principal, sizeof q.principal, "%s", row[i].principal);
		(void)snprintf(q.user, sizeof q.user, "%s", row[i].account);
		a = answer_to(&c, &q);
		if (a.refusal != row[i].refusal)
			fail_msg("%s %s: %s", row[i].principal, row[i].account, refusal_word(a.refusal));
		if (row[i].refusal == REFUSAL_NONE) {
			assert_string_equal(a.name, row[i].name);
			assert_int_equal(a.uid, row[i].uid);
		}
	}
}

/* Without a secret: the account rules, and separate lists, which allow no account when they are empty. */
static void test_kinds_with_lists_of_their_own(void **state)
{
	static const struct {
		bool allow;
		config_list allow_users, users, groups;
		const char *name;
		uid_t uid;
		enum refusal refusal;
	} row[] = {
		{ true, none, alice, none, "alice", 1000, REFUSAL_NONE },
		{ true, none, none, rdp, "alice", 1000, REFUSAL_NONE },
		{ true, alice, alice, none, "alice", 1000, REFUSAL_NONE },
		{ true, none, none, none, "alice", 1000, REFUSAL_NOT_ALLOWED },
		{ true, none, spelled, staff, "alice", 1000, REFUSAL_NOT_ALLOWED },
		{ true, none, alice, rdp, "bob", 1001, REFUSAL_NOT_ALLOWED },
		{ true, spelled, alice, none, "alice", 1000, REFUSAL_NOT_ALLOWED },
		{ true, none, none, down, "alice", 1000, REFUSAL_UNAVAILABLE },
		{ true, none, root, none, "root", 0, REFUSAL_SYSTEM_ACCOUNT },
		{ false, none, alice, rdp, "alice", 1000, REFUSAL_CREDENTIAL_KIND },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct resolver_request q = { .type = RESOLVE_ACCOUNT,
					      .uid = row[i].uid,
					      .kind = CREDENTIAL_RESTRICTED_ADMIN };
		bool passes = row[i].uid >= 1000 && row[i].allow_users != spelled;
		struct config c = rules();
		struct resolver_answer a;

		c.restricted_admin = row[i].allow;
		c.allow_users = row[i].allow_users;
		c.restricted_admin_users = row[i].users;
		c.restricted_admin_groups = row[i].groups;
		(void)snprintf(q.user, sizeof q.user, "%s", row[i].name);
		a = answer_to(&c, &q);
		expect(row[i].name, &a, row[i].refusal, row[i].name, row[i].uid);
		/* they mean nothing for another kind, nor does the other's list for this one */
		for (unsigned kind = CREDENTIAL_NONE; kind <= CREDENTIAL_REMOTE_GUARD; kind++) {
			q.kind = (uint8_t)kind;
			a = answer_to(&c, &q);
			if (kind != CREDENTIAL_RESTRICTED_ADMIN && passes)
				assert_int_equal(a.refusal, REFUSAL_NONE);
		}
		/* the same rules with smartcard = gss, whether the name is the authenticated one or a hint */
		c = rules();
		c.smartcard = row[i].allow ? CONFIG_SMARTCARD_GSS : CONFIG_SMARTCARD_PKINIT;
		c.allow_users = row[i].allow_users;
		c.smartcard_gss_users = row[i].users;
		c.smartcard_gss_groups = row[i].groups;
		q.kind = CREDENTIAL_SMARTCARD;
		a = answer_to(&c, &q);
		expect(row[i].name, &a, row[i].allow ? row[i].refusal : REFUSAL_NONE, row[i].name, row[i].uid);
		q.type = RESOLVE_DELEGATED;
		q.mechanism = MECHANISM_KRB5;
		(void)snprintf(q.principal, sizeof q.principal, "%s@R.TEST", row[i].name);
		a = answer_to(&c, &q);
		/* the rules for all accounts were applied to the authenticated one */
		if (passes)
			expect(row[i].name, &a, row[i].allow ? row[i].refusal : REFUSAL_NONE, row[i].name, row[i].uid);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tickets_of_a_domain),
		cmocka_unit_test(test_kinds_with_lists_of_their_own),
		cmocka_unit_test(test_principals),
		cmocka_unit_test(test_delegated_ntlm),
		cmocka_unit_test(test_delegated_krb5),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_unknown_question),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
