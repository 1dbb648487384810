/* SPDX-License-Identifier: MIT */
/* Not under valgrind: it has no limit of address space. */
/* The resolver as a process, and its lookups of the host it runs on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/ipc/packet.h"
#include "credsspd/resolver/identity.h"
#include "credsspd/resolver/resolver.h"

static char krb5_conf[] = "/tmp/test_resolver.XXXXXX";

/* ---- the lookups ---- */

static void test_accounts(void **state)
{
	struct identity_account a;

	assert_int_equal(identity_system.by_name("root", &a), 0);
	assert_int_equal(a.uid, 0);
	assert_string_equal(a.name, "root");
	assert_int_equal(identity_system.by_uid(0, &a), 0);
	assert_string_equal(a.name, "root");
	assert_int_equal(identity_system.by_name("nobody-of-that-name", &a), -ENOENT);
	assert_int_equal(identity_system.by_uid(4294967294U, &a), -ENOENT);
}

static void test_groups(void **state)
{
	struct identity_account root;
	const struct group *first = getgrgid(0);

	assert_non_null(first);
	assert_int_equal(identity_system.by_name("root", &root), 0);
	assert_int_equal(identity_system.in_group(&root, first->gr_name), 1); /* the primary one */
	assert_int_equal(identity_system.in_group(&root, "nogroup"), 0);
	assert_int_equal(identity_system.in_group(&root, "no-group-of-that-name"), -ENOENT);
}

static void test_host(void **state)
{
	char name[256] = "", upper[256], longer[300];

	assert_int_equal(gethostname(name, sizeof name - 1), 0);
	assert_int_equal(identity_system.is_local_host(name), 1);
	for (size_t i = 0; i < sizeof name; i++)
		upper[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
	assert_int_equal(identity_system.is_local_host(upper), 1);
	(void)snprintf(longer, sizeof longer, "%sx", name);
	assert_int_equal(identity_system.is_local_host(longer), 0);
	assert_int_equal(identity_system.is_local_host("a-host-of-no-such-name"), 0);
}

static void test_realms(void **state)
{
	static const struct {
		const char *domain;
		int known;
	} row[] = {
		{ "R.TEST", 1 },     { "r.test", 1 },       { "R", 1 }, /* the default realm */
		{ "OTHER.TEST", 1 }, { "other", 1 },        { "LOCALHOST", 0 }, { "R.TES", 0 },
		{ "R.TEST.COM", 0 }, { "DESKTOP-7F3A", 0 }, { "TEST", 0 },      { "", 0 },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (identity_system.is_realm(row[i].domain) != row[i].known)
			fail_msg("%s", row[i].domain);
	assert_int_equal(identity_system.is_default_realm("R.TEST"), 1);
	for (size_t i = 1; i < sizeof row / sizeof *row; i++)
		assert_int_equal(identity_system.is_default_realm(row[i].domain), 0);
}

static void test_principals(void **state)
{
	static const struct {
		const char *principal;
		int result;
		const char *name;
	} row[] = {
		{ "alice@R.TEST", 0, "alice" },        { "boss@R.TEST", 0, "root" }, /* auth_to_local_names */
		{ "alice@OTHER.TEST", -ENOENT, "" },                                 /* no rule says what it is here */
		{ "alice/admin@R.TEST", -ENOENT, "" }, { "alice@", -ENOENT, "" },
	};
	char name[RECORD_NAME_MAX];

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		int r;

		memset(name, 0, sizeof name);
		r = identity_system.by_principal(row[i].principal, false, name);
		if (r != row[i].result)
			fail_msg("%s: %d", row[i].principal, r);
		assert_string_equal(name, row[i].name);
	}
}

/* What libkrb5 makes of an escaped '@' is why such a principal is refused before it is asked. */
static void test_escape(void **state)
{
	char name[RECORD_NAME_MAX] = "";

	assert_int_equal(identity_system.by_principal("root\\@other@R.TEST", false, name), 0);
	assert_string_equal(name, "root@other");
}

/* ---- the process ---- */

static char *none[] = { NULL };

static pid_t start(int *ret_fd)
{
	const struct config c = {
		.minimum_uid = 1000, .domains = none, .local_domains = none, .allow_users = none, .allow_groups = none
	};
	uint8_t ready = 0;
	pid_t pid;
	int pair[2];

	assert_int_equal(packet_pair(0, pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(pair[0]);
		_exit(resolver_main(&c, pair[1]) < 0 ? 1 : 0);
	}
	(void)close(pair[1]);
	assert_int_equal(packet_recv(pair[0], &ready, 1, NULL, 0), 1);
	assert_int_equal(ready, RESOLVER_READY);
	*ret_fd = pair[0];
	return pid;
}

static int status_of(pid_t pid)
{
	int status = -1;

	for (int i = 0; i < 500; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
		(void)poll(NULL, 0, 10);
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return -1;
}

static void test_process(void **state)
{
	struct resolver_request q = { .type = RESOLVE_NAME, .id = 7 };
	struct resolver_answer a;
	int fd;
	pid_t pid = start(&fd);

	strcpy(q.user, "root");
	for (uint64_t i = 1; i < 4; i++) {
		q.id = i;
		assert_int_equal(packet_send(fd, &q, sizeof q, NULL, 0), 0);
		assert_int_equal(packet_recv(fd, &a, sizeof a, NULL, 0), sizeof a);
		assert_int_equal(a.id, i);
		assert_int_equal(a.refusal, REFUSAL_NONE);
		assert_string_equal(a.name, "root");
	}
	q.type = RESOLVE_PRINCIPAL;
	strcpy(q.principal, "boss@R.TEST");
	assert_int_equal(packet_send(fd, &q, sizeof q, NULL, 0), 0);
	assert_int_equal(packet_recv(fd, &a, sizeof a, NULL, 0), sizeof a);
	assert_int_equal(a.refusal, REFUSAL_SYSTEM_ACCOUNT);
	assert_int_equal(a.uid, (uint32_t)-1);
	(void)close(fd);
	assert_int_equal(status_of(pid), 0); /* its supervisor has gone: that is its end */
}

/* What the supervisor would never send ends it. */
static void test_malformed(void **state)
{
	struct resolver_request q = { .type = RESOLVE_NAME };
	struct resolver_answer a;

	for (int i = 0; i < 4; i++) {
		struct resolver_request bad = q;
		size_t len = sizeof bad;
		int fd;
		pid_t pid = start(&fd);

		if (i == 0)
			len--;
		if (i == 1)
			memset(bad.user, 'a', sizeof bad.user);
		if (i == 2)
			memset(bad.domain, 'a', sizeof bad.domain);
		if (i == 3)
			memset(bad.principal, 'a', sizeof bad.principal);
		assert_int_equal(packet_send(fd, &bad, len, NULL, 0), 0);
		assert_true(packet_recv(fd, &a, sizeof a, NULL, 0) <= 0);
		assert_int_equal(status_of(pid), 1);
		(void)close(fd);
	}
}

static int setup(void **state)
{
	static const char text[] =
	    "[libdefaults]\n default_realm = R.TEST\n dns_lookup_realm = false\n"
	    "[realms]\n R.TEST = {\n  kdc = 127.0.0.1:1\n  auth_to_local_names = {\n   boss = root\n"
	    "  }\n }\n OTHER.TEST = {\n  kdc = 127.0.0.1:1\n }\n";
	int fd = mkstemp(krb5_conf);

	if (fd < 0 || write(fd, text, sizeof text - 1) != (ssize_t)(sizeof text - 1) || close(fd) < 0)
		return -1;
	return setenv("KRB5_CONFIG", krb5_conf, 1);
}

static int teardown(void **state)
{
	return unlink(krb5_conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accounts), cmocka_unit_test(test_groups),     cmocka_unit_test(test_host),
		cmocka_unit_test(test_realms),   cmocka_unit_test(test_principals), cmocka_unit_test(test_escape),
		cmocka_unit_test(test_process),  cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
