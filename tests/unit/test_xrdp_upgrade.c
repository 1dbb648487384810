/* SPDX-License-Identifier: MIT */
/* `credsspctl xrdp` after an upgrade of this package, of xrdp or of the release. */
#include "tests/unit/xrdp-root.h"

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
	outdated(w, PAM);
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
	outdated(w, INI);
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
	outdated(w, INI);
	assert_int_equal(run(w, xrdp_enable, NULL, false), 0);
	is(w, INI, NEW_INI_AFTER, 0644);
	assert_int_equal(run(w, xrdp_disable, NULL, false), 0);
	is(w, INI, NEW_INI, 0644);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_earlier_version),
		CASE(test_kept_in_an_upgrade),
		CASE(test_kept_and_enabled_again),
		CASE(test_own_file_in_an_upgrade),
		CASE(test_changed_file_in_an_upgrade),
		CASE(test_replaced_in_an_upgrade),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
