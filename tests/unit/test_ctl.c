/* SPDX-License-Identifier: MIT */
/* The commands of credsspctl that call the Manager. */
#include "tests/unit/ctl-bus.h"

static void test_status_text(void **state)
{
	struct outcome o = run("status");

	assert_string_equal(o.err, "");
	assert_int_equal(o.status, CTL_OK);
	assert_string_equal(o.out, "version         0.1\\x1b\"\\\n"
				   "handshakes      3\n"
				   "granted         18446744073709551615\n"
				   "refusals\n"
				   "  bad-password  7\n"
				   "  name          1\n"
				   "mechanisms      krb5, ntlm\n"
				   "empty           none\n"
				   "tgts-until      2025-11-25T17:37:56-03:30\n"
				   "no-until        none\n"
				   "stale           none\n"
				   "config-time     2001-09-08T22:16:40-03:30\n"
				   "ok              yes\n");
}

static void test_status_json(void **state)
{
	struct outcome o = run("status --json");

	assert_string_equal(o.err, "");
	assert_int_equal(o.status, CTL_OK);
	assert_string_equal(
	    o.out, "{\"version\": \"0.1\\u001b\\\"\\\\\", \"handshakes\": 3, \"granted\": 18446744073709551615, "
		   "\"refusals\": {\"bad-password\": 7, \"name\": 1}, \"mechanisms\": [\"krb5\", \"ntlm\"], "
		   "\"empty\": {}, \"tgts-until\": 1764104876, \"no-until\": 0, \"stale\": \"\", \"config-time\": "
		   "1000000000, \"ok\": true}\n");
}

static void test_set(void **state)
{
	static const struct {
		const char *in;
		size_t len;
		const char *stored;
	} row[] = {
		{ "secret\n", 7, "secret" },
		{ "secret", 6, "secret" },
		{ "two lines\nand more\n", 19, "two lines" },
		{ " p\xc3\xa4ss \t\n", 9, " p\xc3\xa4ss \\x09" },
		{ "cr\r\n", 4, "cr\\x0d" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char expected[128];
		struct outcome o = set("alice", row[i].in, row[i].len);

		assert_string_equal(o.err, "");
		assert_int_equal(o.status, CTL_OK);
		assert_string_equal(o.out, "");
		(void)snprintf(expected, sizeof expected, "alice\n%s\n", row[i].stored);
		assert_string_equal(run("ntlm list").out, expected);
	}
	assert_string_equal(run("ntlm list --json").out, "[\"alice\", \"cr\\u000d\"]\n");
}

static void test_bad_passwords(void **state)
{
	static char long_one[PASSWORD_MAX + 2];
	static const struct {
		const char *in;
		size_t len;
		const char *said;
	} row[] = {
		{ "", 0, "empty" },
		{ "\n", 1, "empty" },
		{ "a\0b\n", 4, "NUL" },
		{ "\xff\n", 2, "UTF-8" },
		{ "\xed\xa0\x80\n", 4, "UTF-8" },
		{ long_one, PASSWORD_MAX + 1, "too long" },
	};

	memset(long_one, 'x', PASSWORD_MAX + 1);
	assert_int_equal(set("alice", "before\n", 7).status, CTL_OK);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct outcome o = set("alice", row[i].in, row[i].len);

		assert_int_equal(o.status, CTL_FAILED);
		assert_non_null(strstr(o.err, row[i].said));
		assert_string_equal(run("ntlm list").out, "alice\nbefore\n");
	}
	/* the longest one is taken */
	assert_int_equal(set("alice", long_one, PASSWORD_MAX).status, CTL_OK);
	assert_int_equal(strlen(run("ntlm list").out), strlen("alice\n") + PASSWORD_MAX + 1);
}

/* The rest of standard input is left to other programs. */
static void test_reads_one_line_only(void **state)
{
	char rest[64];
	int p[2];

	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "one\ntwo\n", 8), 8);
	pid_t pid = fork();
	int w;

	if (pid == 0) {
		dup2(p[0], 0);
		child_of("ntlm set alice");
	}
	assert_int_equal(waitpid(pid, &w, 0), pid);
	assert_true(WIFEXITED(w) && WEXITSTATUS(w) == 0);
	assert_int_equal(read(p[0], rest, sizeof rest), 4);
	assert_memory_equal(rest, "two\n", 4);
	close(p[0]);
	close(p[1]);
	assert_string_equal(run("ntlm list").out, "alice\none\n");
}

static void test_errors(void **state)
{
	static const struct {
		const char *name, *set, *delete;
	} row[] = {
		{ CREDSSP_ERROR_ACCESS_DENIED, "only root", "only root" },
		{ CREDSSP_ERROR_INVALID_ARGUMENT, "refused: what the daemon says", "refused: what the daemon says" },
		{ CREDSSP_ERROR_LIMIT, "limit", "limit" },
		{ CREDSSP_ERROR_BACKOFF, "too many failures", "too many failures" },
		{ CREDSSP_ERROR_NO_TICKET, "no such ticket", "no such ticket" },
		{ CREDSSP_ERROR_TICKET_MISMATCH, "another service", "another service" },
		{ CREDSSP_ERROR_UNAVAILABLE, "NTLM is off", "NTLM is off" },
		{ CREDSSP_ERROR_UNKNOWN_USER, "no such account on this host", "nothing is stored for that name" },
		{ CREDSSP_ERROR_INTERNAL, "error inside credsspd, see its log: what", "error inside" },
		{ SD_BUS_ERROR_ACCESS_DENIED, "system bus does not allow it", "system bus does not allow it" },
		{ SD_BUS_ERROR_NO_REPLY, "gave no answer", "gave no answer" },
		{ "org.example.Unheard", "org.example.Unheard: what the daemon says", "org.example.Unheard" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char user[128], line[160];
		struct outcome o;

		(void)snprintf(user, sizeof user, "error:%s", row[i].name);
		o = set(user, "secret\n", 7);
		assert_int_equal(o.status, CTL_FAILED);
		assert_string_equal(o.out, "");
		if (!strstr(o.err, row[i].set))
			fail_msg("%s is told as \"%s\"", row[i].name, o.err);
		assert_null(strstr(o.err, "secret"));
		(void)snprintf(line, sizeof line, "ntlm delete %s", user);
		o = run(line);
		assert_int_equal(o.status, CTL_FAILED);
		assert_non_null(strstr(o.err, row[i].delete));
	}
	assert_int_equal(run("ntlm delete alice").status, CTL_OK);
}

static void test_reload_says_why(void **state)
{
	struct outcome o = run("reload");

	assert_int_equal(o.status, CTL_FAILED);
	assert_string_equal(o.err, "credsspctl: reload: refused: /etc/credsspd.conf: keytab: no\n");
}

static void test_usage(void **state)
{
	static const char *const wrong[] = {
		"",
		"ntlm",
		"ntlm set",
		"ntlm set alice secret",
		"ntlm delete",
		"ntlm list x",
		"status x",
		"nothing",
		"--nothing status",
		"reload --json",
		"ntlm forget",
		"ntlm set --json alice",
		"reload --watch",
		"ntlm list --watch",
		"status --watch x",
		"status --dry-run",
		"ntlm list --stack x",
		"xrdp",
		"xrdp enable local",
		"xrdp enable --stack",
		"xrdp disable --stack local",
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct outcome o = run(wrong[i]);

		assert_int_equal(o.status, CTL_USAGE);
		assert_string_equal(o.out, "");
		assert_string_not_equal(o.err, "");
	}
	assert_int_equal(run("--help").status, CTL_OK);
	assert_non_null(strstr(run("-h").out, "ntlm set USER"));
	assert_non_null(strstr(run("status --help").out, "status [--json] [--watch]"));
	assert_string_equal(run("--version").out, "credsspctl " CREDSSP_VERSION "\n");
	/* a user that looks like an option */
	assert_int_equal(run("ntlm delete -- -x").status, CTL_OK);
}

/* The manual has a line for every command and option of the help text. */
static void test_manual(void **state)
{
	static char page[65536];
	FILE *f = fopen("packaging/man/credsspctl.8", "r");
	struct outcome o = run("--help");
	unsigned commands = 0;

	assert_non_null(f);
	page[fread(page, 1, sizeof page - 1, f)] = '\0';
	(void)fclose(f);
	for (char *line = strtok(o.out, "\n"); line; line = strtok(NULL, "\n")) {
		char *end =
		    strncmp(line, "  ", 2) == 0 && line[2] != ' ' && line[2] != '-' ? strstr(line + 2, "  ") : NULL;
		char wanted[80];

		if (!end)
			continue;
		*end = '\0';
		(void)snprintf(wanted, sizeof wanted, "\n.SS %s\n", line + 2);
		if (!strstr(page, wanted))
			fail_msg("packaging/man/credsspctl.8 does not have \".SS %s\"", line + 2);
		commands++;
	}
	assert_int_equal(commands, 11);
	assert_non_null(strstr(page, "\\-\\-json"));
	assert_non_null(strstr(page, "\\-\\-watch"));
	assert_non_null(strstr(page, "\\-\\-help"));
	assert_non_null(strstr(page, "\\-\\-version"));
}

static void test_full_disk(void **state)
{
	int w;

	pid_t pid = fork();

	if (pid == 0) {
		dup2(open("/dev/full", O_WRONLY), 1);
		dup2(open("/dev/null", O_WRONLY), 2);
		child_of("status");
	}
	assert_int_equal(waitpid(pid, &w, 0), pid);
	assert_true(WIFEXITED(w) && WEXITSTATUS(w) == CTL_FAILED);
}

static void test_daemon_not_there(void **state)
{
	struct outcome o;

	manager_stop();
	o = run("status");
	assert_int_equal(o.status, CTL_FAILED);
	assert_string_equal(o.err, "credsspctl: status: credsspd is not running\n");
	assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", 1), 0);
	o = run("status");
	assert_int_equal(o.status, CTL_FAILED);
	assert_non_null(strstr(o.err, "no connection to the system bus"));
	assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1), 0);
	manager_start();
}

int main(void)
{
	(void)setenv("TZ", "XST3:30", 1); /* local time, with a sign and minutes */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_text),
		cmocka_unit_test(test_status_json),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_bad_passwords),
		cmocka_unit_test(test_reads_one_line_only),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_reload_says_why),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_manual),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_daemon_not_there),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
