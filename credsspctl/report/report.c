/* SPDX-License-Identifier: MIT */
#include "credsspctl/report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/config/config.h"
#include "credsspctl/check/check.h"
#include "credsspctl/host/atomic-file.h"
#include "credsspctl/host/exit-status.h"
#include "credsspctl/host/manager.h"
#include "credsspctl/host/print-dbus.h"
#include "credsspctl/host/program.h"
#include "credsspctl/report/report-text.h"

static void heading(const char *text)
{
	(void)printf("\n== %s\n", text);
}

/* ---- versions ---- */

static void print_os_release(void)
{
	CLEANUP(file_text_done) struct file_text t = FILE_TEXT_NULL;
	const char *name;

	if (atomic_file_read(AT_FDCWD, "/usr/lib/os-release", &t) < 0)
		return;
	name = strstr(t.data, "PRETTY_NAME=");
	if (name)
		(void)printf("  %.*s\n", (int)strcspn(name, "\n"), name);
}

static void print_packages(void)
{
	static const char *const argv[] = { "dpkg-query", "-W",        "credsspd*", "libpam-credssp*", "xrdp",
					    "xorgxrdp",   "libkrb5-3", "libssl3*",  "systemd",         "dbus*",
					    "samba",      "winbind",   "sssd-ad",   "libpam-*",        NULL };
	AUTO_FREE char *text = NULL;
	char *rest;

	if (program_run(argv, &text) < 0)
		return;
	rest = text;
	/* a package that is not installed has no version */
	for (char *line; (line = strsep(&rest, "\n"));)
		if (strncmp(line, "dpkg-query:", 11) != 0 && strchr(line, '\t') && strchr(line, '\t')[1])
			(void)printf("  %s\n", line);
}

static void print_versions(void)
{
	struct utsname u;

	heading("versions");
	(void)printf("  credsspctl %s\n", CREDSSP_VERSION);
	(void)printf("  %s\n", OpenSSL_version(OPENSSL_VERSION));
	if (uname(&u) == 0)
		(void)printf("  %s %s %s\n", u.sysname, u.release, u.machine);
	print_os_release();
	print_packages();
}

/* ---- configuration ---- */

static void print_file(const char *path)
{
	CLEANUP(file_text_done) struct file_text t = FILE_TEXT_NULL;
	int r = atomic_file_read(AT_FDCWD, path, &t);

	if (r == -ENOENT)
		return;
	heading(path);
	if (r < 0)
		(void)printf("  cannot be read: %s\n", strerror(-r));
	else
		report_print_configuration(stdout, t.data);
}

static void print_configuration(void)
{
	static const char *const patterns[] = { CONFIG_PATH_DEFAULT,
						"/etc/credsspd.conf.d/*",
						"/etc/pam.d/xrdp-sesman",
						"/etc/pam.d/common-auth",
						"/etc/pam.d/common-account",
						"/etc/pam.d/common-session",
						"/etc/xrdp/xrdp.ini",
						"/etc/systemd/system/credsspd*.service.d/*.conf",
						"/etc/systemd/system/xrdp*.service.d/*.conf" };

	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		glob_t found;

		if (glob(patterns[i], 0, NULL, &found) == 0)
			for (size_t k = 0; k < found.gl_pathc; k++)
				print_file(found.gl_pathv[k]);
		globfree(&found);
	}
}

/* ---- the daemon ---- */

static void print_status(void)
{
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	CLEANUP(manager_done) struct manager m = MANAGER_NULL;

	heading("status");
	if (manager_open(&m) < 0 || manager_status(&m, &reply) < 0)
		(void)printf("  no answer: %s\n", manager_problem(&m, NULL));
	else
		(void)print_dbus_text(stdout, reply);
}

static void print_log(void)
{
	static const char *const argv[] = { "journalctl",   "--no-pager", "-q",          "-n", "60",           "-p",
					    "notice",       "-o",         "short-iso",   "-t", "credsspd",     "-t",
					    "credsspd-rdp", "-t",         "xrdp-sesman", "-t", "xrdp-sesexec", NULL };
	AUTO_FREE char *text = NULL;
	int r = program_run(argv, &text);

	heading("the last 60 lines of the log");
	if (r < 0)
		(void)printf("  journalctl cannot be run: %s\n", strerror(-r));
	else
		report_print_log(stdout, text);
}

int report_run(char *const *names)
{
	char at[32] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (geteuid() != 0) {
		(void)fputs("credsspctl: report: it reads files that only root can read: run it as root\n", stderr);
		return CTL_USAGE;
	}
	if (gmtime_r(&now, &tm))
		(void)strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", &tm);
	(void)printf("credsspctl report, %s\n"
		     "Left out: passwords and keys, comments, names and addresses in the log. Names of hosts, domains "
		     "and files\n"
		     "are here: read it before you publish it.\n",
		     at);
	print_versions();
	print_configuration();
	print_status();
	heading("check");
	(void)check_run(names, false);
	print_log();
	return CTL_OK;
}
