/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cmocka.h>

#include "credsspd/ntlm-verifier/domains.h"

static char *local[] = { (char[]){ "Office" }, (char[]){ "corp-ws.example.net" }, NULL };
static char *domains[] = { (char[]){ "BIGCORP" }, NULL };
static char *realms[] = { (char[]){ "EXAMPLE.ORG" }, (char[]){ "AD.EXAMPLE.COM" }, NULL };

static struct domains host_of(const char *name)
{
	struct domains d = { .local = local, .domains = domains, .realms = realms };

	(void)snprintf(d.host, sizeof d.host, "%s", name);
	return d;
}

static void test_select(void **state)
{
	static const struct {
		const char *domain, *user;
		enum refusal refusal;
		const char *selected;
	} row[] = {
		/* this host's */
		{ "", "alice", REFUSAL_NONE, "alice" },
		{ ".", "alice", REFUSAL_NONE, "alice" },
		{ "office", "alice", REFUSAL_NONE, "alice" },
		{ "OFFICE", "alice", REFUSAL_NONE, "alice" },
		{ "CORP-WS.example.net", "alice", REFUSAL_NONE, "alice" },
		{ "TS1.example.org", "alice", REFUSAL_NONE, "alice" },
		{ "ts1", "alice", REFUSAL_NONE, "alice" },
		{ "", ".\\alice", REFUSAL_NONE, "alice" },
		{ "", "TS1\\alice", REFUSAL_NONE, "alice" },
		{ "ts1", "TS1\\alice", REFUSAL_NONE, "alice" },
		{ "", "alice@ts1.example.org", REFUSAL_NONE, "alice" },
		{ "", "alice@Office", REFUSAL_NONE, "alice" },
		{ "", "Alice", REFUSAL_NONE, "Alice" },
		/* the name of the client's own computer */
		{ "DESKTOP-7F3A", "alice", REFUSAL_NONE, "alice" },
		{ "ts2.example.org", "alice", REFUSAL_NONE, "alice" },
		/* a realm's */
		{ "EXAMPLE.ORG", "alice", REFUSAL_UNKNOWN_USER, NULL },
		{ "example", "alice", REFUSAL_UNKNOWN_USER, NULL },
		{ "ad", "alice", REFUSAL_UNKNOWN_USER, NULL },
		{ "", "alice@example.org", REFUSAL_UNKNOWN_USER, NULL },
		{ "", "AD\\alice", REFUSAL_UNKNOWN_USER, NULL },
		/* a domain's that is configured */
		{ "bigcorp", "alice", REFUSAL_UNKNOWN_USER, NULL },
		{ "", "BIGCORP\\alice", REFUSAL_UNKNOWN_USER, NULL },
		{ "", "CORP\\alice", REFUSAL_NONE, "alice" },
		/* a UPN of a domain that is not known here */
		{ "CORP", "alice@corp.example", REFUSAL_UNKNOWN_USER, NULL },
		{ "OTHER", "alice@corp.example", REFUSAL_NAME, NULL },
		{ "", "alice@corp.example", REFUSAL_UNKNOWN_USER, NULL },
		{ "", "alice@ts1.example.com", REFUSAL_UNKNOWN_USER, NULL },
		/* no names at all */
		{ "", "", REFUSAL_NAME, NULL },
		{ "", "12345", REFUSAL_NAME, NULL },
		{ "TS1", "12345", REFUSAL_NAME, NULL },
		{ "", "DESKTOP-7F3A\\12345", REFUSAL_NAME, NULL },
		{ "BIGCORP", "12345", REFUSAL_UNKNOWN_USER, NULL },
		{ "", "a\\b\\c", REFUSAL_NAME, NULL },
		{ "", "TS1\\alice@ts1", REFUSAL_NAME, NULL },
		{ "", "al\nice", REFUSAL_NAME, NULL },
		{ "", "al:ice", REFUSAL_NAME, NULL },
		{ "", "../alice", REFUSAL_NAME, NULL },
		{ "x\nalice:1:XX", "alice", REFUSAL_NAME, NULL },
		{ "a:b", "alice", REFUSAL_NAME, NULL },
		{ "A\\B", "alice", REFUSAL_NAME, NULL },
		{ "\xff", "alice", REFUSAL_NAME, NULL },
		{ "", "\xc2\x85", REFUSAL_NAME, NULL },
		{ "OTHER", "TS1\\alice", REFUSAL_NAME, NULL },
	};
	struct domains d = host_of("ts1.example.org");
	enum name_trouble trouble;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char user[ACCOUNT_NAME_MAX + 1] = "untouched";
		enum refusal r = domains_select(&d, row[i].domain, row[i].user, user, &trouble);

		if (r != domains_refusal(trouble))
			fail_msg("row %zu: trouble %d", i, trouble);
		if (r != row[i].refusal || strcmp(user, row[i].selected ? row[i].selected : "untouched") != 0)
			fail_msg("row %zu: \"%s\" \"%s\": %s, \"%s\"", i, row[i].domain, row[i].user, refusal_word(r),
				 user);
	}
}

/* Windows knows a computer with a long name by its first 15 octets; the host wins over a realm of the same label. */
static void test_host_names(void **state)
{
	struct domains d = host_of("terminalserver-07.example.org");
	char user[ACCOUNT_NAME_MAX + 1];
	enum name_trouble t;

	assert_int_equal(domains_select(&d, "", "alice@TERMINALSERVER-", user, &t), REFUSAL_NONE);
	assert_int_equal(domains_select(&d, "", "alice@TERMINALSERVER-0", user, &t), REFUSAL_UNKNOWN_USER);
	assert_int_equal(domains_select(&d, "", "alice@TERMINALSERVER", user, &t), REFUSAL_UNKNOWN_USER);
	d = host_of("ad.example.org");
	assert_int_equal(domains_select(&d, "AD", "alice", user, &t), REFUSAL_NONE);
	d = host_of("");
	assert_int_equal(domains_select(&d, "", "alice", user, &t), REFUSAL_NONE);
	/* the log must not say that a listed domain is not listed */
	assert_int_equal(domains_select(&d, "BIGCORP", "alice", user, &t), REFUSAL_UNKNOWN_USER);
	assert_int_equal(t, NAME_NOT_IN_STORE);
	d.realms = NULL;
	assert_int_equal(domains_select(&d, "EXAMPLE.ORG", "alice", user, &t), REFUSAL_NONE);
	assert_int_equal(domains_select(&d, "", "alice@EXAMPLE.ORG", user, &t), REFUSAL_UNKNOWN_USER);
}

static int has(char **list, const char *what)
{
	for (; list && *list; list++)
		if (strcmp(*list, what) == 0)
			return 1;
	return 0;
}

static void test_load(void **state)
{
	char path[] = "/tmp/test-domains.XXXXXX", host[256] = "";
	struct config config = { .local_domains = local };
	struct domains d;
	int fd = mkstemp(path);
	static const char text[] = "[libdefaults]\n\tdefault_realm = DEFAULT.TEST\n\tdns_lookup_realm = false\n"
				   "[realms]\n\tONE.TEST = {\n\t\tkdc = 127.0.0.1\n\t}\n\tTWO.TEST = {\n\t}\n";

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	assert_int_equal(setenv("KRB5_CONFIG", path, 1), 0);
	assert_int_equal(gethostname(host, sizeof host - 1), 0);
	assert_int_equal(domains_load(&config, &d), 0);
	assert_string_equal(d.host, host);
	assert_ptr_equal(d.local, local);
	assert_true(has(d.realms, "DEFAULT.TEST"));
	assert_true(has(d.realms, "ONE.TEST"));
	assert_true(has(d.realms, "TWO.TEST"));
	domains_done(&d);
	domains_done(&d);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(domains_load(&config, &d), 0); /* no krb5.conf, no realms */
	assert_false(has(d.realms, "ONE.TEST"));
	domains_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_select),
		cmocka_unit_test(test_host_names),
		cmocka_unit_test(test_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
