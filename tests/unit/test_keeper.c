/* SPDX-License-Identifier: MIT */
/* Not with sanitizers: the processes of the real program are under filters, which the runtime does not survive. */
/*
 * The keeper as a process of the real program, with its supervisor and templates in the test. Where it looks for a KDC
 * there is one that hangs up: what a KDC answers is for the tests with real ones.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>

#include "common/ipc/keeper-msg.h"
#include "tests/unit/templates.h"

static char keeper_config[96], krb5_conf[96], machine_keytab[96], mixed_keytab[96], text[65536];
static int control = -1, log_fd = -1, kdc = -1;
static pid_t pid;
static size_t text_len;
static unsigned asked;    /* how often the KDC was */
static krb5_error answer; /* of the KDC; without an error number it hangs up */

/* ---- the process ---- */

static void start_keeper(const char *lines)
{
	int pair[2], err[2];
	uint8_t type = 0;

	make_config(keeper_config, lines);
	assert_int_equal(packet_pair(0, pair), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC | O_NONBLOCK), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)unsetenv("JOURNAL_STREAM");
		(void)setenv("KRB5_CONFIG", krb5_conf, 1);
		if (dup2(err[1], 2) < 0)
			_exit(127);
		exec_role("--keeper", NULL, keeper_config, pair[1]);
	}
	(void)close(pair[1]);
	(void)close(err[1]);
	control = pair[0];
	log_fd = err[0];
	text_len = 0;
	text[0] = '\0';
	asked = 0;
	readable(control);
	assert_int_equal(packet_recv(control, &type, 1, NULL, 0), 1);
	assert_int_equal(type, KEEPER_READY);
}

/* Ends its control socket, unless it is closed: its wait status. */
static int end_keeper(void)
{
	int status = -1;

	control = close_fd(control);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	log_fd = close_fd(log_fd);
	return status;
}

static void ended_well(void)
{
	int status = end_keeper();

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* RFC 4120 7.2.2 */
static void kdc_answer(int fd)
{
	uint8_t request[4096], head[4];
	krb5_data error;
	krb5_context k;

	readable(fd);
	assert_true(read(fd, request, sizeof request) > 4);
	assert_int_equal(krb5_init_context(&k), 0);
	assert_int_equal(krb5_parse_name(k, "krbtgt/" REALM "@" REALM, &answer.server), 0);
	answer.stime = (krb5_timestamp)time(NULL);
	assert_int_equal(krb5_mk_error(k, &answer, &error), 0);
	for (unsigned i = 0; i < 4; i++)
		head[i] = (uint8_t)(error.length >> (8 * (3 - i)));
	assert_int_equal(write(fd, head, 4), 4);
	assert_int_equal(write(fd, error.data, error.length), error.length);
	krb5_free_data_contents(k, &error);
	krb5_free_principal(k, answer.server);
	krb5_free_context(k);
}

/* What it logs, and who asks the KDC, until @done says so. */
static void watch(bool (*done)(const void *arg), const void *arg)
{
	while (!done(arg)) {
		struct pollfd p[2] = { { .fd = log_fd, .events = POLLIN }, { .fd = kdc, .events = POLLIN } };
		ssize_t n;

		if (poll(p, 2, DEADLINE_MSEC) <= 0)
			fail_msg("asked %u times, logged: %s", asked, text);
		if (p[1].revents) {
			int fd = accept4(kdc, NULL, NULL, SOCK_CLOEXEC);

			assert_true(fd >= 0);
			if (answer.error)
				kdc_answer(fd);
			(void)close(fd);
			asked++;
		}
		if (!p[0].revents)
			continue;
		n = read(log_fd, text + text_len, sizeof text - 1 - text_len);
		assert_true(n > 0);
		text_len += (size_t)n;
		text[text_len] = '\0';
	}
}

static unsigned count(const char *what)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

static bool says(const void *what)
{
	return strstr(text, what) != NULL;
}

static bool asked_as_often_as(const void *times)
{
	return asked >= *(const unsigned *)times;
}

/* A template's end, before anything has been read from it. */
static int attach_only(void)
{
	const uint8_t type = KEEPER_ATTACH;
	int pair[2];

	assert_int_equal(packet_pair(0, pair), 0);
	assert_int_equal(packet_send(control, &type, 1, &pair[1], 1), 0);
	(void)close(pair[1]);
	return pair[0];
}

/* It has been told at once that there are no tickets. */
static int attach(void)
{
	int fd = attach_only();
	static struct keeper_names names;
	uint8_t sent = 0;

	readable(fd);
	assert_int_equal(packet_recv(fd, &names, sizeof names, NULL, 0), offsetof(struct keeper_names, name));
	assert_int_equal(names.type, KEEPER_NAMES);
	assert_int_equal(names.n, 0);
	readable(fd);
	assert_int_equal(packet_recv(fd, &sent, 1, NULL, 0), 1);
	assert_int_equal(sent, KEEPER_SENT);
	return fd;
}

static bool quiet(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

/* ---- without a KDC ---- */

/* A keytab that is not there, or has no key that is wanted: it says so, and waits for another. */
static void test_no_keytab(void **unused)
{
	const char *const keytab[] = { "/nonexistent", host_keytab };
	const char *const why[] = { "/nonexistent", "neither a machine account's key nor a TERMSRV/ key" };
	char lines[256];

	for (size_t i = 0; i < sizeof keytab / sizeof *keytab; i++) {
		int fd;

		(void)snprintf(lines, sizeof lines, "\tkeytab = %s\n", keytab[i]);
		start_keeper(lines);
		watch(says, why[i]);
		assert_int_equal(count("warning: keeper: no ticket-granting ticket"), 1);
		assert_int_equal(asked, 0);
		fd = attach();
		assert_true(quiet(fd));
		(void)close(fd);
		ended_well();
	}
}

/* A KDC that hangs up is asked again and again, which makes one line for each principal. */
static void test_no_kdc(void **unused)
{
	struct keeper_state state;
	char lines[256];
	unsigned times;
	int fd;

	(void)snprintf(lines, sizeof lines,
		       "\tkeytab = %s\n\ttgt_principals = " PRINCIPAL " TERMSRV/no.key@" REALM "\n", keytab_path);
	start_keeper(lines);
	watch(says, "suitable keys for TERMSRV/no.key@" REALM);
	fd = attach();
	times = 2 * asked + 1; /* the third time: all there is to say the second time has been said */
	watch(asked_as_often_as, &times);
	assert_int_equal(count("user-to-user: " PRINCIPAL ": "), 1);
	assert_int_equal(count("user-to-user: TERMSRV/no.key@" REALM ": "), 1);
	assert_int_equal(count("\n"), 2);
	assert_true(quiet(fd));
	/* it has told once that it has nothing */
	assert_int_equal(packet_recv(control, &state, sizeof state, NULL, 0), sizeof state);
	assert_int_equal(state.type, KEEPER_STATE);
	assert_int_equal(state.tgts, 0);
	assert_int_equal(state.until, 0);
	assert_true(quiet(control));
	(void)close(fd);
	ended_well();
}

/* What to do is said where the KDC's text does not say it, for services and machines each. */
static void test_hints(void **unused)
{
	static const char in_ad[] =
	    "; in Active Directory the key of HOST$ has to be in the keytab (net ads keytab add 'HOST$')",
			  too_old[] = "; the keytab is out of date (the machine's password was changed)";
	static const struct {
		const char *principal;
		krb5_ui_4 error; /* RFC 4120 7.5.9 */
		bool in_ad, too_old;
	} row[] = {
		{ PRINCIPAL, 6, true, false },      { "termsrv/rdp.test.example@" REALM, 6, true, false },
		{ "RDP$@" REALM, 6, false, false }, { "RDP$@" REALM, 24, false, true },
		{ PRINCIPAL, 24, false, true },     { PRINCIPAL, 60, false, false },
	};
	krb5_context k;

	assert_int_equal(krb5_init_context(&k), 0);
	(void)snprintf(mixed_keytab, sizeof mixed_keytab, "%s/mixed.keytab", talk_dir);
	add_key(k, mixed_keytab, "termsrv/rdp.test.example@" REALM, ENCTYPE_AES256_CTS_HMAC_SHA1_96);
	add_key(k, mixed_keytab, "RDP$@" REALM, ENCTYPE_AES256_CTS_HMAC_SHA1_96);
	add_key(k, mixed_keytab, PRINCIPAL, ENCTYPE_AES256_CTS_HMAC_SHA1_96);
	krb5_free_context(k);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char lines[256];

		(void)snprintf(lines, sizeof lines, "\tkeytab = %s\n\ttgt_principals = %s\n", mixed_keytab,
			       row[i].principal);
		answer = (krb5_error){ .error = row[i].error };
		start_keeper(lines);
		watch(says, "; trying again");
		answer.error = 0;
		assert_int_equal(count(row[i].principal), 1 + (row[i].error == 6));
		assert_int_equal(count(in_ad), row[i].in_ad);
		assert_int_equal(count(too_old), row[i].too_old);
		ended_well();
	}
}

/* Whose tickets it asks for, by what the keytab has. */
static void test_principals(void **unused)
{
	char lines[256];
	krb5_context k;

	(void)snprintf(lines, sizeof lines, "\tkeytab = %s\n", keytab_path);
	start_keeper(lines);
	watch(says, PRINCIPAL);
	assert_int_equal(count("HOST/"), 0);
	ended_well();
	/* a machine's account comes before the services, which are aliases of it */
	assert_int_equal(krb5_init_context(&k), 0);
	(void)snprintf(machine_keytab, sizeof machine_keytab, "%s/machine.keytab", talk_dir);
	add_key(k, machine_keytab, PRINCIPAL, ENCTYPE_AES256_CTS_HMAC_SHA1_96);
	add_key(k, machine_keytab, "RDP$@" REALM, ENCTYPE_AES256_CTS_HMAC_SHA1_96);
	krb5_free_context(k);
	(void)snprintf(lines, sizeof lines, "\tkeytab = %s\n", machine_keytab);
	start_keeper(lines);
	watch(says, "RDP$@" REALM);
	assert_int_equal(count("TERMSRV/"), 0);
	ended_well();
}

/* ---- templates ---- */

static const char no_keytab[] = "\tkeytab = /nonexistent\n";

/* More than it has room for: the last one is told in the log, and its socket closed. Those that have gone make room. */
static void test_templates(void **unused)
{
	int fd[8], more;
	uint8_t octet;

	start_keeper(no_keytab);
	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < 8; i++)
			fd[i] = attach();
		more = attach_only();
		readable(more);
		assert_int_equal(packet_recv(more, &octet, 1, NULL, 0), 0);
		(void)close(more);
		for (size_t i = 0; i < 8; i++) {
			assert_true(quiet(fd[i]));
			(void)close(fd[i]);
		}
	}
	watch(says, "too many templates");
	ended_well();
}

/* ---- the supervisor ---- */

static void assert_ends(const void *p, size_t len, bool with_fd)
{
	int status;
	uint8_t octet;

	start_keeper(no_keytab);
	assert_int_equal(packet_send(control, p, len, &log_fd, with_fd), 0);
	readable(control);
	assert_true(packet_recv(control, &octet, 1, NULL, 0) <= 0);
	status = end_keeper();
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
}

static void test_wrong_records(void **unused)
{
	const uint8_t attach_[] = { KEEPER_ATTACH, 0 }, state = KEEPER_STATE, ping = KEEPER_PING;

	assert_ends(attach_, 1, false);
	assert_ends(attach_, 2, true);
	assert_ends(&state, 1, true);
	assert_ends(&state, 1, false);
	assert_ends(&ping, 1, true);
}

/* It has no socket to listen to: nothing to do. */
static void test_by_hand(void **unused)
{
	int status = -1;

	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		(void)dup2(null, 2);
		exec_role("--keeper", NULL, keeper_config, null);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 2);
}

/* ---- set-up ---- */

static int set_up(void **unused)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	FILE *f;

	talk_set_up();
	kdc = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(kdc >= 0);
	assert_int_equal(bind(kdc, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(kdc, 16), 0);
	assert_int_equal(getsockname(kdc, (struct sockaddr *)&a, &len), 0);
	(void)snprintf(keeper_config, sizeof keeper_config, "%s/keeper.conf", talk_dir);
	(void)snprintf(krb5_conf, sizeof krb5_conf, "%s/krb5.conf", talk_dir);
	f = fopen(krb5_conf, "we");
	assert_non_null(f);
	(void)fprintf(f,
		      "[libdefaults]\n\tdefault_realm = %s\n\tdns_lookup_kdc = false\n\tdns_lookup_realm = false\n"
		      "\tudp_preference_limit = 1\n"
		      "[realms]\n\t%s = {\n\t\tkdc = 127.0.0.1:%u\n\t}\n",
		      REALM, REALM, (unsigned)ntohs(a.sin_port));
	assert_int_equal(fclose(f), 0);
	return 0;
}

static int tear_down(void **unused)
{
	(void)close(kdc);
	(void)unlink(keeper_config);
	(void)unlink(krb5_conf);
	(void)unlink(machine_keytab);
	(void)unlink(mixed_keytab);
	return talk_tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_keytab),  cmocka_unit_test(test_no_kdc),
		cmocka_unit_test(test_principals), cmocka_unit_test(test_hints),
		cmocka_unit_test(test_templates),  cmocka_unit_test(test_wrong_records),
		cmocka_unit_test(test_by_hand),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
