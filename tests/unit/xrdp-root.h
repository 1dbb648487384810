/* SPDX-License-Identifier: MIT */
/* A root directory of its own with xrdp's two files and what is shipped; systemctl writes down what it is asked. */
#pragma once

#pragma GCC diagnostic ignored "-Wunused-function"

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

static void outdated(const struct world *w, const char *path)
{
	const char *got;

	assert_int_equal(xrdp_outdated(w->host.root, &got), 0);
	if (path)
		assert_string_equal(got, path);
	else
		assert_null(got);
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
