/* SPDX-License-Identifier: MIT */
/* NTLM: the mechanism, its cryptography, and the store of local accounts. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <libgen.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "credsspd/ctl/check.h"
#include "credsspd/ctl/look.h"
#include "credsspd/ctl/manager.h"
#include "include/credssp/cleanup.h"

#define MECHANISMS "/etc/gss/mech.d"
#define NTLMSSP_OID "1.3.6.1.4.1.311.2.2.10"

static bool wanted(const struct facts *f)
{
	return f->has_config && f->config.ntlm != CONFIG_NTLM_OFF;
}

static bool wants_store(const struct facts *f)
{
	return f->has_config && f->config.ntlm == CONFIG_NTLM_LOCAL;
}

/* ---- gss-ntlmssp ---- */

/* The library that @path names for NTLMSSP, malloc'ed; NULL when it names none. */
static char *library_of(const char *path)
{
	AUTO_FCLOSE FILE *f = fopen(path, "re");
	char line[1024], *library = NULL;

	while (f && !library && fgets(line, sizeof line, f)) {
		char name[128], oid[128], file[512];

		if (line[0] != '#' && sscanf(line, "%127s %127s %511s", name, oid, file) == 3 &&
		    strcmp(oid, NTLMSSP_OID) == 0 &&
		    asprintf(&library, "%s%s", file[0] == '/' ? "" : LIBRARY_DIR "/gss/", file) < 0)
			library = NULL;
	}
	return library;
}

/* As libgssapi does: the files of the directory that end in .conf. */
static char *find_library(void)
{
	DIR *d = opendir(MECHANISMS);
	char *library = NULL;
	struct dirent *e;

	while (d && !library && (e = readdir(d))) {
		AUTO_FREE char *path = NULL;
		size_t n = strlen(e->d_name);

		if (n < 5 || strcmp(e->d_name + n - 5, ".conf") != 0)
			continue;
		if (asprintf(&path, MECHANISMS "/%s", e->d_name) < 0)
			path = NULL;
		library = path ? library_of(path) : NULL;
	}
	if (d)
		(void)closedir(d);
	return library;
}

static enum check_result ntlm_mechanism(struct facts *f, struct finding *found)
{
	AUTO_FREE char *library = wanted(f) ? find_library() : NULL;
	void *loaded;

	if (!wanted(f))
		return CHECK_NONE;
	(void)check_looked(found, "NTLMSSP in " MECHANISMS ": %s", library ? library : "not there");
	loaded = library ? dlopen(library, RTLD_NOW | RTLD_LOCAL) : NULL;
	if (loaded) {
		(void)dlclose(loaded);
		return CHECK_OK;
	}
	(void)check_wrong(found, "%s", library ? dlerror() : "libgssapi knows no NTLM");
	return check_remedy(found, "apt install gss-ntlmssp, then: systemctl restart credsspd");
}

/* As credsspd tries it when it starts (credsspd/worker/preload.c). */
static enum check_result ntlm_crypto(struct facts *f, struct finding *found)
{
	unsigned char in[16] = { 0 }, out[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (!wanted(f))
		return CHECK_NONE;
	(void)check_looked(found, "HMAC-MD5 of OpenSSL");
	if (HMAC(EVP_md5(), in, sizeof in, in, sizeof in, out, &len))
		return CHECK_OK;
	(void)check_wrong(found, "it refuses (FIPS mode?), and there is no NTLM without it");
	return check_remedy(found, "ntlm = off in %s, and Kerberos", CONFIG_PATH_DEFAULT);
}

/* ---- the store ---- */

/* What store_open() wants of file and directory. */
static enum check_result ntlm_store(struct facts *f, struct finding *found)
{
	AUTO_FREE char *copy = wants_store(f) ? strdup(f->config.ntlm_store) : NULL;
	struct passwd *pw = getpwnam(DAEMON_USER);
	const char *dir = copy ? dirname(copy) : NULL;
	struct stat file, directory;

	if (!dir || !pw)
		return CHECK_NONE;
	(void)check_looked(found, "NTLM store %s", f->config.ntlm_store);
	if (stat(dir, &directory) < 0) {
		(void)check_wrong(found, "its directory: %s", strerror(errno));
		return check_remedy(found, "install -d -o %s -g %s -m 0700 %s", DAEMON_USER, DAEMON_USER, dir);
	}
	if (directory.st_mode & (S_IWGRP | S_IWOTH) || (directory.st_uid != pw->pw_uid && directory.st_uid != 0)) {
		(void)check_wrong(found, "others can change its directory");
		return check_remedy(found, "chown %s %s && chmod 0700 %s", DAEMON_USER, dir, dir);
	}
	if (lstat(f->config.ntlm_store, &file) < 0) /* nobody has a record: ntlm-records */
		return errno == ENOENT ? CHECK_OK : CHECK_NONE;
	if (S_ISREG(file.st_mode) && file.st_uid == pw->pw_uid && !(file.st_mode & (S_IRWXG | S_IRWXO)))
		return CHECK_OK;
	(void)check_wrong(found, "it is not a file of %s's alone; a hash in it is as good as the password",
			  DAEMON_USER);
	return check_remedy(found, "chown %s %s && chmod 0600 %s, and new passwords if it was read", DAEMON_USER,
			    f->config.ntlm_store, f->config.ntlm_store);
}

/* The names in the store; -errno when the daemon does not say. */
static int records(struct facts *f, sd_bus_message **ret_reply)
{
	CLEANUP(manager_done) struct manager m = MANAGER_NULL;
	int r;

	if (!wants_store(f) || !f->bus || !f->has_daemon)
		return -ENOTCONN;
	m.bus = sd_bus_ref(f->bus);
	r = manager_list_verifiers(&m, ret_reply);
	if (r >= 0)
		r = sd_bus_message_enter_container(*ret_reply, 'a', "s");
	m.bus = sd_bus_unref(m.bus); /* the facts' connection stays open */
	return r;
}

static enum check_result ntlm_records(struct facts *f, struct finding *found)
{
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	const char *name;

	if (records(f, &reply) < 0)
		return CHECK_NONE;
	(void)check_looked(found, "records in the NTLM store");
	if (sd_bus_message_read(reply, "s", &name) > 0)
		return CHECK_OK;
	(void)check_wrong(found, "there are none: nobody can log on with NTLM");
	return check_remedy(found, "credsspctl ntlm set USER, for each user");
}

static enum check_result ntlm_accounts(struct facts *f, struct finding *found)
{
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	AUTO_FREE char *gone = NULL;
	const char *name;
	unsigned n = 0;

	if (records(f, &reply) < 0)
		return CHECK_NONE;
	while (sd_bus_message_read(reply, "s", &name) > 0) {
		if (!look_no_user(name))
			continue;
		n++;
		if (!gone)
			gone = strdup(name);
	}
	(void)check_looked(found, "accounts of the NTLM store");
	if (n == 0)
		return CHECK_OK;
	(void)check_wrong(found, "%u of them are gone, %s for one", n, gone ? gone : "");
	return check_remedy(found, "credsspctl ntlm delete %s", gone ? gone : "USER");
}

struct check_area check_ntlm_area(void)
{
	static const struct check_row rows[] = {
		{ "ntlm-mechanism", CHECK_ERROR, ntlm_mechanism }, { "ntlm-crypto", CHECK_ERROR, ntlm_crypto },
		{ "ntlm-store", CHECK_ERROR, ntlm_store },         { "ntlm-records", CHECK_WARNING, ntlm_records },
		{ "ntlm-accounts", CHECK_WARNING, ntlm_accounts },
	};

	return (struct check_area){ rows, sizeof rows / sizeof *rows };
}
