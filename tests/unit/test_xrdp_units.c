/* SPDX-License-Identifier: MIT */
/* `credsspctl xrdp enable`: open desktops, the units that are started, and what it does when one of them fails. */
#include "tests/unit/xrdp-root.h"

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

/* A file in the place of the drop-in's directory, which appears after everything was read. */
static int block_dropin(void *userdata, const char *const *arguments)
{
	struct world *w = userdata;
	int fd = openat(w->host.root, "etc/systemd/system/xrdp.service.d", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	(void)close(fd);
	return 0;
}

/* Some files are replaced, one cannot be: the way back is named, and works. */
static void test_half_way(void **state)
{
	struct world *w = *state;
	int (*systemctl)(void *, const char *const *) = w->host.units.systemctl;

	w->host.units.systemctl = block_dropin;
	assert_true(run(w, xrdp_enable, NULL, false) < 0);
	w->host.units.systemctl = systemctl;
	is(w, INI, INI_AFTER, 0644);
	assert_non_null(strstr(w->problem, "credsspd-rdp.conf cannot be replaced: "));
	assert_non_null(strstr(w->problem, "; \"credsspctl xrdp disable\" is the way back"));
	assert_int_equal(unlinkat(w->host.root, "etc/systemd/system/xrdp.service.d", 0), 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_desktops),           CASE(test_units_that_are_gone),
		CASE(test_interrupted),        CASE(test_units_that_fail),
		CASE(test_half_way),           CASE(test_not_reached),
		CASE(test_not_booted),         CASE(test_refused),
		CASE(test_state_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
