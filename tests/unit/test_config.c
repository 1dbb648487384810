/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/explain.h"
#include "common/config/config.h"
#include "common/config/options.h"

static char path[] = "/tmp/test_config.XXXXXX";

static int load(const char *text, struct config *c, char **ret_error)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	(void)fputs(text, f);
	assert_int_equal(fclose(f), 0);
	return config_load(path, c, ret_error);
}

static struct config good(const char *text)
{
	AUTO_FREE char *error = NULL;
	struct config c;

	if (load(text, &c, &error) != 0)
		fail_msg("%s: %s", text, error ? error : "nothing said");
	assert_null(error);
	return c;
}

static size_t count(config_list l)
{
	size_t n = 0;

	while (l[n])
		n++;
	return n;
}

static void test_defaults(void **state)
{
	static const char *const files[] = { "", "[credsspd]\n", "[credsspd-rdp]\n listen = 3390\n" };
	const struct passwd *pw = getpwnam("credsspd-rdp");

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		struct config c = good(files[i]);

		assert_int_equal(c.kerberos, CONFIG_KERBEROS_ANY);
		assert_int_equal(count(c.tgt_principals), 0);
		assert_int_equal(c.ntlm, CONFIG_NTLM_OFF);
		assert_string_equal(c.keytab, "/etc/krb5.keytab");
		assert_string_equal(c.ntlm_store, "/var/lib/credsspd/ntlm");
		assert_int_equal(c.min_version, 5);
		assert_int_equal(count(c.domains), 0);
		assert_int_equal(count(c.local_domains), 0);
		assert_int_equal(count(c.allow_users), 0);
		assert_int_equal(count(c.allow_groups), 0);
		assert_int_equal(c.minimum_uid, 1000);
		assert_false(c.allow_root);
		assert_true(c.account_check);
		assert_int_equal(c.smartcard, CONFIG_SMARTCARD_PKINIT);
		assert_int_equal(c.remote_guard, CONFIG_REMOTE_GUARD_REFUSE);
		assert_false(c.restricted_admin);
		assert_int_equal(count(c.smartcard_gss_users), 0);
		assert_int_equal(count(c.smartcard_gss_groups), 0);
		assert_int_equal(count(c.restricted_admin_users), 0);
		assert_int_equal(count(c.restricted_admin_groups), 0);
		assert_int_equal(c.ticket_lifetime_sec, TICKET_LIFETIME_SEC);
		assert_int_equal(c.handshake_timeout_sec, HANDSHAKE_TIMEOUT_SEC);
		assert_int_equal(c.backoff_failures, BACKOFF_FREE_FAILURES);
		assert_int_equal(c.backoff_max_sec, BACKOFF_MAX_SEC);
		assert_int_equal(count(c.backoff_exempt), 0);
		assert_int_equal(c.n_vault_uids, 1);
		assert_int_equal(c.vault_uids[0], 0);
		assert_true(config_may_redeem(&c, 0));
		assert_false(config_may_redeem(&c, 1000));
		assert_false(c.debug);
		assert_int_equal(c.n_front_ends, pw ? 1 : 0);
		assert_null(config_services_of(&c, 0));
		config_done(&c);
		assert_null(c.keytab);
	}
}

static void test_all_keys(void **state)
{
	static const char text[] =
	    "[credsspd]\n"
	    " kerberos = user-to-user\n ntlm = local\n ntlm_mic = require\n keytab = /k\n ntlm_store = /s\n "
	    "min_version = 2\n"
	    " tgt_principals = HOST$@R.TEST TERMSRV/a@R.TEST\n"
	    " domains = CORP corp.example\n local_domains = OFFICE corp.example\n allow_users = alice, bob\n"
	    " allow_groups = rdp staff\n minimum_uid = 500\n allow_root = true\n account_check = false\n"
	    " smartcard = gss\n remote_guard = refuse\n restricted_admin = allow\n"
	    " smartcard_gss_users = dave\n smartcard_gss_groups = cards, 'CORP\\card users'\n"
	    " restricted_admin_users = carol\n restricted_admin_groups = wheel, ops\n "
	    "ticket_lifetime = 30\n handshake_timeout = 10\n"
	    " backoff_failures = 3\n backoff_max = 0\n backoff_exempt = 192.0.2.1 2001:DB8::1\n"
	    " redeemers = root 4242\n log_level = debug\n"
	    " front_ends = {\n  4243 = xrdp-sesman, other\n  root = login\n }\n";
	struct config c = good(text);
	size_t n;
	const struct option_row *rows = config_rows(&n);

	/* no key is forgotten here */
	for (size_t i = 0; i < n; i++) {
		char key[64];

		(void)snprintf(key, sizeof key, "\n %s = ", rows[i].key);
		if (!strstr(text, key))
			fail_msg("%s", rows[i].key);
	}
	assert_int_equal(c.kerberos, CONFIG_KERBEROS_USER_TO_USER);
	assert_int_equal(c.ntlm, CONFIG_NTLM_LOCAL);
	assert_true(c.ntlm_mic_required);
	assert_string_equal(c.keytab, "/k");
	assert_string_equal(c.ntlm_store, "/s");
	assert_int_equal(c.min_version, 2);
	assert_int_equal(count(c.domains), 2);
	assert_true(config_is_domain(&c, "corp"));
	assert_true(config_is_domain(&c, "CORP.example"));
	assert_false(config_is_domain(&c, "CORP.EXAMPL"));
	assert_false(config_is_domain(&c, ""));
	assert_int_equal(count(c.local_domains), 2);
	assert_string_equal(c.allow_users[1], "bob");
	assert_int_equal(count(c.allow_users), 2);
	assert_string_equal(c.allow_groups[0], "rdp");
	assert_int_equal(c.minimum_uid, 500);
	assert_true(c.allow_root);
	assert_false(c.account_check);
	assert_int_equal(c.smartcard, CONFIG_SMARTCARD_GSS);
	assert_int_equal(c.remote_guard, CONFIG_REMOTE_GUARD_REFUSE);
	assert_true(c.restricted_admin);
	assert_string_equal(c.smartcard_gss_users[0], "dave");
	assert_string_equal(c.smartcard_gss_groups[1], "CORP\\card users");
	assert_string_equal(c.restricted_admin_users[0], "carol");
	assert_string_equal(c.restricted_admin_groups[1], "ops");
	assert_int_equal(c.ticket_lifetime_sec, 30);
	assert_int_equal(c.handshake_timeout_sec, 10);
	assert_int_equal(c.backoff_failures, 3);
	assert_int_equal(c.backoff_max_sec, 0);
	assert_string_equal(c.backoff_exempt[1], "2001:db8::1");
	assert_true(c.debug);
	assert_true(config_may_redeem(&c, 0));
	assert_true(config_may_redeem(&c, 4242));
	assert_false(config_may_redeem(&c, 4243));
	assert_int_equal(c.n_front_ends, 2);
	assert_int_equal(count(config_services_of(&c, 4243)), 2);
	assert_string_equal(config_services_of(&c, 4243)[1], "other");
	assert_string_equal(config_services_of(&c, 0)[0], "login");
	assert_null(config_services_of(&c, 4242));
	config_done(&c);
}

/* One front end in two lines, as a drop-in adds a service. */
static void test_front_end_lines(void **state)
{
	struct config c = good("[credsspd]\n front_ends = {\n  4243 = xrdp-sesman\n  4243 = other\n }\n");

	assert_int_equal(c.n_front_ends, 1);
	assert_int_equal(count(config_services_of(&c, 4243)), 2);
	config_done(&c);
	c = good("[credsspd]\n front_ends = {\n  4243 = xrdp-sesman\n }\n"
		 "[credsspd]\n front_ends = {\n  4243 = other\n  4244 = third\n }\n");
	assert_int_equal(count(config_services_of(&c, 4243)), 2);
	assert_int_equal(count(config_services_of(&c, 4244)), 1);
	config_done(&c);
}

static void test_kinds_of_credentials(void **state)
{
	static const struct {
		const char *text;
		enum config_smartcard smartcard;
		enum config_remote_guard remote_guard;
	} row[] = {
		{ "[credsspd]\n smartcard = refuse\n", CONFIG_SMARTCARD_REFUSE, CONFIG_REMOTE_GUARD_REFUSE },
		{ "[credsspd]\n smartcard = pkinit\n remote_guard = refuse\n", CONFIG_SMARTCARD_PKINIT,
		  CONFIG_REMOTE_GUARD_REFUSE },
		{ "[credsspd]\n smartcard = gss\n smartcard_gss_users = a\n remote_guard = allow\n",
		  CONFIG_SMARTCARD_GSS, CONFIG_REMOTE_GUARD_ALLOW },
		{ "[credsspd]\n smartcard = gss\n smartcard_gss_groups = g\n", CONFIG_SMARTCARD_GSS,
		  CONFIG_REMOTE_GUARD_REFUSE },
		{ "[credsspd]\n smartcard_gss_groups = g\n", CONFIG_SMARTCARD_PKINIT, CONFIG_REMOTE_GUARD_REFUSE },
		{ "[credsspd]\n remote_guard = require-tickets\n", CONFIG_SMARTCARD_PKINIT,
		  CONFIG_REMOTE_GUARD_REQUIRE_TICKETS },
		{ "[credsspd]\n restricted_admin = allow\n restricted_admin_users = a\n", CONFIG_SMARTCARD_PKINIT,
		  CONFIG_REMOTE_GUARD_REFUSE },
		{ "[credsspd]\n restricted_admin = allow\n restricted_admin_groups = g\n", CONFIG_SMARTCARD_PKINIT,
		  CONFIG_REMOTE_GUARD_REFUSE },
		{ "[credsspd]\n restricted_admin_groups = g\n", CONFIG_SMARTCARD_PKINIT, CONFIG_REMOTE_GUARD_REFUSE },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct config c = good(row[i].text);

		assert_int_equal(c.smartcard, row[i].smartcard);
		assert_int_equal(c.remote_guard, row[i].remote_guard);
		assert_int_equal(c.restricted_admin, strstr(row[i].text, "= allow\n restricted") != NULL);
		config_done(&c);
	}
}

/* All of them at once, so that an administrator need not run --check-config for each. */
static void test_all_mistakes(void **state)
{
	static const char *const told[] = { "unknown key bogus",
					    "unknown subsection other",
					    "kerberos = maybe: any or",
					    "minimum_uid = abc: a number",
					    "redeemers: no user nosuchuser",
					    "front_ends: no user nobodyatall",
					    "front_ends: a/b is no PAM service",
					    "smartcard = gss needs",
					    "ntlm = winbind needs domains" };
	static const char text[] =
	    "[credsspd]\n kerberos = maybe\n ntlm = winbind\n bogus = 1\n redeemers = root nosuchuser\n"
	    " minimum_uid = abc\n smartcard = gss\n other = {\n  a = b\n }\n"
	    " front_ends = {\n  nobodyatall = xrdp-sesman\n  root = a/b\n }\n";
	char *error = NULL, *printed = NULL;
	size_t size = 0, lines = 0;
	struct config c;
	FILE *f = open_memstream(&printed, &size);

	assert_true(load(text, &c, &error) < 0);
	assert_non_null(error);
	for (size_t i = 0; i < sizeof told / sizeof *told; i++)
		if (!strstr(error, told[i]))
			fail_msg("not told: %s: %s", told[i], error);
	explain_print(f, "credsspd", path, error);
	(void)fclose(f);
	for (const char *p = printed; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_int_equal(lines, sizeof told / sizeof *told);
	free(printed);
	free(error);
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *text, *told;
	} row[] = {
		{ "[credsspd]\n kerberos = on\n",
		  "[credsspd] kerberos = on: any or user-to-user or service-ticket or off is "
		  "expected" },
		{ "[credsspd]\n ntlm = domain\n", "[credsspd] ntlm = domain: off or local or winbind is expected" },
		{ "[credsspd]\n ntlm = winbind\n",
		  "ntlm = winbind needs domains: the domains that have accounts here" },
		{ "[credsspd]\n ntlm = winbind\n domains = corp.example\n",
		  "domains: the first one must be the NetBIOS name of the host's own domain, not corp.example" },
		{ "[credsspd]\n ntlm = winbind\n domains = A2345678901234567\n", "must be the NetBIOS name" },
		{ "[credsspd]\n allow_groups = 'domain users\n", "allow_groups = 'domain users: at most 256 words" },
		{ "[credsspd]\n front_ends = {\n  4243 = 'a\n }\n", "front_ends: 4243: a ' is missing or misplaced" },
		{ "[credsspd]\n min_version = 1\n", "[credsspd] min_version = 1: a number from 2 to 6 is expected" },
		{ "[credsspd]\n min_version = 7\n", "[credsspd] min_version = 7: a number from 2 to 6 is expected" },
		{ "[credsspd]\n ticket_lifetime = 0\n", "ticket_lifetime = 0: a number from 1 to 180 is expected" },
		{ "[credsspd]\n ticket_lifetime = 181\n", "ticket_lifetime = 181: a number from 1 to 180 is expected" },
		{ "[credsspd]\n ticket_lifetime = 3m\n", "ticket_lifetime = 3m: a number from 1 to 180 is expected" },
		{ "[credsspd]\n handshake_timeout = 601\n",
		  "handshake_timeout = 601: a number from 1 to 600 is expected" },
		{ "[credsspd]\n backoff_failures = 0\n", "backoff_failures = 0: a number from 1 to 1000 is expected" },
		{ "[credsspd]\n backoff_max = 3601\n", "backoff_max = 3601: a number from 0 to 3600 is expected" },
		{ "[credsspd]\n allow_users = alice # bob\n",
		  "allow_users = alice # bob: at most 256 words, without a comment is expected" },
		{ "[credsspd]\n backoff_exempt = proxy1\n", "backoff_exempt = proxy1: at most 256 addresses" },
		{ "[credsspd]\n minimum_uid = 4294967295\n", "minimum_uid = 4294967295: a number from 0 to" },
		{ "[credsspd]\n allow_root = perhaps\n", "allow_root = perhaps: true or false is expected" },
		{ "[credsspd]\n restricted_admin = yes\n", "restricted_admin = yes: refuse or allow is expected" },
		{ "[credsspd]\n smartcard = gss\n allow_groups = staff\n",
		  "smartcard = gss needs smartcard_gss_users or smartcard_gss_groups" },
		{ "[credsspd]\n restricted_admin = allow\n allow_groups = admins\n",
		  "restricted_admin = allow needs restricted_admin_users or restricted_admin_groups" },
		{ "[credsspd]\n kerberos = off\n ntlm = local\n remote_guard = allow\n",
		  "remote_guard is for Kerberos, which is off" },
		{ "[credsspd]\n smartcard = allow\n", "smartcard = allow: refuse or pkinit or gss is expected" },
		{ "[credsspd]\n kerberos = off\n ntlm = local\n smartcard = gss\n",
		  "smartcard = gss is for Kerberos, which is off" },
		{ "[credsspd]\n remote_guard = gss\n",
		  "remote_guard = gss: refuse or require-tickets or allow is expected" },
		{ "[credsspd]\n log_level = trace\n", "log_level = trace: info or debug is expected" },
		{ "[credsspd]\n kerberos = off\n", "kerberos and ntlm are both off: every logon would be refused" },
		{ "[credsspd]\n keytab = krb5.keytab\n", "keytab and ntlm_store are absolute paths" },
		{ "[credsspd]\n keytab = \"\"\n", "keytab and ntlm_store are absolute paths" },
		{ "[credsspd]\n keytab = FILE:/etc/krb5.keytab\n", "keytab and ntlm_store are absolute paths" },
		{ "[credsspd]\n ntlm_store = ntlm\n", "keytab and ntlm_store are absolute paths" },
		{ "[credsspd]\n redeemers = root nobody-of-that-name\n", "redeemers: no user nobody-of-that-name" },
		{ "[credsspd]\n redeemers = 4294967295\n", "redeemers: no user 4294967295" },
		{ "[credsspd]\n redeemers = 99999999999999999999\n", "redeemers: no user 99999999999999999999" },
		{ "[credsspd]\n redeemers = -1\n", "redeemers: no user -1" },
		{ "[credsspd]\n front_ends = {\n  nobody-of-that-name = xrdp-sesman\n }\n",
		  "front_ends: no user nobody-of-that-name" },
		{ "[credsspd]\n front_ends = {\n  4243 = ../other\n }\n", "front_ends: ../other is no PAM service" },
		{ "[credsspd]\n front_ends = {\n  4243 = \"\"\n }\n", "front_ends: 4243 has no services" },
		{ "[credsspd]\n front_ends = {\n  4243 = {\n  a = b\n }\n }\n", "front_ends: unknown subsection 4243" },
		{ "[credsspd]\n front_ends = xrdp-sesman\n", "[credsspd] unknown key front_ends" },
		{ "[credsspd]\n front_end = {\n  4243 = xrdp-sesman\n }\n", "unknown subsection front_end" },
		{ "[credsspd]\n service = xrdp-sesman\n", "[credsspd] unknown key service" },
	};
	char list[2 * 257 + 32] = "[credsspd]\n allow_users =";

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_FREE char *error = NULL;
		struct config c = { .min_version = 4711 };

		if (load(row[i].text, &c, &error) >= 0)
			fail_msg("passed: %s", row[i].text);
		assert_int_equal(c.min_version, 4711);
		if (!error || strncmp(error, path, strlen(path)) != 0 || !strstr(error, row[i].told))
			fail_msg("%s: %s", row[i].text, error ? error : "nothing said");
	}
	for (int i = 0; i < 256; i++)
		strcat(list, " u");
	struct config c = good(list);

	assert_int_equal(count(c.allow_users), 256);
	config_done(&c);
	strcat(list, " u");
	AUTO_FREE char *error = NULL;

	assert_int_equal(load(list, &c, &error), -ERANGE);
	assert_non_null(strstr(error, "at most 256 words, without a comment is expected"));
}

static void test_missing(void **state)
{
	AUTO_FREE char *error = NULL;
	struct config c;

	assert_int_equal(config_load("/nonexistent/credsspd.conf", &c, &error), -ENOENT);
	assert_string_equal(error, "/nonexistent/credsspd.conf: No such file or directory");
}

static int setup(void **state)
{
	int fd = mkstemp(path);

	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),        cmocka_unit_test(test_all_keys),
		cmocka_unit_test(test_front_end_lines), cmocka_unit_test(test_kinds_of_credentials),
		cmocka_unit_test(test_mistakes),        cmocka_unit_test(test_all_mistakes),
		cmocka_unit_test(test_missing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
