/* SPDX-License-Identifier: MIT */
/* What `credsspctl xrdp enable` and `disable` make of the files. */
#include "tests/unit/xrdp-root.h"

static void test_there_and_back(void **state)
{
	struct world *w = *state;
	AUTO_FREE char *changes = NULL;

	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, INI, INI_AFTER, 0644);
	is(w, PAM, PAM_AFTER, 0640);
	is(w, DROPIN, DROPIN_TEXT, 0644);
	assert_string_equal(w->asked, "restart credsspd.service; enable credsspd-rdp.socket credsspd-rdp.service; "
				      "daemon-reload; " RESTART "start credsspd-rdp.socket credsspd-rdp.service; ");
	changes = changes_of(w->shown);
	assert_string_equal(
	    changes,
	    "--- /etc/xrdp/xrdp.ini\n+++ /etc/xrdp/xrdp.ini\n-port=3389\n+port=unix\n+auto=Xorg\n"
	    "--- /etc/pam.d/xrdp-sesman\n+++ /etc/pam.d/xrdp-sesman\n"
	    "+" REDEEM M "+" VERIFY M "+" ACCOUNT "+" SESSION
	    "--- /dev/null\n+++ /etc/systemd/system/xrdp.service.d/credsspd-rdp.conf\n+[Service]\n+Group=xrdp\n"
	    "systemctl restart credsspd.service\n"
	    "systemctl enable credsspd-rdp.socket credsspd-rdp.service\n"
	    "systemctl daemon-reload\nsystemctl restart xrdp.service\n"
	    "systemctl start credsspd-rdp.socket credsspd-rdp.service\n");
	is(w, XRDP_STATE "/xrdp.ini.before", INI_TEXT, 0644);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	assert_string_equal(w->asked, "disable credsspd-rdp.socket credsspd-rdp.service; "
				      "stop credsspd-rdp.socket credsspd-rdp.service; daemon-reload; " RESTART);
	assert_non_null(strstr(w->shown, "credsspd-rdp.conf\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-[Service]\n"));
	as_before(w);
	assert_false(exists(w, "var/lib/pam-credssp"));
	assert_int_equal(run(w, xrdp_disable, NULL, false), -ENOENT);
}

/* Of credsspd.conf, as it is each time. */
static void test_options(void **state)
{
	static const struct stack_options on = { .accept_proof = true, .minimum_uid = 0 };
	static const struct stack_options off = { .minimum_uid = 1000 };
	struct world *w = *state;

	w->options = &on;
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, PAM, PAM_ON, 0640);
	/* the same package would make the same again */
	outdated(w, NULL);
	w->options = &off;
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, PAM, PAM_AFTER, 0640);
	assert_non_null(strstr(w->asked, "restart xrdp.service"));
	/* an argument of the administrator's stays */
	put(w, PAM, PAM_WITH(REDEEM " timeout=500" M VERIFY M, ""), 0640);
	w->options = &on;
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, PAM, PAM_WITH(REDEEM " minimum_uid=0 timeout=500" M VERIFY " accept_proof" M, ""), 0640);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	as_before(w);
}

static void test_dry_run(void **state)
{
	struct world *w = *state;
	AUTO_FREE char *shown = NULL;

	assert_int_equal(run(w, xrdp_enable, NULL, true), 0);
	assert_non_null(strstr(w->shown, "+account  required  pam_credssp.so"));
	assert_non_null(strstr(w->shown, "systemctl daemon-reload\nsystemctl restart xrdp.service\n"));
	assert_string_equal(w->asked, "");
	as_before(w);
	assert_false(exists(w, "var/lib/pam-credssp"));
	shown = strdup(w->shown);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	assert_string_equal(w->shown, shown);
	assert_int_equal(run(w, xrdp_disable, NULL, true), 0);
	assert_non_null(strstr(w->shown, "+port=3389\n"));
	assert_non_null(strstr(w->shown, "-account  required  pam_credssp.so"));
	assert_string_equal(w->asked, "");
	is(w, PAM, PAM_AFTER, 0640);
	is(w, DROPIN, DROPIN_TEXT, 0644);
}

static void test_again(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	w->enabled = "credsspd.service credsspd-rdp.socket credsspd-rdp.service";
	/* the units that have to go again are kept */
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	/* and no desktop is closed */
	assert_string_equal(w->asked, "start credsspd.service; start credsspd-rdp.socket credsspd-rdp.service; ");
	assert_string_equal(
	    w->shown, "systemctl start credsspd.service\nsystemctl start credsspd-rdp.socket credsspd-rdp.service\n");
	is(w, PAM, PAM_AFTER, 0640);
	/* the package brings another fragment, and xrdp keeps the drop-in for the next start */
	put(w, XRDP_SHARE "/xrdp/xrdp.ini.fragment", "port=vsock\n", 0644);
	outdated(w, INI);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, INI, "[Globals]\nport=vsock\nlevel=high\n\n[Xorg]\nport=-1\n", 0644);
	/* the drop-in has gone */
	assert_int_equal(unlinkat(w->host.root, DROPIN, 0), 0);
	outdated(w, DROPIN);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, DROPIN, DROPIN_TEXT, 0644);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	assert_non_null(strstr(w->asked, "disable credsspd-rdp.socket credsspd-rdp.service; "));
	as_before(w);
}

/* A stack by name is what the stack of the host has to have. */
static void test_stacks(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, xrdp_enable, "krb5", false), -EINVAL);
	assert_non_null(strstr(w->problem, "have no pam_krb5"));
	assert_non_null(strstr(w->problem, "apt install libpam-krb5"));
	assert_string_equal(w->asked, "");
	as_before(w);
	put(w, "etc/pam.d/common-auth", COMMON_KRB5, 0644);
	assert_int_equal(run(w, xrdp_enable, "krb5", false), 0);
	is(w, PAM, PAM_AFTER, 0640);
	/* it stays asked for, and the host has it no more */
	put(w, "etc/pam.d/common-auth", COMMON_AUTH, 0644);
	assert_int_equal(run(w, xrdp_enable, NULL, false), -EINVAL);
	is(w, PAM, PAM_AFTER, 0640);
	assert_int_equal(run(w, xrdp_enable, "smartcard", false), 0);
	is(w, PAM, PAM_WITH(REDEEM M VERIFY M DENY, ""), 0640);
	/* and that, too */
	put(w, PAM, PAM_WITH(REDEEM M VERIFY M DENY, "# mine\n"), 0640);
	outdated(w, NULL);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, PAM, PAM_WITH(REDEEM M VERIFY M DENY, "# mine\n"), 0640);
	assert_int_equal(run(w, xrdp_enable, "local", false), 0);
	is(w, PAM, PAM_WITH(REDEEM M VERIFY M, "# mine\n"), 0640);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	is(w, PAM, PAM_TEXT "# mine\n", 0640);
}

/* What administrators and dpkg have done since stays. */
static void test_changed_since(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	put(w, PAM, PAM_WITH("auth required pam_nologin.so\n" REDEEM " timeout=1" M VERIFY M, "# mine\n"), 0600);
	put(w, INI, "[Globals]\nport=unix\nlevel=low\nauto=Xvnc\n[Mine]\n", 0644);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	assert_non_null(strstr(w->shown, "/etc/xrdp/xrdp.ini: auto: changed since, and left\n"));
	is(w, PAM,
	   "#%PAM-1.0\nauth required pam_nologin.so\n@include common-auth\n-auth optional "
	   "pam_gnome_keyring.so\naccount required pam_unix.so\n"
	   "session required pam_unix.so\n# mine\n",
	   0600);
	is(w, INI, "[Globals]\nport=3389\nlevel=low\nauto=Xvnc\n[Mine]\n", 0644);
	assert_false(exists(w, "var/lib/pam-credssp"));
}

/* dpkg has put new files there: an enable makes them anew, and a disable gives them back. */
static void test_new_conffiles(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	put(w, PAM, "# 13\n" PAM_TEXT, 0644);
	put(w, INI, "; 13\n" INI_TEXT, 0644);
	outdated(w, INI);
	assert_int_equal(run(w, xrdp_disable, NULL, true), 0);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, PAM, "# 13\n" PAM_AFTER, 0644);
	is(w, INI, "; 13\n" INI_AFTER, 0644);
	outdated(w, NULL);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	is(w, PAM, "# 13\n" PAM_TEXT, 0644);
	is(w, INI, "; 13\n" INI_TEXT, 0644);
	/* and at once */
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	put(w, PAM, PAM_TEXT, 0640);
	put(w, INI, "; 14\n" INI_TEXT, 0644);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	is(w, PAM, PAM_TEXT, 0640);
	is(w, INI, "; 14\n" INI_TEXT, 0644);
}

/* Where the stack is in the directory of the distribution only. */
static void test_vendor(void **state)
{
	struct world *w = *state;

	assert_int_equal(unlinkat(w->host.root, PAM, 0), 0);
	put(w, VENDOR, PAM_TEXT, 0644);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	assert_non_null(strstr(w->shown, "+++ /etc/pam.d/xrdp-sesman\n@@ -0,0 +1,9 @@\n+#%PAM-1.0\n"));
	is(w, PAM, PAM_AFTER, 0644);
	is(w, VENDOR, PAM_TEXT, 0644);
	outdated(w, NULL);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, PAM, PAM_AFTER, 0644);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	assert_false(exists(w, PAM));
	/* with a new one of the distribution, by which it is made anew */
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	put(w, VENDOR, "# new\n" PAM_TEXT, 0644);
	outdated(w, PAM);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, PAM, "# new\n" PAM_AFTER, 0644);
	/* changed: then it stays, without the lines */
	put(w, PAM, "# mine\n" PAM_AFTER, 0644);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	assert_non_null(strstr(w->shown, "/etc/pam.d/xrdp-sesman: changed since it was made, and left\n"));
	is(w, PAM, "# mine\n" PAM_TEXT, 0644);
}

/* Of the administrator's own stacks and drop-ins nothing is overwritten. */
static void test_own(void **state)
{
	struct world *w = *state;

	assert_int_equal(mkdirat(w->host.root, "etc/systemd/system/xrdp.service.d", 0755), 0);
	put(w, DROPIN, "[Service]\nNice=1\n", 0600);
	put(w, PAM, "auth requisite pam_credssp.so redeem require_ticket\nauth required pam_unix.so\n", 0640);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	assert_null(strstr(w->shown, "xrdp.service.d"));
	assert_null(strstr(w->asked, "daemon-reload"));
	is(w, PAM, "auth requisite pam_credssp.so redeem require_ticket\nauth required pam_unix.so\n" ACCOUNT SESSION,
	   0640);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	is(w, DROPIN, "[Service]\nNice=1\n", 0600);
	is(w, PAM, "auth requisite pam_credssp.so redeem require_ticket\nauth required pam_unix.so\n", 0640);
	/* a file made here that an administrator has changed */
	assert_int_equal(unlinkat(w->host.root, DROPIN, 0), 0);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	put(w, DROPIN, DROPIN_TEXT "Nice=1\n", 0644);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	assert_non_null(strstr(w->shown, "credsspd-rdp.conf: changed since it was made, and left\n"));
	is(w, DROPIN, DROPIN_TEXT "Nice=1\n", 0644);
}

/* A stack that would log on users who must not, or no users at all, is not written. */
static void test_bad_stacks(void **state)
{
	static const struct {
		const char *text, *problem;
	} row[] = {
		{ "auth required pam_permit.so\n", "no module has verified" },
		{ "auth sufficient pam_unix.so\nauth optional pam_permit.so\n", "no module has verified" },
		{ "auth required pam_unix.so\nauth required pam_deny.so\n", "the right password would be refused" },
		{ "auth optional pam_credssp.so redeem\nauth required pam_unix.so\n", "without a ticket" },
		{ "auth include nothing\n", "/etc/pam.d/nothing: No such file" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		put(w, PAM, row[i].text, 0640);
		assert_true(run(w, xrdp_enable, NULL, false) < 0);
		if (!strstr(w->problem, row[i].problem))
			fail_msg("%s: %s", row[i].text, w->problem);
		is(w, PAM, row[i].text, 0640);
		assert_string_equal(w->asked, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_there_and_back), CASE(test_options), CASE(test_dry_run),
		CASE(test_again),          CASE(test_stacks),  CASE(test_changed_since),
		CASE(test_new_conffiles),  CASE(test_vendor),  CASE(test_own),
		CASE(test_bad_stacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
