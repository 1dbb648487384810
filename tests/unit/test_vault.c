/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "credsspd/supervisor/vault.h"

static struct vault_logon logon_of(const char *user, uid_t uid)
{
	struct vault_logon l = { .logon = 7, .uid = uid, .kind = 1 };

	(void)snprintf(l.user, sizeof l.user, "%s", user);
	(void)snprintf(l.service, sizeof l.service, "xrdp-sesman");
	return l;
}

static int put(struct vault *v, const char *user, uid_t uid, uint64_t expires, char *ticket)
{
	struct vault_logon l = logon_of(user, uid);
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	close(p[1]);
	int r = vault_put(v, &l, p[0], expires, ticket);

	if (r < 0)
		close(p[0]);
	return r;
}

static void test_redeemed_once(void **state)
{
	struct vault *v = vault_new();
	char ticket[TICKET_LEN + 1], c;
	struct vault_logon about;
	int fd = -1;

	assert_int_equal(put(v, "alice", 1000, 100, ticket), 0);
	assert_int_equal(strlen(ticket), TICKET_LEN);
	assert_int_equal(
	    strspn(ticket + strlen(TICKET_PREFIX), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
	    43);
	assert_int_equal(vault_redeem(v, ticket, "xrdp-sesman", "alice", 99, &about, &fd), VAULT_GRANTED);
	assert_int_equal(about.logon, 7);
	assert_int_equal(read(fd, &c, 1), 1);
	assert_int_equal(c, 'x');
	close(fd);
	assert_int_equal(vault_redeem(v, ticket, "xrdp-sesman", "alice", 99, &about, &fd), VAULT_NO_TICKET);
	assert_int_equal(vault_count(v), 0);
	vault_free(v);
}

static void test_mismatch_consumes(void **state)
{
	static const struct {
		const char *service, *user;
	} wrong[] = {
		{ "sshd", "alice" }, { "xrdp-sesman", "bob" },    { "xrdp-sesman", "Alice" },
		{ "", "alice" },     { "xrdp-sesman", "alice " }, { "xrdp-sesman", "" },
	};
	struct vault *v = vault_new();
	char ticket[TICKET_LEN + 1];
	struct vault_logon about;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		int fd = -1;

		assert_int_equal(put(v, "alice", 1000, 100, ticket), 0);
		assert_int_equal(vault_redeem(v, ticket, wrong[i].service, wrong[i].user, 1, &about, &fd),
				 VAULT_MISMATCH);
		assert_int_equal(fd, -1);
		assert_int_equal(vault_redeem(v, ticket, "xrdp-sesman", "alice", 1, &about, &fd), VAULT_NO_TICKET);
	}
	vault_free(v);
}

static void test_form(void **state)
{
	struct vault *v = vault_new();
	char ticket[TICKET_LEN + 1];
	char longer[TICKET_LEN + 2];
	struct vault_logon about;
	int fd = -1;

	assert_int_equal(put(v, "alice", 1000, 100, ticket), 0);
	(void)snprintf(longer, sizeof longer, "%sA", ticket);
	assert_int_equal(vault_redeem(v, longer, "xrdp-sesman", "alice", 1, &about, &fd), VAULT_NO_TICKET);
	assert_int_equal(vault_redeem(v, "", "xrdp-sesman", "alice", 1, &about, &fd), VAULT_NO_TICKET);
	assert_int_equal(vault_redeem(v, "credssp1:", "xrdp-sesman", "alice", 1, &about, &fd), VAULT_NO_TICKET);
	assert_int_equal(vault_count(v), 1);
	vault_free(v);
}

static void test_expiry(void **state)
{
	struct vault *v = vault_new();
	char a[TICKET_LEN + 1], b[TICKET_LEN + 1];
	struct vault_logon about;
	int fd = -1;

	assert_true(vault_next_expiry(v) == UINT64_MAX);
	assert_int_equal(put(v, "alice", 1000, 100, a), 0);
	assert_int_equal(put(v, "bob", 1001, 50, b), 0);
	assert_int_equal(vault_next_expiry(v), 50);
	assert_int_equal(vault_expire(v, 49, &about), 0);
	assert_int_equal(vault_expire(v, 50, &about), 1);
	assert_string_equal(about.user, "bob");
	assert_int_equal(vault_expire(v, 50, &about), 0);
	assert_int_equal(vault_redeem(v, b, "xrdp-sesman", "bob", 50, &about, &fd), VAULT_NO_TICKET);
	/* expired and not yet swept */
	assert_int_equal(vault_redeem(v, a, "xrdp-sesman", "alice", 100, &about, &fd), VAULT_NO_TICKET);
	assert_int_equal(vault_count(v), 1);
	assert_int_equal(vault_expire(v, 100, &about), 1);
	assert_int_equal(vault_count(v), 0);
	vault_free(v);
}

static void test_revoke(void **state)
{
	struct vault *v = vault_new();
	char a[TICKET_LEN + 1], b[TICKET_LEN + 1];
	struct vault_logon about = { .logon = 0 };
	int fd = -1;

	assert_int_equal(put(v, "alice", 1000, 100, a), 0);
	assert_int_equal(vault_redeem(v, a, "other", "alice", 1, &about, &fd), VAULT_MISMATCH);
	assert_int_equal(vault_revoke(v, about.logon, &about), 0);
	assert_int_equal(put(v, "alice", 1000, 100, a), 0);
	assert_int_equal(put(v, "bob", 1001, 100, b), 0);
	assert_int_equal(vault_revoke(v, about.logon + 4711, &about), 0);
	assert_int_equal(vault_count(v), 2);
	assert_int_equal(vault_revoke(v, about.logon, &about), 1);
	assert_int_equal(vault_count(v), 1);
	vault_free(v);
}

static void test_limits(void **state)
{
	struct vault *v = vault_new();
	char ticket[TICKET_LEN + 1];
	unsigned n = 0;

	struct vault_logon about = { .uid = 0 };

	for (unsigned i = 0; i < TICKETS_PER_ACCOUNT_MAX; i++, n++)
		assert_int_equal(put(v, "alice", 1000, 100, ticket), 0);
	assert_int_equal(put(v, "alice", 1000, 100, ticket), -EMFILE);
	assert_int_equal(vault_evict(v, &about), 0); /* which is no reason to evict anything */
	for (uid_t uid = 2000; n < TICKETS_MAX; uid++, n++)
		assert_int_equal(put(v, "x", uid, 100, ticket), 0);
	assert_int_equal(put(v, "y", 1, 100, ticket), -EMFILE);
	vault_free(v);
	int fd = dup(0); /* nothing leaked: the lowest free descriptor is still low */

	assert_true(fd < 64);
	close(fd);
}

/* The account with the most tickets loses one, oldest first; the tickets of other accounts stay. */
static void test_eviction(void **state)
{
	struct vault *v = vault_new();
	char first[TICKET_LEN + 1], second[TICKET_LEN + 1], other[TICKET_LEN + 1], ticket[TICKET_LEN + 1];
	struct vault_logon about = { .uid = 0 };
	unsigned n = 3;
	int fd = -1;

	assert_int_equal(put(v, "dave", 5000, 100, other), 0);
	assert_int_equal(put(v, "bob", 1001, 100, first), 0);
	assert_int_equal(put(v, "bob", 1001, 90, second), 0); /* the newer one although it expires earlier */
	for (uid_t uid = 2000; n < TICKETS_MAX; uid++, n++)
		assert_int_equal(put(v, "x", uid, 100, ticket), 0);
	assert_int_equal(vault_evict(v, &about), 1);
	assert_string_equal(about.user, "bob");
	assert_int_equal(vault_count(v), TICKETS_MAX - 1);
	assert_int_equal(vault_evict(v, &about), 0);
	assert_int_equal(vault_redeem(v, first, "xrdp-sesman", "bob", 1, &about, &fd), VAULT_NO_TICKET);
	assert_int_equal(put(v, "y", 6000, 100, ticket), 0);
	/* each has one now: the oldest of all */
	assert_int_equal(vault_evict(v, &about), 1);
	assert_string_equal(about.user, "dave");
	assert_int_equal(vault_redeem(v, other, "xrdp-sesman", "dave", 1, &about, &fd), VAULT_NO_TICKET);
	assert_int_equal(vault_redeem(v, second, "xrdp-sesman", "bob", 1, &about, &fd), VAULT_GRANTED);
	close(fd);
	vault_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redeemed_once), cmocka_unit_test(test_mismatch_consumes),
		cmocka_unit_test(test_form),          cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_revoke),        cmocka_unit_test(test_limits),
		cmocka_unit_test(test_eviction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
