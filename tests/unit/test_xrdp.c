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

#include "credsspd/ctl/rootfile.h"
#include "credsspd/ctl/xrdp.h"
#include "include/credssp/cleanup.h"

#define INI "etc/xrdp/xrdp.ini"
#define PAM "etc/pam.d/xrdp-sesman"
#define UNITS "lib/systemd/system"
#define INI_TEXT "[Globals]\nport=3389\nlevel=high\n\n[Xorg]\nport=-1\n"
#define PAM_TEXT "#%PAM-1.0\n@include common-auth\n"
#define INI_AFTER "[Globals]\nport=unix\nlevel=high\nauto=Xorg\n\n[Xorg]\nport=-1\n"
#define LOCAL_TEXT "auth required pam_credssp.so\n@include common-auth\n"
#define KRB5_TEXT "auth required pam_credssp.so\nauth required pam_krb5.so\n"

#define VERIFY_TEXT \
	"# pam_credssp.so verify\nauth required pam_credssp.so redeem\n" \
	"auth required pam_credssp.so verify require_ticket\naccount required pam_credssp.so\n"
#define VERIFY_ON_TEXT \
	"# pam_credssp.so verify\nauth required pam_credssp.so redeem minimum_uid=0\n" \
	"auth required pam_credssp.so verify require_ticket accept_proof\naccount required pam_credssp.so\n"

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
};

static void put(struct world *w, const char *path, const char *text, mode_t mode)
{
	struct file_text t = {
		.data = (char *)(uintptr_t)text, .len = strlen(text), .mode = mode, .uid = geteuid(), .gid = getegid()
	};

	assert_int_equal(rootfile_replace(w->host.root, path, &t), 0);
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

	assert_int_equal(rootfile_read(w->host.root, path, &t), 0);
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
	r = command(&w->host, &(struct xrdp_wish){ .stack = stack, .dry_run = dry_run, .options = w->options },
		    w->problem);
	assert_int_equal(fclose(w->host.out), 0);
	assert_true(r == 0 ? !*w->problem : *w->problem != '\0');
	return r;
}

static void as_before(struct world *w)
{
	is(w, INI, INI_TEXT, 0644);
	is(w, PAM, PAM_TEXT, 0640);
}

static void test_there_and_back(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, INI, INI_AFTER, 0644);
	is(w, PAM, LOCAL_TEXT, 0640);
	assert_string_equal(w->asked, "restart credsspd.service; enable credsspd-rdp.socket credsspd-rdp.service; "
				      "reset-failed xrdp.service xrdp-sesman.service; restart xrdp.service; "
				      "start credsspd-rdp.socket credsspd-rdp.service; ");
	assert_string_equal(w->shown, "/etc/xrdp/xrdp.ini:\n  - port=3389\n  + port=unix\n  + auto=Xorg\n"
				      "/etc/pam.d/xrdp-sesman:\n  - #%PAM-1.0\n  + auth required pam_credssp.so\n"
				      "systemctl restart credsspd.service\n"
				      "systemctl enable credsspd-rdp.socket credsspd-rdp.service\n"
				      "systemctl restart xrdp.service\n"
				      "systemctl start credsspd-rdp.socket credsspd-rdp.service\n");
	is(w, XRDP_STATE "/xrdp.ini.before", INI_TEXT, 0644);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	assert_string_equal(w->asked, "disable credsspd-rdp.socket credsspd-rdp.service; "
				      "stop credsspd-rdp.socket credsspd-rdp.service; "
				      "reset-failed xrdp.service xrdp-sesman.service; restart xrdp.service; ");
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
	const char *path;
	bool edited;

	put(w, XRDP_SHARE "/pam.d/xrdp-sesman.krb5", VERIFY_TEXT, 0644);
	w->options = &on;
	assert_int_equal(run(w, xrdp_enable, "krb5", false), 0);
	is(w, PAM, VERIFY_ON_TEXT, 0640);
	/* the same package would make the same again */
	assert_int_equal(xrdp_outdated(w->host.root, &path, &edited), 0);
	assert_null(path);
	w->options = &off;
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, PAM, VERIFY_TEXT, 0640);
	assert_non_null(strstr(w->asked, "restart xrdp.service"));
	w->options = &on;
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, PAM, VERIFY_ON_TEXT, 0640);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	as_before(w);
}

static void test_dry_run(void **state)
{
	struct world *w = *state;
	AUTO_FREE char *shown = NULL;

	assert_int_equal(run(w, xrdp_enable, "krb5", true), 0);
	assert_non_null(strstr(w->shown, "  + auth required pam_krb5.so\n"));
	assert_non_null(strstr(w->shown, "systemctl restart xrdp.service\n"));
	assert_string_equal(w->asked, "");
	as_before(w);
	assert_false(exists(w, "var/lib/pam-credssp"));
	shown = strdup(w->shown);
	assert_int_equal(run(w, xrdp_enable, "krb5", false), 0);
	assert_string_equal(w->shown, shown);
	assert_int_equal(run(w, xrdp_disable, NULL, true), 0);
	assert_non_null(strstr(w->shown, "  + port=3389\n"));
	assert_string_equal(w->asked, "");
	is(w, PAM, KRB5_TEXT, 0640);
}

static void test_again_and_another_stack(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, xrdp_enable, "krb5", false), 0);
	w->enabled = "credsspd.service credsspd-rdp.socket credsspd-rdp.service";
	/* the stack that is in force is kept, and so are the units that have to go again */
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	/* and nobody is thrown out */
	assert_string_equal(w->asked, "start credsspd.service; start credsspd-rdp.socket credsspd-rdp.service; ");
	assert_string_equal(
	    w->shown, "systemctl start credsspd.service\nsystemctl start credsspd-rdp.socket credsspd-rdp.service\n");
	is(w, PAM, KRB5_TEXT, 0640);
	assert_int_equal(run(w, xrdp_enable, "local", false), 0);
	is(w, PAM, LOCAL_TEXT, 0640);
	/* the package brings another fragment */
	put(w, XRDP_SHARE "/xrdp/xrdp.ini.fragment", "port=vsock\n", 0644);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, INI, "[Globals]\nport=vsock\nlevel=high\n\n[Xorg]\nport=-1\n", 0644);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	assert_non_null(strstr(w->asked, "disable credsspd-rdp.socket credsspd-rdp.service; "));
	as_before(w);
}

static void test_changed_since(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	put(w, PAM, LOCAL_TEXT "# mine\n", 0640);
	assert_int_equal(run(w, xrdp_disable, NULL, false), -EBUSY);
	assert_non_null(strstr(w->problem, "/etc/pam.d/xrdp-sesman has been changed"));
	assert_non_null(
	    strstr(w->problem, "to drop it: cp /var/lib/pam-credssp/xrdp/xrdp-sesman.before /etc/pam.d/xrdp-sesman"));
	assert_string_equal(w->asked, "");
	is(w, INI, INI_AFTER, 0644);
	is(w, PAM, LOCAL_TEXT "# mine\n", 0640);
	assert_int_equal(run(w, xrdp_enable, NULL, false), -EBUSY);
	/* put back by hand: either is fine */
	put(w, PAM, PAM_TEXT, 0640);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	as_before(w);
}

static void outdated(const struct world *w, const char *path, bool edited)
{
	const char *got;
	bool got_edited;

	assert_int_equal(xrdp_outdated(w->host.root, &got, &got_edited), 0);
	assert_int_equal(got_edited, edited);
	if (path)
		assert_string_equal(got, path);
	else
		assert_null(got);
}

static void test_outdated(void **state)
{
	struct world *w = *state;
	const char *path;
	bool edited;

	assert_int_equal(xrdp_outdated(w->host.root, &path, &edited), -ENOENT);
	assert_int_equal(run(w, xrdp_enable, "krb5", false), 0);
	outdated(w, NULL, false);
	put(w, XRDP_SHARE "/pam.d/xrdp-sesman", LOCAL_TEXT "# not the one in force\n", 0644);
	put(w, PAM, KRB5_TEXT "# mine\n", 0640);
	outdated(w, NULL, false);
	put(w, XRDP_SHARE "/pam.d/xrdp-sesman.krb5", KRB5_TEXT "# new\n", 0644);
	outdated(w, "/" PAM, true);
	put(w, PAM, KRB5_TEXT, 0640);
	outdated(w, "/" PAM, false);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	outdated(w, NULL, false);
	put(w, XRDP_SHARE "/xrdp/xrdp.ini.fragment", "port=vsock\n", 0644);
	outdated(w, "/" INI, false);
	/* a stack that is no longer shipped cannot be compared */
	assert_int_equal(unlinkat(w->host.root, XRDP_SHARE "/pam.d/xrdp-sesman.krb5", 0), 0);
	assert_int_equal(xrdp_outdated(w->host.root, &path, &edited), -ENOENT);
}

/* OWN CHANGES of credsspctl(8) */
static void test_changes_that_are_kept(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	put(w, XRDP_STATE "/xrdp.ini.before", INI_TEXT "; mine\n", 0644);
	put(w, INI, INI_TEXT "; mine\n", 0644);
	put(w, XRDP_SHARE "/pam.d/xrdp-sesman.own", LOCAL_TEXT "# mine\n", 0644);
	put(w, PAM, PAM_TEXT, 0640);
	assert_int_equal(run(w, xrdp_enable, "own", false), 0);
	is(w, INI, INI_AFTER "; mine\n", 0644);
	is(w, PAM, LOCAL_TEXT "# mine\n", 0640);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, PAM, LOCAL_TEXT "# mine\n", 0640);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	is(w, INI, INI_TEXT "; mine\n", 0644);
	is(w, PAM, PAM_TEXT, 0640);
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
	assert_string_equal(w->asked, "reset-failed xrdp.service xrdp-sesman.service; restart xrdp.service; ");
	as_before(w);
	assert_false(exists(w, "var/lib/pam-credssp"));
}

static void test_interrupted(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	/* as if it had ended between the two files */
	put(w, PAM, PAM_TEXT, 0640);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, PAM, LOCAL_TEXT, 0640);
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
	static const char *const bad[] = { "", "../x", "none", "a/b", "Krb5", "krb5.dpkg-old" };
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
					     "stack local\nenabled 0 0 0\n" };
	struct world *w = *state;

	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	for (size_t i = 0; i < sizeof about / sizeof *about; i++) {
		put(w, XRDP_STATE "/about", about[i], 0600);
		assert_int_equal(run(w, xrdp_disable, NULL, false), -EBADMSG);
		assert_int_equal(run(w, xrdp_enable, NULL, false), -EBADMSG);
	}
	is(w, INI, INI_AFTER, 0644);
}

static int setup(void **state)
{
	static const char *const directories[] = {
		"etc",         "run",       "run/xrdp",    "etc/xrdp",           "etc/pam.d",
		"usr",         "usr/share", XRDP_SHARE,    XRDP_SHARE "/xrdp",   XRDP_SHARE "/pam.d",
		"var",         "var/lib",   "etc/systemd", "etc/systemd/system", "lib",
		"lib/systemd", UNITS
	};
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
	w->host.units = (struct units_host){ .systemctl = fake_systemctl, .userdata = w, .booted = true };
	w->enabled = "credsspd.service";
	put(w, INI, INI_TEXT, 0644);
	put(w, PAM, PAM_TEXT, 0640);
	put(w, XRDP_SHARE "/xrdp/xrdp.ini.fragment", "; why\nport=unix\nauto=Xorg\n", 0644);
	put(w, XRDP_SHARE "/pam.d/xrdp-sesman", LOCAL_TEXT, 0644);
	put(w, XRDP_SHARE "/pam.d/xrdp-sesman.krb5", KRB5_TEXT, 0644);
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
		CASE(test_again_and_another_stack),
		CASE(test_changed_since),
		CASE(test_outdated),
		CASE(test_changes_that_are_kept),
		CASE(test_units_that_are_gone),
		CASE(test_interrupted),
		CASE(test_units_that_fail),
		CASE(test_not_reached),
		CASE(test_not_booted),
		CASE(test_refused),
		CASE(test_state_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
