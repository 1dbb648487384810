/* SPDX-License-Identifier: MIT */
/* Temporary caches are named cc.PID.RANDOM; PID is the application's. A file without its process was left by a kill. */
#include "pam_credssp/ccache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <security/pam_ext.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "pam_credssp/bus.h"
#include "pam_credssp/helper-run.h"
#include "pam_credssp/helper-status.h"

#define PREFIX "cc."

/* ---- the temporary cache ---- */

static bool is_stale(int directory, const char *name)
{
	struct stat st;
	char *end;
	long pid;

	if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0)
		return false;
	pid = strtol(name + sizeof PREFIX - 1, &end, 10);
	if (pid <= 0 || *end != '.' || fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return kill((pid_t)pid, 0) < 0 && errno == ESRCH && time(NULL) - st.st_mtime > CCACHE_STALE_SEC;
}

static void sweep(int directory)
{
	DIR *d = fdopendir(fcntl(directory, F_DUPFD_CLOEXEC, 0));
	const struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d)))
		if (is_stale(directory, e->d_name))
			(void)unlinkat(directory, e->d_name, 0);
	(void)closedir(d);
}

int ccache_prepare(struct logon_ccache *c)
{
	AUTO_CLOSE int directory = -1;
	unsigned char r[12];
	struct stat st;
	int n;

	logon_ccache_drop(c);
	if (mkdir(CCACHE_DIRECTORY, 0700) < 0 && errno != EEXIST)
		return -errno;
	directory = open(CCACHE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (directory < 0 || fstat(directory, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || st.st_mode & 077)
		return -EPERM;
	sweep(directory);
	if (getrandom(r, sizeof r, 0) != (ssize_t)sizeof r)
		return -EIO;
	n = snprintf(c->temporary, sizeof c->temporary, CCACHE_DIRECTORY "/" PREFIX "%d.", (int)getpid());
	for (size_t i = 0; i < sizeof r; i++)
		n += snprintf(c->temporary + n, sizeof c->temporary - (size_t)n, "%02x", r[i]);
	return 0;
}

int ccache_hand_on(pam_handle_t *pamh, const struct logon_ccache *c)
{
	char text[sizeof c->temporary + 32];

	if (c->own || !c->temporary[0])
		return PAM_SUCCESS;
	(void)snprintf(text, sizeof text, "PAM_KRB5CCNAME=FILE:%s", c->temporary);
	return pam_putenv(pamh, text);
}

/* ---- the user's cache ---- */

static void run(const char *mode, const char *user, const char *ccache, const char *ticket,
		struct helper_result *result)
{
	char a[3][ACCOUNT_NAME_MAX + 16];
	const char *argv[] = { PAM_HELPER_PATH, mode, a[0], a[1], a[2], NULL };

	_Static_assert(sizeof a[0] > CCACHE_NAME_MAX + sizeof "ccache=" &&
			   sizeof a[0] > HELPER_TICKET_MAX + sizeof "ticket=",
		       "every argument fits");
	(void)snprintf(a[0], sizeof a[0], "user=%s", user);
	(void)snprintf(a[1], sizeof a[1], "ccache=%s", ccache);
	(void)snprintf(a[2], sizeof a[2], "ticket=%s", ticket);
	helper_run(argv[0], argv, NULL, clock_msec() + PAM_VERIFY_TIMEOUT_DEFAULT_MSEC, result);
}

static int set_name(pam_handle_t *pamh, const struct logon_ccache *c)
{
	char text[sizeof c->name + 16];

	(void)snprintf(text, sizeof text, "KRB5CCNAME=%s", c->name);
	return pam_putenv(pamh, text) == PAM_SUCCESS ? PAM_SUCCESS : PAM_CRED_ERR;
}

int ccache_store(pam_handle_t *pamh, struct logon *l)
{
	const struct logon_redeemed *r = logon_redeemed(l);
	struct logon_ccache *c = logon_ccache(l);
	struct helper_result result;

	if (!c->own || !c->temporary[0])
		return PAM_SUCCESS;
	if (!logon_is_of_user(pamh, l)) {
		pam_syslog(pamh, LOG_WARNING, "no tickets for the session: PAM_USER is no longer user=%s logon=%llu",
			   r->user, (unsigned long long)r->logon);
		return PAM_CRED_ERR;
	}
	run("store", r->user, c->temporary, "", &result);
	if (result.status != HELPER_SUCCESS) {
		pam_syslog(pamh, LOG_WARNING, "no tickets for the session of user=%s logon=%llu: %s: %s", r->user,
			   (unsigned long long)r->logon, helper_status_text(result.status), result.detail);
		return PAM_CRED_ERR;
	}
	logon_ccache_drop(c);
	strcpy(c->name, result.ccache);
	strcpy(c->user, r->user);
	c->logon = r->logon;
	strcpy(c->ticket, result.ticket);
	return set_name(pamh, c);
}

void ccache_forget(pam_handle_t *pamh, struct logon *l)
{
	struct logon_ccache *c = logon_ccache(l);
	struct helper_result result;

	if (!c->name[0])
		return;
	run("forget", c->user, c->name, c->ticket, &result);
	if (result.status != HELPER_SUCCESS)
		pam_syslog(pamh, LOG_NOTICE, "the tickets of user=%s logon=%llu cannot be removed from %s: %s: %s",
			   c->user, (unsigned long long)c->logon, c->name, helper_status_text(result.status),
			   result.detail);
	c->name[0] = '\0';
	(void)pam_putenv(pamh, "KRB5CCNAME");
}
