/* SPDX-License-Identifier: MIT */
/* credsspctl ad keytab with a Samba that is a table of answers; with the real one: tests/peers/check-ad. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "credsspctl/ad.h"
#include "credsspctl/host/atomic-file.h"

#define SYNC \
	"\tsync machine password to keytab = " \
	"\"/etc/credsspd.keytab:account_name:spn_prefixes=TERMSRV:sync_kvno:machine_password\"\n"
#define CONF "[global]\n\trealm = R\n"

static struct {
	char top[64];
	int root;
	const char *version, *names, *timeout;
	const char *failing; /* the command that begins like that fails */
	char ran[4096];      /* what changes something */
	char units[256];     /* arguments of systemctl, but for is-enabled */
	bool timer;          /* is enabled */
	char problem[AD_PROBLEM_MAX];
	char *shown;
} bed;

static char *conf(void)
{
	CLEANUP(file_text_done) struct file_text t = FILE_TEXT_NULL;

	assert_int_equal(atomic_file_read(bed.root, "etc/samba/smb.conf", &t), 0);
	return strdup(t.data);
}

static void write_file(const char *path, const char *text)
{
	int fd = openat(bed.root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

/* testparm, by the only keys that are asked for */
static char *value_of(const char *option)
{
	AUTO_FREE char *text = conf();
	char *value;

	if (strstr(option, "netbios name"))
		return strdup("Load smb config files\n\nRDP1\n");
	if (strstr(option, "timeout"))
		return strdup(strstr(text, "password timeout = 0") ? "0\n" : bed.timeout);
	value = strstr(text, "sync machine password to keytab = ");
	return value ? strndup(value + 34, strcspn(value + 34, "\n")) : strdup("\n");
}

static int run(const char *const *argv, char **ret_output)
{
	char line[512] = "";

	for (size_t i = 0; argv[i]; i++)
		(void)snprintf(line + strlen(line), sizeof line - strlen(line), "%s%s", i > 0 ? " " : "", argv[i]);
	*ret_output = strdup("output\n");
	if (bed.failing && strncmp(line, bed.failing, strlen(bed.failing)) == 0)
		return 1;
	free(*ret_output);
	if (strcmp(argv[0], "testparm") == 0)
		*ret_output = value_of(argv[3]);
	else if (strcmp(line, "net --version") == 0)
		*ret_output = strdup(bed.version);
	else if (strcmp(line, "net ads setspn list RDP1 -P") == 0)
		*ret_output = strdup(bed.names);
	else {
		*ret_output = strdup("");
		if (strcmp(line, "net ads testjoin") != 0)
			(void)snprintf(bed.ran + strlen(bed.ran), sizeof bed.ran - strlen(bed.ran), "%s\n", line);
	}
	return 0;
}

static int systemctl(void *userdata, const char *const *arguments)
{
	assert_string_equal(arguments[2], "credsspd-machine-password.timer");
	if (strcmp(arguments[1], "is-enabled") == 0)
		return bed.timer ? 0 : 1;
	(void)snprintf(bed.units + strlen(bed.units), sizeof bed.units - strlen(bed.units), "%s ", arguments[1]);
	if (bed.failing && strcmp(bed.failing, arguments[1]) == 0)
		return 1;
	bed.timer = strcmp(arguments[1], "enable") == 0 || (bed.timer && strcmp(arguments[1], "disable") != 0);
	return 0;
}

static int keytab_at(const char *path, bool dry_run)
{
	size_t size = 0;
	struct ad_host host = { .root = bed.root,
				.units = { .systemctl = systemctl, .booted = true },
				.keytab = path,
				.fqdn = "rdp1.r.test",
				.uid = geteuid(),
				.run = run };
	int r;

	free(bed.shown);
	bed.ran[0] = '\0';
	bed.units[0] = '\0';
	host.out = open_memstream(&bed.shown, &size);
	r = ad_keytab(&host, dry_run, bed.problem);
	(void)fclose(host.out);
	return r;
}

static int keytab(bool dry_run)
{
	return keytab_at("/etc/credsspd.keytab", dry_run);
}

static int setup(void **state)
{
	(void)strcpy(bed.top, "/tmp/test_ad.XXXXXX");
	assert_non_null(mkdtemp(bed.top));
	bed.root = open(bed.top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(bed.root, "etc", 0755), 0);
	assert_int_equal(mkdirat(bed.root, "etc/samba", 0755), 0);
	write_file("etc/samba/smb.conf", CONF "[homes]\n");
	write_file("etc/credsspd.keytab", "keys");
	bed.version = "Version 4.22.11-Debian-4.22.11\n";
	bed.names = "Registered SPNs for CN=RDP1\n\tHOST/RDP1\n\tTERMSRV/RDP10\n";
	bed.timeout = "604800\n";
	bed.failing = NULL;
	bed.timer = false;
	return 0;
}

static int teardown(void **state)
{
	(void)unlinkat(bed.root, "etc/samba/smb.conf", 0);
	(void)unlinkat(bed.root, "etc/credsspd.keytab", 0);
	(void)unlinkat(bed.root, "etc/samba", AT_REMOVEDIR);
	(void)unlinkat(bed.root, "etc", AT_REMOVEDIR);
	(void)close(bed.root);
	free(bed.shown);
	bed.shown = NULL;
	return rmdir(bed.top);
}

static void test_new(void **state)
{
	AUTO_FREE char *text = NULL;
	struct stat st;

	assert_int_equal(keytab(false), 0);
	text = conf();
	assert_string_equal(text, CONF SYNC "[homes]\n");
	assert_string_equal(bed.ran, "net ads setspn add RDP1 TERMSRV/rdp1.r.test -P\n"
				     "net ads setspn add RDP1 TERMSRV/RDP1 -P\n"
				     "smbcontrol winbindd reload-config\n"
				     "net ads keytab create -P\n");
	assert_int_equal(fstatat(bed.root, "etc/credsspd.keytab", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_string_equal(bed.units, "");
	assert_non_null(strstr(bed.shown, "sync machine password to keytab = "));
}

static void test_again(void **state)
{
	AUTO_FREE char *text = NULL;

	write_file("etc/samba/smb.conf", CONF SYNC);
	bed.names = "x\n\ttermsrv/RDP1\n\tTERMSRV/rdp1.r.test\n";
	assert_int_equal(keytab(false), 0);
	text = conf();
	assert_string_equal(text, CONF SYNC);
	assert_string_equal(bed.ran, "net ads keytab create -P\n");
}

static void test_other_keytabs(void **state)
{
	AUTO_FREE char *text = NULL;

	write_file("etc/samba/smb.conf", CONF "\tsync machine password to keytab = /etc/krb5.keytab:sync_spns\n");
	assert_int_equal(keytab(false), 0);
	text = conf();
	assert_non_null(strstr(text, "= /etc/krb5.keytab:sync_spns \"/etc/credsspd.keytab:"));
	/* the file is in the list, without the names */
	write_file("etc/samba/smb.conf",
		   CONF "\tsync machine password to keytab = /etc/credsspd.keytab:account_name\n");
	assert_int_equal(keytab(false), -EEXIST);
	assert_non_null(strstr(bed.problem, "spn_prefixes"));
	assert_string_equal(strstr(bed.ran, "net ads keytab") ? bed.ran : "", "");
}

static void test_old(void **state)
{
	AUTO_FREE char *text = NULL;

	bed.version = "Version 4.17.12-Debian\n";
	assert_int_equal(keytab(false), 0);
	text = conf();
	assert_string_equal(text, CONF "\tmachine password timeout = 0\n[homes]\n");
	assert_string_equal(bed.ran,
			    "smbcontrol winbindd reload-config\n"
			    "net ads keytab --option=kerberos method=dedicated keytab --option=dedicated keytab "
			    "file=/etc/credsspd.keytab add_update_ads TERMSRV -P\n"
			    "net ads keytab --option=kerberos method=dedicated keytab --option=dedicated keytab "
			    "file=/etc/credsspd.keytab add RDP1$ -P\n");
	assert_string_equal(bed.units, "enable start ");
	bed.version = "Version 4.20.9\n";
	assert_int_equal(keytab(false), 0);
	assert_null(strstr(bed.ran, "smbcontrol"));
}

static void test_dry_run(void **state)
{
	AUTO_FREE char *text = NULL;

	assert_int_equal(keytab(true), 0);
	assert_string_equal(bed.ran, "");
	assert_non_null(strstr(bed.shown, "net ads keytab create -P\n"));
	bed.version = "Version 4.17.12\n";
	assert_int_equal(keytab(true), 0);
	assert_string_equal(bed.ran, "");
	assert_string_equal(bed.units, "");
	assert_non_null(strstr(bed.shown, "'--option=dedicated keytab file=/etc/credsspd.keytab' add 'RDP1$' -P\n"));
	text = conf();
	assert_string_equal(text, CONF "[homes]\n");
}

static void test_put_back(void **state)
{
	AUTO_FREE char *text = NULL;

	bed.failing = "net ads keytab create";
	assert_int_equal(keytab(false), -EIO);
	text = conf();
	assert_string_equal(text, CONF "[homes]\n");
	assert_non_null(strstr(bed.shown, "output\n"));
}

/* An upgrade of Samba: what a run with the old one has set is undone, and only that. */
static void test_upgraded(void **state)
{
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *dry = NULL;

	bed.version = "Version 4.17.12-Debian\n";
	assert_int_equal(keytab(false), 0);
	assert_true(bed.timer);
	bed.version = "Version 4.22.11-Debian-4.22.11\n";
	assert_int_equal(keytab(true), 0);
	dry = conf();
	assert_non_null(strstr(dry, "timeout = 0"));
	assert_true(bed.timer);
	assert_non_null(strstr(bed.shown, "-\tmachine password timeout = 0\n"));
	assert_non_null(strstr(bed.shown, "systemctl disable credsspd-machine-password.timer\n"));
	assert_int_equal(keytab(false), 0);
	text = conf();
	assert_string_equal(text, CONF SYNC "[homes]\n");
	assert_string_equal(bed.units, "disable stop ");
	assert_non_null(strstr(bed.ran, "net ads keytab create -P\nsmbcontrol winbindd reload-config\n"));
	assert_non_null(strstr(bed.shown, "-\tmachine password timeout = 0\n"));
	assert_non_null(strstr(bed.shown, "systemctl disable credsspd-machine-password.timer\n"));
	/* nothing is left to undo */
	assert_int_equal(keytab(false), 0);
	assert_string_equal(bed.units, "");
	assert_string_equal(bed.ran, "net ads setspn add RDP1 TERMSRV/rdp1.r.test -P\n"
				     "net ads setspn add RDP1 TERMSRV/RDP1 -P\nnet ads keytab create -P\n");
	assert_null(strstr(bed.shown, "timeout"));
}

/* Without the timer the setting is the administrator's. */
static void test_own_timeout(void **state)
{
	AUTO_FREE char *text = NULL;

	write_file("etc/samba/smb.conf", CONF SYNC "\tmachine password timeout = 0\n");
	assert_int_equal(keytab(false), 0);
	text = conf();
	assert_string_equal(text, CONF SYNC "\tmachine password timeout = 0\n");
	assert_string_equal(bed.units, "");
	assert_non_null(strstr(bed.shown, "never changes the machine's password"));
}

/* Without the timer the password would never be changed while the setting is in force. */
static void test_upgraded_partly(void **state)
{
	/* the later line is removed, the other one stays in force */
	write_file("etc/samba/smb.conf", CONF SYNC "\tmachine password timeout = 0\n\tmachine password timeout = 0\n");
	bed.timer = true;
	assert_int_equal(keytab(false), 0);
	assert_string_equal(bed.units, "");
	assert_true(bed.timer);
	assert_non_null(strstr(bed.shown, "set elsewhere again"));
	bed.failing = "disable";
	assert_int_equal(keytab(false), -EIO);
	assert_non_null(strstr(bed.problem, "no longer needed"));
	/* the next run removes it */
	bed.failing = NULL;
	assert_int_equal(keytab(false), 0);
	assert_string_equal(bed.units, "disable stop ");
}

/* Without the keys winbindd goes on changing the password. */
static void test_put_back_old(void **state)
{
	AUTO_FREE char *text = NULL;

	bed.version = "Version 4.17.12-Debian\n";
	bed.failing = "net ads keytab";
	assert_int_equal(keytab(false), -EIO);
	text = conf();
	assert_string_equal(text, CONF "[homes]\n");
	assert_string_equal(bed.ran, "smbcontrol winbindd reload-config\nsmbcontrol winbindd reload-config\n");
	assert_string_equal(bed.units, "");
}

static void test_refused(void **state)
{
	assert_int_equal(keytab_at("/etc/krb5.keytab", false), -EINVAL);
	assert_int_equal(keytab_at("/run/credsspd-keytab/keytab", false), -EINVAL);
	assert_int_equal(keytab_at("/etc/a:b", false), -EINVAL);
	bed.version = "Samba\n";
	assert_int_equal(keytab(false), -EBADMSG);
	bed.version = "Version 4.22.1";
	bed.failing = "net ads testjoin";
	assert_int_equal(keytab(false), -EIO);
	assert_non_null(strstr(bed.problem, "adcli"));
	bed.failing = NULL;
	write_file("etc/samba/smb.conf", "# nothing\n");
	assert_int_equal(keytab(false), -ENOENT);
	assert_non_null(strstr(bed.problem, "[global]"));
	/* nothing was changed that could be put back */
	assert_null(strstr(bed.shown, "put back"));
	assert_null(strstr(bed.ran, "smbcontrol"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_new, setup, teardown),
		cmocka_unit_test_setup_teardown(test_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_keytabs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dry_run, setup, teardown),
		cmocka_unit_test_setup_teardown(test_put_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_put_back_old, setup, teardown),
		cmocka_unit_test_setup_teardown(test_upgraded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_timeout, setup, teardown),
		cmocka_unit_test_setup_teardown(test_upgraded_partly, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
