/* SPDX-License-Identifier: MIT */
/* The account checker with a libpam of its own: what it asks, what it refuses to ask, and what an answer means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "common/base/cleanup.h"
#include "credsspd/account-checker/account-checker.h"
#include "credsspd/account-checker/verdict.h"

#define TODAY 20000

/* ---- what an answer means ---- */

static const struct spwd healthy = { .sp_lstchg = 19990, .sp_max = 99999, .sp_inact = -1, .sp_expire = -1 };

static enum refusal judge(int pam, const char *hash, struct spwd s, bool local_password, char detail[WORKER_DETAIL_MAX])
{
	AUTO_FREE char *copy = hash ? strdup(hash) : NULL;
	struct verdict_facts f = {
		.service = "xrdp-sesman",
		.pam = pam,
		.shadow = hash ? &s : NULL,
		.local_password = local_password,
		.today = TODAY,
	};

	s.sp_pwdp = copy;
	return verdict_of(&f, detail, WORKER_DETAIL_MAX);
}

static void test_verdicts(void **state)
{
	static const char good[] = "$y$j9T$salt$hash", locked[] = "!$y$j9T$salt$hash";
	const struct spwd expired = { .sp_lstchg = 19990, .sp_max = 99999, .sp_inact = -1, .sp_expire = 0 };
	const struct spwd lives = { .sp_lstchg = 19990, .sp_max = 99999, .sp_inact = -1, .sp_expire = TODAY + 1 };
	const struct spwd must_change = { .sp_lstchg = 0, .sp_max = 99999, .sp_inact = -1, .sp_expire = -1 };
	const struct spwd aged = { .sp_lstchg = 19000, .sp_max = 30, .sp_inact = -1, .sp_expire = -1 };
	const struct spwd inactive = { .sp_lstchg = 19000, .sp_max = 30, .sp_inact = 7, .sp_expire = -1 };
	const struct {
		int pam;
		const char *hash; /* NULL: no entry in shadow */
		struct spwd s;
		bool local_password;
		enum refusal refusal;
	} row[] = {
		{ PAM_SUCCESS, good, healthy, true, REFUSAL_NONE },
		{ PAM_SUCCESS, NULL, healthy, false, REFUSAL_NONE },
		/* usermod -L counts where the password of this host was proved, and only there */
		{ PAM_SUCCESS, locked, healthy, true, REFUSAL_ACCOUNT_DISABLED },
		{ PAM_SUCCESS, "!!$y$j9T$salt$hash", healthy, true, REFUSAL_ACCOUNT_DISABLED },
		{ PAM_SUCCESS, locked, healthy, false, REFUSAL_NONE },
		{ PAM_SUCCESS, "!", healthy, true, REFUSAL_NONE },
		{ PAM_SUCCESS, "!!", healthy, true, REFUSAL_NONE },
		{ PAM_SUCCESS, "!*", healthy, true, REFUSAL_NONE },
		{ PAM_SUCCESS, "*", healthy, true, REFUSAL_NONE },
		{ PAM_SUCCESS, "", healthy, true, REFUSAL_NONE },
		/* shadow alone refuses nothing: the stack may not have pam_unix */
		{ PAM_SUCCESS, good, expired, true, REFUSAL_NONE },
		{ PAM_SUCCESS, good, must_change, true, REFUSAL_NONE },
		/* chage -d 0, a password that is too old */
		{ PAM_NEW_AUTHTOK_REQD, good, must_change, true, REFUSAL_PASSWORD_MUST_CHANGE },
		{ PAM_NEW_AUTHTOK_REQD, good, aged, true, REFUSAL_PASSWORD_EXPIRED },
		{ PAM_NEW_AUTHTOK_REQD, NULL, healthy, false, REFUSAL_PASSWORD_MUST_CHANGE },
		/* chage -E 0, whatever the stack has made of it */
		{ PAM_ACCT_EXPIRED, good, expired, true, REFUSAL_ACCOUNT_EXPIRED },
		{ PAM_AUTH_ERR, good, expired, true, REFUSAL_ACCOUNT_EXPIRED },
		{ PAM_PERM_DENIED, good, expired, true, REFUSAL_ACCOUNT_EXPIRED },
		{ PAM_ACCT_EXPIRED, NULL, healthy, false, REFUSAL_ACCOUNT_EXPIRED },
		{ PAM_AUTHTOK_EXPIRED, NULL, healthy, false, REFUSAL_PASSWORD_EXPIRED },
		{ PAM_AUTH_ERR, good, inactive, true, REFUSAL_PASSWORD_EXPIRED },
		/* pam_access, pam_time, pam_nologin, GPO */
		{ PAM_PERM_DENIED, good, healthy, true, REFUSAL_ACCOUNT_RESTRICTION },
		{ PAM_PERM_DENIED, good, lives, true, REFUSAL_ACCOUNT_RESTRICTION },
		{ PAM_PERM_DENIED, NULL, healthy, false, REFUSAL_ACCOUNT_RESTRICTION },
		{ PAM_AUTH_ERR, good, healthy, true, REFUSAL_ACCOUNT_RESTRICTION },
		/* no refusal: the modules do not know the account, or something is broken */
		{ PAM_USER_UNKNOWN, NULL, healthy, false, REFUSAL_NONE },
		{ PAM_USER_UNKNOWN, good, expired, true, REFUSAL_NONE },
		{ PAM_AUTHINFO_UNAVAIL, good, expired, true, REFUSAL_NONE },
		{ PAM_SERVICE_ERR, good, healthy, true, REFUSAL_NONE },
		{ PAM_SYSTEM_ERR, good, healthy, true, REFUSAL_NONE },
		{ PAM_MODULE_UNKNOWN, good, healthy, true, REFUSAL_NONE },
		{ PAM_CONV_ERR, good, healthy, true, REFUSAL_NONE },
		{ PAM_ABORT, good, healthy, true, REFUSAL_NONE },
		{ PAM_CRED_ERR, good, healthy, true, REFUSAL_NONE },
		{ -1, good, healthy, true, REFUSAL_NONE },
		{ 4711, good, healthy, true, REFUSAL_NONE },
	};
	char detail[WORKER_DETAIL_MAX];

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		enum refusal r = judge(row[i].pam, row[i].hash, row[i].s, row[i].local_password, detail);

		if (r != row[i].refusal)
			fail_msg("row %zu: %s", i, refusal_word(r));
		/* the one who agrees has nothing to say, every other answer has its reason and fits */
		if ((detail[0] == '\0') != (r == REFUSAL_NONE && row[i].pam == PAM_SUCCESS))
			fail_msg("row %zu: %s", i, detail);
		assert_in_range(strlen(detail), 0, WORKER_DETAIL_MAX - 2);
	}
}

static void test_details(void **state)
{
	const struct spwd must_change = { .sp_lstchg = 0, .sp_max = 99999, .sp_inact = -1, .sp_expire = -1 };
	char detail[WORKER_DETAIL_MAX];

	(void)judge(PAM_NEW_AUTHTOK_REQD, "hash", must_change, true, detail);
	assert_non_null(strstr(detail, "PAM_NEW_AUTHTOK_REQD from the account phase of PAM service xrdp-sesman: "));
	assert_non_null(strstr(detail, "chage -l"));
	/* an account of a domain: this host's tools change nothing */
	(void)judge(PAM_NEW_AUTHTOK_REQD, NULL, must_change, false, detail);
	assert_null(strstr(detail, "chage"));
	/* modules that decide by the name of the service */
	(void)judge(PAM_PERM_DENIED, NULL, healthy, false, detail);
	assert_non_null(strstr(detail, "ad_gpo_map_remote_interactive = +xrdp-sesman"));
	assert_non_null(strstr(detail, "HBAC"));
	assert_non_null(strstr(detail, "access.conf"));
	(void)judge(PAM_PERM_DENIED, "hash", healthy, true, detail);
	assert_null(strstr(detail, "sssd.conf"));
	assert_non_null(strstr(detail, "access.conf"));
	(void)judge(PAM_SUCCESS, "!$y$j9T$salt$hash", healthy, true, detail);
	assert_non_null(strstr(detail, "usermod -U"));
	(void)judge(PAM_USER_UNKNOWN, NULL, healthy, false, detail);
	assert_string_equal(detail, "PAM_USER_UNKNOWN from the account phase of PAM service xrdp-sesman");
}

/* Each detail is whole with the longest name of a service: its last word is there. */
static void test_longest_details(void **state)
{
	static const int results[] = { PAM_NEW_AUTHTOK_REQD, PAM_ACCT_EXPIRED, PAM_AUTHTOK_EXPIRED, PAM_PERM_DENIED,
				       PAM_AUTHINFO_UNAVAIL };
	char service[PAM_SERVICE_MAX + 1], detail[WORKER_DETAIL_MAX], large[4 * WORKER_DETAIL_MAX];
	struct spwd s = healthy;

	memset(service, 's', sizeof service - 1);
	service[sizeof service - 1] = '\0';
	for (size_t i = 0; i < 2 * (sizeof results / sizeof *results); i++) {
		struct verdict_facts f = { .service = service, .pam = results[i / 2], .shadow = i % 2 ? &s : NULL };

		s.sp_pwdp = (char *)(uintptr_t) "hash";
		(void)verdict_of(&f, detail, sizeof detail);
		(void)verdict_of(&f, large, sizeof large);
		assert_string_equal(detail, large);
	}
}

/* ---- what is asked ---- */

static struct {
	int start, set_item, acct_mgmt; /* results */
	char service[64], user[64], rhost[64], tty[64];
	int flags;
	unsigned asked, ended;
	struct pam_conv conv;
} fake;

static int fake_start(const char *service, const char *user, const struct pam_conv *conv, pam_handle_t **ret_pamh)
{
	(void)snprintf(fake.service, sizeof fake.service, "%s", service);
	(void)snprintf(fake.user, sizeof fake.user, "%s", user);
	fake.conv = *conv;
	*ret_pamh = (pam_handle_t *)&fake;
	return fake.start;
}

static int fake_set_item(pam_handle_t *pamh, int item, const void *value)
{
	assert_true(item == PAM_RHOST || item == PAM_TTY);
	(void)snprintf(item == PAM_RHOST ? fake.rhost : fake.tty, sizeof fake.tty, "%s", (const char *)value);
	return fake.set_item;
}

static int fake_acct_mgmt(pam_handle_t *pamh, int flags)
{
	fake.asked++;
	fake.flags = flags;
	return fake.acct_mgmt;
}

static int fake_end(pam_handle_t *pamh, int status)
{
	fake.ended++;
	return PAM_SUCCESS;
}

static const struct account_pam pam = {
	.start = fake_start, .set_item = fake_set_item, .acct_mgmt = fake_acct_mgmt, .end = fake_end
};

static char *services[] = { (char *)(uintptr_t) "xrdp-sesman", (char *)(uintptr_t) "other", NULL };
static struct config_front_end front_end = { .uid = 1, .services = services };
static const struct config config = { .front_ends = &front_end, .n_front_ends = 1 };

static struct account_question question(const char *service, const char *user, const char *rhost)
{
	struct account_question q = { .type = ACCOUNT_QUESTION, .id = 4711 };

	(void)snprintf(q.service, sizeof q.service, "%s", service);
	(void)snprintf(q.user, sizeof q.user, "%s", user);
	(void)snprintf(q.rhost, sizeof q.rhost, "%s", rhost);
	return q;
}

static int reset(void **state)
{
	memset(&fake, 0, sizeof fake);
	return 0;
}

static void test_question(void **state)
{
	struct account_question q = question("xrdp-sesman", "no-such-user", "2001:db8::7%eth0");
	struct account_answer a;

	fake.acct_mgmt = PAM_PERM_DENIED;
	assert_int_equal(account_answer_question(&pam, &config, &q, &a), 0);
	assert_string_equal(fake.service, "xrdp-sesman");
	assert_string_equal(fake.user, "no-such-user");
	assert_string_equal(fake.rhost, "2001:db8::7%eth0");
	assert_string_equal(fake.tty, "xrdp-sesman");
	assert_int_equal(fake.flags, (int)PAM_SILENT);
	assert_int_equal(fake.ended, 1);
	assert_int_equal(a.type, ACCOUNT_ANSWER);
	assert_int_equal(a.id, 4711);
	assert_int_equal(a.pam, PAM_PERM_DENIED);
	assert_int_equal(a.refusal, REFUSAL_ACCOUNT_RESTRICTION);
	/* no address, another service of the front end */
	(void)reset(NULL);
	q = question("other", "no-such-user", "");
	assert_int_equal(account_answer_question(&pam, &config, &q, &a), 0);
	assert_string_equal(fake.rhost, "");
	assert_int_equal(a.refusal, REFUSAL_NONE);
	assert_string_equal(a.detail, "");
}

/* libpam fails: no refusal */
static void test_broken_pam(void **state)
{
	const struct account_question q = question("xrdp-sesman", "no-such-user", "192.0.2.7");
	struct account_answer a;

	fake.start = PAM_ABORT;
	assert_int_equal(account_answer_question(&pam, &config, &q, &a), 0);
	assert_int_equal(a.refusal, REFUSAL_NONE);
	assert_int_equal(a.pam, PAM_ABORT);
	assert_int_equal(fake.asked + fake.ended, 0);
	fake.start = PAM_SUCCESS;
	fake.set_item = PAM_BUF_ERR;
	assert_int_equal(account_answer_question(&pam, &config, &q, &a), 0);
	assert_int_equal(a.refusal, REFUSAL_NONE);
	assert_int_equal(a.pam, PAM_BUF_ERR);
	assert_int_equal(fake.asked, 0);
	assert_int_equal(fake.ended, 1);
}

/* From a supervisor that was taken over; nothing of it reaches a module. */
static void test_hostile_questions(void **state)
{
	struct account_question row[] = {
		question("sudo", "alice", ""),           question("", "alice", ""),
		question("/etc/passwd", "alice", ""),    question("../pam.d/xrdp-sesman", "alice", ""),
		question("xrdp-sesman", "", ""),         question("xrdp-sesman", "a:b", ""),
		question("xrdp-sesman", "a\nb", ""),     question("xrdp-sesman", "a/b", ""),
		question("xrdp-sesman", "alice", "a b"), question("xrdp-sesman", "alice", "a\nb"),
		question("xrdp-sesman", "alice", ""),    question("xrdp-sesman", "alice", ""),
		question("xrdp-sesman", "alice", ""),    question("xrdp-sesman", "alice", ""),
	};
	const size_t n = sizeof row / sizeof *row;
	struct account_answer a;

	row[n - 4].type = ACCOUNT_ANSWER;
	memset(row[n - 3].service, 'x', sizeof row[0].service);
	memset(row[n - 2].user, 'x', sizeof row[0].user);
	memset(row[n - 1].rhost, '1', sizeof row[0].rhost);
	for (size_t i = 0; i < n; i++)
		if (account_answer_question(&pam, &config, &row[i], &a) != -EPROTO)
			fail_msg("row %zu is asked", i);
	assert_int_equal(fake.asked, 0);
}

/* A module that asks gets no answer; messages are taken and dropped. */
static void test_conversation(void **state)
{
	const struct account_question q = question("xrdp-sesman", "no-such-user", "");
	const struct pam_message ask = { PAM_PROMPT_ECHO_OFF, "New password: " }, tell = { PAM_TEXT_INFO, "hello" },
				 error = { PAM_ERROR_MSG, "no" };
	const struct pam_message *both[] = { &tell, &error }, *mixed[] = { &tell, &ask };
	struct pam_response *responses = NULL;
	struct account_answer a;

	assert_int_equal(account_answer_question(&pam, &config, &q, &a), 0);
	assert_int_equal(fake.conv.conv(2, mixed, &responses, fake.conv.appdata_ptr), PAM_CONV_ERR);
	assert_null(responses);
	assert_int_equal(fake.conv.conv(2, both, &responses, fake.conv.appdata_ptr), PAM_SUCCESS);
	assert_null(responses[0].resp);
	assert_null(responses[1].resp);
	free(responses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_details),
		cmocka_unit_test(test_longest_details),
		cmocka_unit_test_setup(test_question, reset),
		cmocka_unit_test_setup(test_broken_pam, reset),
		cmocka_unit_test_setup(test_hostile_questions, reset),
		cmocka_unit_test_setup(test_conversation, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
