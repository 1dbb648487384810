/* SPDX-License-Identifier: MIT */
/* A root directory of its own with xrdp's two files and what is shipped; systemctl writes down what it is asked. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "common/base/cleanup.h"
#include "credsspctl/host/atomic-file.h"
#include "credsspctl/xrdp/xrdp.h"

#define INI "etc/xrdp/xrdp.ini"
#define PAM "etc/pam.d/xrdp-sesman"
#define VENDOR "usr/lib/pam.d/xrdp-sesman"
#define DROPIN "etc/systemd/system/xrdp.service.d/credsspd-rdp.conf"
#define UNITS "lib/systemd/system"
#define INI_TEXT "[Globals]\nport=3389\nlevel=high\n\n[Xorg]\nport=-1\n"
#define INI_AFTER "[Globals]\nport=unix\nlevel=high\nauto=Xorg\n\n[Xorg]\nport=-1\n"
#define DROPIN_TEXT "[Service]\nGroup=xrdp\n"

#define M "  # credsspctl xrdp enable\n"
#define REDEEM "auth     [success=ignore ignore=ignore default=die]  pam_credssp.so redeem require_ticket"
#define VERIFY "auth     [success=done ignore=ignore default=die]    pam_credssp.so verify require_ticket"
#define DENY "auth     requisite  pam_deny.so" M
#define ACCOUNT "account  required  pam_credssp.so require_ticket" M
#define SESSION "session  optional  pam_credssp.so" M
#define PAM_TEXT \
	"#%PAM-1.0\n@include common-auth\n-auth optional pam_gnome_keyring.so\naccount required pam_unix.so\nsession " \
	"required pam_unix.so\n"
#define PAM_WITH(auth, rest) \
	"#%PAM-1.0\n" auth "@include common-auth\n-auth optional pam_gnome_keyring.so\n" ACCOUNT \
	"account required pam_unix.so\n" SESSION "session required pam_unix.so\n" rest
#define PAM_AFTER PAM_WITH(REDEEM M VERIFY M, "")
#define PAM_ON PAM_WITH(REDEEM " minimum_uid=0" M VERIFY " accept_proof" M, "")
/* as an earlier version made them */
#define OLD_TEXT "auth required pam_credssp.so redeem\nauth required pam_krb5.so\n"
#define COMMON_AUTH "auth sufficient pam_unix.so\nauth required pam_deny.so\n"
#define COMMON_KRB5 "auth sufficient pam_krb5.so\n" COMMON_AUTH

#define RESTART "reset-failed xrdp.service xrdp-sesman.service; restart xrdp.service; "

struct world {
	char dir[32], problem[XRDP_PROBLEM_MAX];
	struct xrdp_host host;
	char *shown;
	size_t shown_len;
	char asked[1024];
	const char *enabled; /* units that are */
	const char *broken;  /* what fails */
	const struct stack_options *options;
	int reach;
	unsigned desktops;
	bool confirms, force;
};

static void put(struct world *w, const char *path, const char *text, mode_t mode)
{
	struct file_text t = {
		.data = (char *)(uintptr_t)text, .len = strlen(text), .mode = mode, .uid = geteuid(), .gid = getegid()
	};

	assert_int_equal(atomic_file_replace(w->host.root, path, &t), 0);
}

static int fake_systemctl(void *userdata, const char *const *arguments)
{
	struct world *w = userdata;
	char command[256] = "";

	assert_string_equal(arguments[0], "--quiet");
	if (strcmp(arguments[1], "is-enabled") == 0)
		return strstr(w->enabled, arguments[2]) ? 0 : 1;
	for (size_t i = 1; arguments[i]; i++) {
		strcat(command, arguments[i]);
		strcat(command, arguments[i + 1] ? " " : "");
	}
	strcat(strcat(w->asked, command), "; ");
	/* what xrdp makes when it starts */
	if (strcmp(command, "restart xrdp.service") == 0)
		put(w, "run/xrdp/front.sock", "", 0600);
	return w->broken && strcmp(w->broken, command) == 0 ? 5 : 0;
}

static void is(struct world *w, const char *path, const char *text, mode_t mode)
{
	CLEANUP(file_text_done) struct file_text t = FILE_TEXT_NULL;

	assert_int_equal(atomic_file_read(w->host.root, path, &t), 0);
	assert_string_equal(t.data, text);
	assert_int_equal(t.mode, mode);
}

static bool exists(struct world *w, const char *path)
{
	return faccessat(w->host.root, path, F_OK, 0) == 0;
}

/* The commands, with what they print and ask in @w. */
static int run(struct world *w, int (*command)(const struct xrdp_host *, const struct xrdp_wish *, char *),
	       const char *stack, bool dry_run)
{
	int r;

	free(w->shown);
	w->host.out = open_memstream(&w->shown, &w->shown_len);
	assert_non_null(w->host.out);
	*w->asked = *w->problem = '\0';
	r = command(&w->host,
		    &(struct xrdp_wish){ .stack = stack, .dry_run = dry_run, .force = w->force, .options = w->options },
		    w->problem);
	assert_int_equal(fclose(w->host.out), 0);
	assert_true(r == 0 ? !*w->problem : *w->problem != '\0');
	return r;
}

/* What run() has shown, without diff's context and line numbers; malloc'ed. */
static char *changes_of(const char *shown)
{
	AUTO_FREE char *copy = strdup(shown);
	char *out = calloc(strlen(shown) + 1, 1), *rest = copy;

	assert_non_null(copy);
	assert_non_null(out);
	for (char *line; (line = strsep(&rest, "\n")) && rest;)
		if (*line != ' ' && *line != '@')
			strcat(strcat(out, line), "\n");
	return out;
}

static void as_before(struct world *w)
{
	is(w, INI, INI_TEXT, 0644);
	is(w, PAM, PAM_TEXT, 0640);
	assert_false(exists(w, "etc/systemd/system/xrdp.service.d"));
}

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

static void outdated(const struct world *w, const char *path)
{
	const char *got;

	assert_int_equal(xrdp_outdated(w->host.root, &got), 0);
	if (path)
		assert_string_equal(got, path);
	else
		assert_null(got);
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
	/* and nobody is thrown out */
	assert_string_equal(w->asked, "start credsspd.service; start credsspd-rdp.socket credsspd-rdp.service; ");
	assert_string_equal(
	    w->shown, "systemctl start credsspd.service\nsystemctl start credsspd-rdp.socket credsspd-rdp.service\n");
	is(w, PAM, PAM_AFTER, 0640);
	/* the package brings another fragment, and xrdp keeps the drop-in for the next start */
	put(w, XRDP_SHARE "/xrdp/xrdp.ini.fragment", "port=vsock\n", 0644);
	outdated(w, "/" INI);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, INI, "[Globals]\nport=vsock\nlevel=high\n\n[Xorg]\nport=-1\n", 0644);
	/* the drop-in has gone */
	assert_int_equal(unlinkat(w->host.root, DROPIN, 0), 0);
	outdated(w, "/" DROPIN);
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
	outdated(w, "/" INI);
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
	outdated(w, "/" PAM);
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
	/* one of ours that has become somebody's */
	assert_int_equal(unlinkat(w->host.root, DROPIN, 0), 0);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	put(w, DROPIN, DROPIN_TEXT "Nice=1\n", 0644);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	assert_non_null(strstr(w->shown, "credsspd-rdp.conf: changed since it was made, and left\n"));
	is(w, DROPIN, DROPIN_TEXT "Nice=1\n", 0644);
}

/* A stack that would let in who must not, or nobody, is not put in force. */
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

/* What an earlier version has left: whole copies, and no drop-in. */
static void make_old(struct world *w, const char *stack)
{
	char about[64];

	put(w, INI, INI_AFTER, 0644);
	put(w, PAM, OLD_TEXT, 0640);
	(void)mkdirat(w->host.root, "var/lib/pam-credssp", 0755);
	assert_int_equal(mkdirat(w->host.root, XRDP_STATE, 0700), 0);
	(void)snprintf(about, sizeof about, "stack %s\nenabled 0 1 1\nsettled 1\n", stack);
	put(w, XRDP_STATE "/about", about, 0600);
	put(w, XRDP_STATE "/xrdp.ini.before", INI_TEXT, 0644);
	put(w, XRDP_STATE "/xrdp.ini.after", INI_AFTER, 0644);
	put(w, XRDP_STATE "/xrdp-sesman.before", PAM_TEXT, 0640);
	put(w, XRDP_STATE "/xrdp-sesman.after", OLD_TEXT, 0640);
}

static void test_earlier_version(void **state)
{
	struct world *w = *state;

	make_old(w, "local");
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	as_before(w);
	assert_false(exists(w, "var/lib/pam-credssp"));
	assert_string_equal(w->asked, "disable credsspd-rdp.socket credsspd-rdp.service; "
				      "stop credsspd-rdp.socket credsspd-rdp.service; " RESTART);
	make_old(w, "local");
	outdated(w, "/" PAM);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, PAM, PAM_AFTER, 0640);
	is(w, INI, INI_AFTER, 0644);
	is(w, DROPIN, DROPIN_TEXT, 0644);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	as_before(w);
	/* with a module that the host has not got: not without a word */
	make_old(w, "krb5");
	assert_int_equal(run(w, xrdp_enable, NULL, false), -EINVAL);
	is(w, PAM, OLD_TEXT, 0640);
	put(w, XRDP_STATE "/about", "stack own\nenabled 0 1 1\nsettled 1\n", 0600);
	assert_int_equal(run(w, xrdp_enable, NULL, false), -EINVAL);
	assert_non_null(strstr(w->problem, "there is no stack \"own\""));
	/* changed since: the change cannot be told from the rest, and is kept aside */
	put(w, PAM, OLD_TEXT "# mine\n", 0640);
	assert_int_equal(run(w, xrdp_enable, "local", false), 0);
	assert_non_null(strstr(w->shown, "is kept as /" XRDP_CHANGED "\n"));
	is(w, PAM, PAM_AFTER, 0640);
	is(w, XRDP_CHANGED, OLD_TEXT "# mine\n", 0640);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	as_before(w);
	assert_int_equal(unlinkat(w->host.root, XRDP_CHANGED, 0), 0);
	make_old(w, "local");
	put(w, PAM, OLD_TEXT "# mine\n", 0640);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	is(w, PAM, PAM_TEXT, 0640);
	is(w, XRDP_CHANGED, OLD_TEXT "# mine\n", 0640);
	assert_int_equal(unlinkat(w->host.root, XRDP_CHANGED, 0), 0);
	/* a new file of the package */
	make_old(w, "local");
	put(w, PAM, "# 13\n" PAM_TEXT, 0640);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	is(w, PAM, "# 13\n" PAM_TEXT, 0640);
}

static unsigned count_desktops(void *userdata)
{
	return ((const struct world *)userdata)->desktops;
}

static bool confirm(void *userdata, unsigned n)
{
	const struct world *w = userdata;

	assert_int_equal(n, w->desktops);
	return w->confirms;
}

static void test_desktops(void **state)
{
	struct world *w = *state;

	w->host.desktops = count_desktops;
	w->host.confirm = confirm;
	w->host.userdata = w;
	w->desktops = 2;
	assert_int_equal(run(w, xrdp_enable, NULL, true), 0);
	assert_non_null(strstr(w->shown, "2 desktops are open"));
	assert_int_equal(run(w, xrdp_enable, NULL, false), -EBUSY);
	assert_non_null(strstr(w->problem, "--force"));
	assert_string_equal(w->asked, "");
	as_before(w);
	assert_false(exists(w, "var/lib/pam-credssp"));
	w->confirms = true;
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	w->confirms = false;
	/* no restart, no question */
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	assert_null(strstr(w->shown, "open"));
	assert_int_equal(run(w, xrdp_disable, NULL, false), -EBUSY);
	is(w, PAM, PAM_AFTER, 0640);
	assert_string_equal(w->asked, "");
	w->force = true;
	w->desktops = 1;
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	assert_non_null(strstr(w->shown, "1 desktop is open: the restart of xrdp orphans it."));
	as_before(w);
}

static void test_units_that_are_gone(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	assert_int_equal(unlinkat(w->host.root, UNITS "/credsspd-rdp.socket", 0), 0);
	assert_int_equal(unlinkat(w->host.root, UNITS "/credsspd-rdp.service", 0), 0);
	/* masked */
	assert_int_equal(symlinkat("/dev/null", w->host.root, "etc/systemd/system/credsspd-rdp.service"), 0);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	assert_string_equal(w->asked, "daemon-reload; " RESTART);
	as_before(w);
	assert_false(exists(w, "var/lib/pam-credssp"));
	/* xrdp, with its files */
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	assert_int_equal(unlinkat(w->host.root, UNITS "/xrdp.service", 0), 0);
	assert_int_equal(unlinkat(w->host.root, PAM, 0), 0);
	assert_int_equal(unlinkat(w->host.root, INI, 0), 0);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	assert_null(strstr(w->asked, "restart"));
	assert_false(exists(w, "var/lib/pam-credssp"));
	assert_false(exists(w, PAM));
}

static void test_interrupted(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	/* as if it had ended between the two files */
	put(w, PAM, PAM_TEXT, 0640);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, PAM, PAM_AFTER, 0640);
	put(w, INI, INI_TEXT, 0644);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	as_before(w);
	/* and one that ended while it wrote its copies */
	assert_int_equal(mkdirat(w->host.root, "var/lib/pam-credssp", 0755), 0);
	assert_int_equal(mkdirat(w->host.root, XRDP_STATE ".new", 0700), 0);
	put(w, XRDP_STATE ".new/about", "half", 0600);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	assert_false(exists(w, "var/lib/pam-credssp"));
	/* the copies are lost, the lines are not put in twice */
	put(w, PAM, PAM_AFTER, 0640);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, PAM, PAM_AFTER, 0640);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	as_before(w);
}

static void test_units_that_fail(void **state)
{
	struct world *w = *state;

	w->broken = "restart credsspd.service";
	assert_int_equal(run(w, xrdp_enable, NULL, false), -EIO);
	assert_non_null(strstr(w->problem, "nothing was changed"));
	as_before(w);
	assert_false(exists(w, "var/lib/pam-credssp"));
	w->broken = "start credsspd-rdp.socket credsspd-rdp.service";
	assert_int_equal(run(w, xrdp_enable, NULL, false), -EIO);
	assert_string_equal(w->problem, "\"systemctl start\" has failed; everything was put back");
	as_before(w);
	assert_false(exists(w, "var/lib/pam-credssp"));
	w->broken = NULL;
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	w->broken = "disable credsspd-rdp.socket credsspd-rdp.service";
	assert_int_equal(run(w, xrdp_disable, NULL, false), -EIO);
	assert_string_equal(w->problem, "\"systemctl disable\" has failed");
	w->broken = "start credsspd-rdp.socket credsspd-rdp.service";
	/* xrdp has not read them for sure: once more; and what was in force before is not undone */
	put(w, PAM, PAM_TEXT, 0640);
	assert_int_equal(run(w, xrdp_enable, NULL, false), -EIO);
	assert_string_equal(w->problem, "\"systemctl start\" has failed; \"credsspctl xrdp disable\" is the way back");
	assert_non_null(strstr(w->asked, "restart xrdp.service"));
	w->broken = "restart xrdp.service";
	assert_int_equal(run(w, xrdp_disable, NULL, false), -EIO);
	/* the files are right, and it can be tried again */
	as_before(w);
	w->broken = NULL;
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
}

static int refuse_to_connect(void *userdata, const char *path)
{
	const struct world *w = userdata;

	assert_string_equal(path, "/run/xrdp/front.sock");
	return w->reach;
}

/* Success is told only after a connection; without one nothing stays. */
static void test_not_reached(void **state)
{
	struct world *w = *state;

	w->host.reach = refuse_to_connect;
	w->host.userdata = w;
	w->reach = -EACCES;
	assert_int_equal(run(w, xrdp_enable, NULL, true), 0);
	assert_int_equal(run(w, xrdp_enable, NULL, false), -EACCES);
	assert_string_equal(w->problem,
			    "credsspd-rdp cannot connect to xrdp on /run/xrdp/front.sock: Permission denied "
			    "(systemctl cat xrdp: Group=xrdp); everything was put back");
	as_before(w);
	assert_false(exists(w, "var/lib/pam-credssp"));
	w->reach = 0;
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, INI, INI_AFTER, 0644);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
}

static void test_not_booted(void **state)
{
	struct world *w = *state;

	w->host.units.booted = false;
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	assert_string_equal(w->asked, "enable credsspd-rdp.socket credsspd-rdp.service; ");
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	assert_string_equal(w->asked, "disable credsspd-rdp.socket credsspd-rdp.service; ");
}

static void test_refused(void **state)
{
	static const char *const bad[] = { "", "../x", "none", "a/b", "Krb5", "own" };
	struct world *w = *state;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_true(run(w, xrdp_enable, bad[i], false) < 0);
	assert_int_equal(unlinkat(w->host.root, PAM, 0), 0);
	assert_int_equal(run(w, xrdp_enable, NULL, false), -ENOENT);
	assert_non_null(strstr(w->problem, "/etc/pam.d/xrdp-sesman is missing"));
	assert_int_equal(symlinkat("other", w->host.root, PAM), 0);
	assert_int_equal(run(w, xrdp_enable, NULL, false), -ELOOP);
	assert_string_equal(w->problem, "/etc/pam.d/xrdp-sesman: is a symbolic link");
	assert_int_equal(unlinkat(w->host.root, PAM, 0), 0);
	put(w, PAM, PAM_TEXT, 0640);
	put(w, INI, "[Xorg]\n", 0644);
	assert_int_equal(run(w, xrdp_enable, NULL, false), -ENOENT);
	assert_non_null(strstr(w->problem, "[Globals]"));
	put(w, INI, INI_TEXT, 0644);
	assert_int_equal(unlinkat(w->host.root, XRDP_SHARE "/xrdp/xrdp.ini.fragment", 0), 0);
	assert_int_equal(run(w, xrdp_enable, NULL, false), -ENOENT);
	assert_string_equal(w->asked, "");
	as_before(w);
}

static void test_state_that_is_none(void **state)
{
	static const char *const about[] = { "",
					     "stack local\n",
					     "stack lo cal\nenabled 0 0 0\nsettled 0\n",
					     "stack local\nenabled 0 0 0\nsettled 0\nx",
					     "stack local\nenabled 0 0\nsettled 0\n",
					     "stack local\nenabled 0 0 0\n",
					     "format 3\nstack local\nenabled 0 0 0\nsettled 0\n",
					     "format 3\nstack local\nenabled 0 0 0\nsettled 0\nshipped 1 1\nx",
					     "format 2\nstack local\nenabled 0 0 0\nsettled 0\nshipped 1 1\n",
					     "format 4\nstack local\nenabled 0 0 0\nsettled 0\nshipped 1 1\n",
					     "format 2\nformat 2\nstack local\nenabled 0 0 0\nsettled 0\n" };
	struct world *w = *state;

	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	for (size_t i = 0; i < sizeof about / sizeof *about; i++) {
		put(w, XRDP_STATE "/about", about[i], 0600);
		assert_int_equal(run(w, xrdp_disable, NULL, false), -EBADMSG);
		assert_int_equal(run(w, xrdp_enable, NULL, false), -EBADMSG);
	}
	is(w, INI, INI_AFTER, 0644);
}

/* ---- a release upgrade ---- */

#define NEW_INI "[Globals]\nport=3389\nlevel=low\nmore=1\n"
#define NEW_INI_AFTER "[Globals]\nport=unix\nlevel=low\nmore=1\nauto=Xorg\n"

/* dpkg's database with this as the shipped xrdp.ini */
static void dpkg_has(struct world *w, const char *ini)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	char status[512] = "Package: xrdp\nConffiles:\n /etc/xrdp/xrdp.ini.more 0123\n /" INI " ";
	unsigned n = 0;

	assert_int_equal(EVP_Digest(ini, strlen(ini), md, &n, EVP_md5(), NULL), 1);
	for (unsigned i = 0; i < n; i++)
		(void)snprintf(status + strlen(status), 3, "%02x", md[i]);
	put(w, "var/lib/dpkg/status", strcat(status, "\nDescription: x\n"), 0644);
}

/* enable on the old release, which ships @before; the administrator keeps the file in the upgrade */
static void upgrade_and_keep(struct world *w, const char *before)
{
	assert_int_equal(mkdirat(w->host.root, "var/lib/dpkg", 0755), 0);
	dpkg_has(w, before);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	outdated(w, NULL);
	/* what an earlier upgrade has left says nothing */
	put(w, INI ".dpkg-dist", "[Globals]\nport=3389\nold=1\n", 0644);
	outdated(w, NULL);
	dpkg_has(w, NEW_INI);
	put(w, INI ".dpkg-dist", NEW_INI, 0644);
}

static void test_kept_in_an_upgrade(void **state)
{
	struct world *w = *state;

	upgrade_and_keep(w, INI_TEXT);
	outdated(w, "/" INI);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	is(w, INI, NEW_INI, 0644);
	assert_non_null(strstr(w->shown, ".dpkg-dist"));
	is(w, PAM, PAM_TEXT, 0640);
}

static void test_kept_and_enabled_again(void **state)
{
	struct world *w = *state;

	upgrade_and_keep(w, INI_TEXT);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, INI, NEW_INI_AFTER, 0644);
	outdated(w, NULL);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	is(w, INI, NEW_INI, 0644);
}

/* The administrator's own file is no release's. */
static void test_own_file_in_an_upgrade(void **state)
{
	struct world *w = *state;

	upgrade_and_keep(w, "[Globals]\nport=3389\nlevel=other\n");
	outdated(w, NULL);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	as_before(w);
}

static void test_changed_file_in_an_upgrade(void **state)
{
	struct world *w = *state;

	upgrade_and_keep(w, INI_TEXT);
	put(w, INI, INI_AFTER "mine=1\n", 0644);
	outdated(w, NULL);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	is(w, INI, INI_TEXT "mine=1\n", 0644);
}

static void test_replaced_in_an_upgrade(void **state)
{
	struct world *w = *state;

	upgrade_and_keep(w, INI_TEXT);
	put(w, INI, NEW_INI, 0644);
	outdated(w, "/" INI);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, INI, NEW_INI_AFTER, 0644);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	is(w, INI, NEW_INI, 0644);
}

static int setup(void **state)
{
	static const char *const directories[] = { "usr",
						   "usr/lib",
						   "usr/lib/pam.d",
						   "etc",
						   "run",
						   "run/xrdp",
						   "etc/xrdp",
						   "etc/pam.d",
						   "usr/share",
						   XRDP_SHARE,
						   XRDP_SHARE "/xrdp",
						   XRDP_SHARE "/pam.d",
						   "var",
						   "var/lib",
						   "etc/systemd",
						   "etc/systemd/system",
						   "lib",
						   "lib/systemd",
						   UNITS };
	struct world *w = calloc(1, sizeof *w);

	if (!w)
		return -1;
	strcpy(w->dir, "/tmp/test-xrdp.XXXXXX");
	if (!mkdtemp(w->dir))
		return -1;
	w->host.root = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
		if (mkdirat(w->host.root, directories[i], 0755) < 0)
			return -1;
	w->host.units = (struct systemctl_host){ .systemctl = fake_systemctl, .userdata = w, .booted = true };
	w->enabled = "credsspd.service";
	put(w, INI, INI_TEXT, 0644);
	put(w, PAM, PAM_TEXT, 0640);
	put(w, XRDP_SHARE "/xrdp/xrdp.ini.fragment", "; why\nport=unix\nauto=Xorg\n", 0644);
	put(w, XRDP_SHARE "/xrdp/xrdp.service.conf", DROPIN_TEXT, 0644);
	put(w, "etc/pam.d/common-auth", COMMON_AUTH, 0644);
	put(w, UNITS "/xrdp.service", "", 0644);
	put(w, UNITS "/credsspd.service", "", 0644);
	put(w, UNITS "/credsspd-rdp.socket", "", 0644);
	put(w, UNITS "/credsspd-rdp.service", "", 0644);
	*state = w;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	struct world *w = *state;
	int r = nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);

	(void)close(w->host.root);
	free(w->shown);
	free(w);
	return r;
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_there_and_back),
		CASE(test_options),
		CASE(test_dry_run),
		CASE(test_again),
		CASE(test_stacks),
		CASE(test_changed_since),
		CASE(test_new_conffiles),
		CASE(test_vendor),
		CASE(test_own),
		CASE(test_bad_stacks),
		CASE(test_earlier_version),
		CASE(test_desktops),
		CASE(test_units_that_are_gone),
		CASE(test_interrupted),
		CASE(test_units_that_fail),
		CASE(test_not_reached),
		CASE(test_not_booted),
		CASE(test_refused),
		CASE(test_state_that_is_none),
		CASE(test_kept_in_an_upgrade),
		CASE(test_kept_and_enabled_again),
		CASE(test_own_file_in_an_upgrade),
		CASE(test_changed_file_in_an_upgrade),
		CASE(test_replaced_in_an_upgrade),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
