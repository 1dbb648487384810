/* SPDX-License-Identifier: MIT */
/* NTLM: its cryptography, and the store of local accounts. */
#include <errno.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/cleanup.h"
#include "common/wire/ntlm-crypto.h"
#include "credsspctl/check/check.h"
#include "credsspctl/host/manager.h"
#include "credsspctl/host/proc-probe.h"

static bool wanted(const struct check_context *ctx)
{
	return ctx->has_config && ctx->config.ntlm != CONFIG_NTLM_OFF;
}

static bool wants_store(const struct check_context *ctx)
{
	return ctx->has_config && ctx->config.ntlm == CONFIG_NTLM_LOCAL;
}

/* ---- cryptography ---- */

/* Loads the algorithms as template and verifier do at their start. */
static enum check_result ntlm_crypto(struct check_context *ctx, struct finding *found)
{
	const char *error;

	if (!wanted(ctx))
		return CHECK_NONE;
	(void)check_looked(found, "MD4, MD5 and RC4 of OpenSSL");
	if (ntlm_crypto_init(&error) == 0)
		return CHECK_OK;
	(void)check_wrong(found, "%s: NTLM does not work without it", error);
	return check_remedy(found,
			    "apt install openssl-provider-legacy where it is a package of its own, then: systemctl "
			    "restart credsspd; in FIPS mode: ntlm = off in %s, and Kerberos",
			    CONFIG_PATH_DEFAULT);
}

/* ---- the store ---- */

/* Checks owner and mode of file and directory, as store_open() does. */
static enum check_result ntlm_store(struct check_context *ctx, struct finding *found)
{
	AUTO_FREE char *copy = wants_store(ctx) ? strdup(ctx->config.ntlm_store) : NULL;
	struct passwd *pw = getpwnam(STORE_USER);
	const char *dir = copy ? dirname(copy) : NULL;
	struct stat file, directory;

	if (!dir || !pw)
		return CHECK_NONE;
	(void)check_looked(found, "NTLM store %s", ctx->config.ntlm_store);
	if (stat(dir, &directory) < 0) {
		(void)check_wrong(found, "its directory: %s", strerror(errno));
		return check_remedy(found, "install -d -o %s -g %s -m 0700 %s", STORE_USER, STORE_USER, dir);
	}
	if (directory.st_mode & (S_IWGRP | S_IWOTH) || (directory.st_uid != pw->pw_uid && directory.st_uid != 0)) {
		(void)check_wrong(found, "others can change its directory");
		return check_remedy(found, "chown %s %s && chmod 0700 %s", STORE_USER, dir, dir);
	}
	if (lstat(ctx->config.ntlm_store, &file) < 0) /* a missing file is an empty store: the finding ntlm-records */
		return errno == ENOENT ? CHECK_OK : CHECK_NONE;
	if (S_ISREG(file.st_mode) && file.st_uid == pw->pw_uid && !(file.st_mode & (S_IRWXG | S_IRWXO)))
		return CHECK_OK;
	(void)check_wrong(found, "users other than %s can use it; a hash in it is as good as the password", STORE_USER);
	return check_remedy(found, "chown %s %s && chmod 0600 %s, and new passwords if it was read", STORE_USER,
			    ctx->config.ntlm_store, ctx->config.ntlm_store);
}

/* Asks credsspd for the names in the store. Returns 0, or -errno without an answer. */
static int records(struct check_context *ctx, sd_bus_message **ret_reply)
{
	CLEANUP(manager_done) struct manager m = MANAGER_NULL;
	int r;

	if (!wants_store(ctx) || !ctx->bus || !ctx->has_daemon)
		return -ENOTCONN;
	m.bus = sd_bus_ref(ctx->bus);
	r = manager_list_verifiers(&m, ret_reply);
	if (r >= 0)
		r = sd_bus_message_enter_container(*ret_reply, 'a', "s");
	m.bus = sd_bus_unref(m.bus); /* the facts' connection stays open */
	return r;
}

static enum check_result ntlm_records(struct check_context *ctx, struct finding *found)
{
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	const char *name;

	if (records(ctx, &reply) < 0)
		return CHECK_NONE;
	(void)check_looked(found, "records in the NTLM store");
	if (sd_bus_message_read(reply, "s", &name) > 0)
		return CHECK_OK;
	(void)check_wrong(found, "the store is empty: every logon with NTLM fails");
	return check_remedy(found, "credsspctl ntlm set USER, for each user");
}

static enum check_result ntlm_accounts(struct check_context *ctx, struct finding *found)
{
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	AUTO_FREE char *gone = NULL;
	const char *name;
	unsigned n = 0;

	if (records(ctx, &reply) < 0)
		return CHECK_NONE;
	while (sd_bus_message_read(reply, "s", &name) > 0) {
		if (!proc_probe_no_user(name))
			continue;
		n++;
		if (!gone)
			gone = strdup(name);
	}
	(void)check_looked(found, "accounts of the NTLM store");
	if (n == 0)
		return CHECK_OK;
	(void)check_wrong(found, "%u of the accounts do not exist any more, for example %s", n, gone ? gone : "");
	return check_remedy(found, "credsspctl ntlm delete %s", gone ? gone : "USER");
}

struct check_area check_ntlm_area(void)
{
	static const struct check_row rows[] = {
		{ "ntlm-crypto", CHECK_ERROR, ntlm_crypto },
		{ "ntlm-store", CHECK_ERROR, ntlm_store },
		{ "ntlm-records", CHECK_WARNING, ntlm_records },
		{ "ntlm-accounts", CHECK_WARNING, ntlm_accounts },
	};

	return (struct check_area){ rows, sizeof rows / sizeof *rows };
}
