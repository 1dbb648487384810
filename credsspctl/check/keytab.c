/* SPDX-License-Identifier: MIT */
/* The keys of this server, and krb5.conf: the checks that need no KDC. */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/kerberos/enctypes.h"
#include "credsspctl/check/check.h"
#include "credsspctl/check/kerberos.h"
#include "credsspctl/host/proc-probe.h"

#define SERVICE "TERMSRV"
#define HOST_KEYTAB "/etc/krb5.keytab" /* owned by root */

static bool wanted(const struct check_context *ctx)
{
	return ctx->has_config && ctx->config.kerberos != CONFIG_KERBEROS_OFF;
}

/* ---- krb5.conf ---- */

static enum check_result krb5_conf(struct check_context *ctx, struct finding *found)
{
	krb5_context k = NULL;
	char *realm = NULL;
	krb5_error_code code;

	if (!wanted(ctx))
		return CHECK_NONE;
	(void)check_looked(found, "krb5.conf");
	code = krb5_init_context(&k);
	if (code == 0)
		code = krb5_get_default_realm(k, &realm);
	if (code) {
		AUTO_FREE char *text = kerberos_text(k, code);

		(void)check_wrong(found, "%s", text ? text : "cannot be used");
		(void)check_remedy(found,
				   "in [libdefaults] of /etc/krb5.conf: default_realm = REALM; see krb5.conf(5)");
	} else {
		(void)check_looked(found, "krb5.conf, realm %s", realm);
	}
	krb5_free_default_realm(k, realm);
	if (k)
		krb5_free_context(k);
	return code ? CHECK_BAD : CHECK_OK;
}

/* Returns whether krb5_conf() finds nothing wrong. */
static bool krb5_conf_is_well(void)
{
	krb5_context k = NULL;
	char *realm = NULL;
	bool well = krb5_init_context(&k) == 0 && krb5_get_default_realm(k, &realm) == 0;

	krb5_free_default_realm(k, realm);
	if (k)
		krb5_free_context(k);
	return well;
}

/* With rdns or dns_canonicalize_hostname libkrb5 may use another name for this host. */
static enum check_result krb5_host_name(struct check_context *ctx, struct finding *found)
{
	struct kerberos *b = kerberos_get(ctx);
	krb5_principal p = NULL;
	bool same;

	if (!b || krb5_sname_to_principal(b->k, ctx->fqdn, "host", KRB5_NT_SRV_HST, &p) != 0)
		return CHECK_NONE;
	(void)check_looked(found, "libkrb5's name for %s", ctx->fqdn);
	same = p->length == 2 && p->data[1].length == strlen(ctx->fqdn) &&
	       strncasecmp(p->data[1].data, ctx->fqdn, p->data[1].length) == 0;
	if (!same && p->length == 2)
		(void)check_wrong(found,
				  "it is %.*s, by way of DNS or /etc/hosts: keys for the right name are not found",
				  (int)p->data[1].length, p->data[1].data);
	krb5_free_principal(b->k, p);
	if (same)
		return CHECK_OK;
	return check_remedy(found,
			    "in [libdefaults] of /etc/krb5.conf: rdns = false and dns_canonicalize_hostname = false");
}

/* Checks that principals of the keytab's realm map to accounts. In a domain credsspd does not use localauth. */
static enum check_result localauth(struct check_context *ctx, struct finding *found)
{
	struct kerberos *b = kerberos_get(ctx);
	krb5_principal p = NULL;
	char name[256];
	const char *realm;
	krb5_error_code code;

	if (!b || config_is_domain(&ctx->config, b->keys.p[0].realm) || !krb5_conf_is_well())
		return CHECK_NONE;
	realm = b->keys.p[0].realm;
	if (krb5_build_principal(b->k, &p, (unsigned)strlen(realm), realm, "user", (char *)NULL) != 0)
		return CHECK_NONE;
	code = krb5_aname_to_localname(b->k, p, (int)sizeof name, name);
	krb5_free_principal(b->k, p);
	(void)check_looked(found, "auth_to_local and localauth for user@%s", realm);
	if (code == 0)
		return CHECK_OK;
	(void)check_wrong(found, "principals of that realm mean no account of this host");
	return check_remedy(found,
			    "in /etc/krb5.conf: default_realm = %s, or auth_to_local; in a domain: domains in %s",
			    realm, CONFIG_PATH_DEFAULT);
}

/* ---- the keytab ---- */

/* Returns whether credsspd owns the file and its mode lets it read: then a directory above the file is closed. */
static bool is_own_file(const char *path)
{
	const struct passwd *pw = getpwnam(DAEMON_USER);
	struct stat st;

	return pw && stat(path, &st) == 0 && st.st_uid == pw->pw_uid && st.st_mode & S_IRUSR;
}

static enum check_result keytab(struct check_context *ctx, struct finding *found)
{
	int r;

	if (!wanted(ctx) || !getpwnam(DAEMON_USER))
		return CHECK_NONE;
	(void)check_looked(found, "keytab %s", ctx->config.keytab);
	r = proc_probe_access(DAEMON_USER, ctx->daemon_pid, ctx->config.keytab, R_OK);
	if (r == 0 && kerberos_get(ctx))
		return check_looked(found, "keytab %s, %zu keys", ctx->config.keytab, kerberos_get(ctx)->keys.n);
	if (r == 0 && !krb5_conf_is_well())
		return CHECK_NONE;
	if (r == 0) {
		(void)check_wrong(found, "there are no keys in it, or it is no keytab");
		return check_remedy(found, "klist -ket %s", ctx->config.keytab);
	}
	(void)check_wrong(found, "user %s cannot read it: %s", DAEMON_USER, strerror(-r));
	if (r == -EACCES && strcmp(ctx->config.keytab, HOST_KEYTAB) != 0 && !is_own_file(ctx->config.keytab))
		return check_remedy(found, "chown %s %s", DAEMON_USER, ctx->config.keytab);
	if (r == -EACCES && strcmp(ctx->config.keytab, HOST_KEYTAB) != 0)
		return check_remedy(found,
				    "a directory above it is closed to %s: mv %s /etc/credsspd.keytab and "
				    "keytab = /etc/credsspd.keytab in %s",
				    DAEMON_USER, ctx->config.keytab, CONFIG_PATH_DEFAULT);
	return check_remedy(
	    found,
	    "install -o %s -m 0400 FILE /etc/credsspd.keytab and keytab = /etc/credsspd.keytab in %s, or "
	    "credsspd-keytab.path: see keytab in credsspd.conf(5)",
	    DAEMON_USER, CONFIG_PATH_DEFAULT);
}

static enum check_result keytab_mode(struct check_context *ctx, struct finding *found)
{
	struct stat st;

	if (!wanted(ctx) || stat(ctx->config.keytab, &st) < 0)
		return CHECK_NONE;
	(void)check_looked(found, "keytab %s, mode %04o", ctx->config.keytab, st.st_mode & 07777);
	if (!(st.st_mode & (S_IRWXO | S_IWGRP)))
		return CHECK_OK;
	(void)check_wrong(found, "other users can use it, and a user with this server's key can pose as this server");
	return check_remedy(found, "chmod 0400 %s, and new keys if it was read", ctx->config.keytab);
}

/* Returns NULL also when TERMSRV/ keys are not used, because the machine account's ticket serves all its names. */
static struct kerberos *with_names(struct check_context *ctx)
{
	struct kerberos *b = kerberos_get(ctx);

	return b && ctx->config.kerberos == CONFIG_KERBEROS_USER_TO_USER && keys_find_machine(&b->keys) ? NULL : b;
}

/* Returns the first name that clients use and the keytab has no key for, or NULL. */
static const char *missing_name(const struct check_context *ctx, const struct kerberos *b)
{
	if (!keys_find(&b->keys, SERVICE, ctx->fqdn))
		return ctx->fqdn;
	for (char *const *n = ctx->names; n && *n; n++)
		if (!keys_find(&b->keys, SERVICE, *n))
			return *n;
	return NULL;
}

static bool is_own_name(const struct check_context *ctx, const char *name)
{
	return strcmp(name, ctx->fqdn) == 0 || strcmp(name, ctx->host) == 0;
}

enum check_result check_remedy_keytab(struct finding *found, const struct check_context *ctx, const char *name)
{
	const char *file = ctx->config.keytab;

	if (!ctx->config.domains[0])
		return check_remedy(
		    found, "kadmin: ktadd -k %s %s/%s; FreeIPA: ipa-getkeytab -p %s/%s -k %s; then chown %s %s", file,
		    SERVICE, name, SERVICE, name, file, DAEMON_USER, file);
	if (!is_own_name(ctx, name))
		return check_remedy(found,
				    "export the keys of the account that owns the name (ktpass, samba-tool domain "
				    "exportkeytab) and add them to %s on every node; " AD_PAGE,
				    file);
	return check_remedy(
	    found,
	    "with winbind: credsspctl ad keytab; with SSSD: adcli update --add-service-principal=%s/%s, and a "
	    "copy of its keytab by credsspd-keytab.path",
	    SERVICE, name);
}

static enum check_result add_key(struct finding *found, const struct check_context *ctx, const char *name)
{
	(void)check_wrong(found, "no key %s/%s: clients that connect to that name cannot use Kerberos", SERVICE, name);
	return check_remedy_keytab(found, ctx, name);
}

static enum check_result keytab_names(struct check_context *ctx, struct finding *found)
{
	struct kerberos *b = with_names(ctx);
	const char *missing = b ? missing_name(ctx, b) : NULL;

	if (!b)
		return CHECK_NONE;
	(void)check_looked(found, "keys %s/ in %s", SERVICE, ctx->config.keytab);
	return missing ? add_key(found, ctx, missing) : CHECK_OK;
}

static enum check_result keytab_short_name(struct check_context *ctx, struct finding *found)
{
	struct kerberos *b = with_names(ctx);

	if (!b || strcmp(ctx->host, ctx->fqdn) == 0)
		return CHECK_NONE;
	(void)check_looked(found, "key %s/%s in %s", SERVICE, ctx->host, ctx->config.keytab);
	return keys_find(&b->keys, SERVICE, ctx->host) ? CHECK_OK : add_key(found, ctx, ctx->host);
}

static enum check_result keytab_enctypes(struct check_context *ctx, struct finding *found)
{
	struct kerberos *b = kerberos_get(ctx);

	if (!b)
		return CHECK_NONE;
	(void)check_looked(found, "types of the keys in %s", ctx->config.keytab);
	for (size_t i = 0; i < b->keys.n; i++) {
		const struct key *key = &b->keys.p[i];
		const char *host = strchr(key->name, '/');

		if (!host || strncasecmp(key->name, SERVICE "/", sizeof SERVICE) != 0 ||
		    key_is_aes(keys_find(&b->keys, SERVICE, host + 1)))
			continue;
		(void)check_wrong(found, "%s has no AES key, and others are not used", key->name);
		return check_remedy(found,
				    "kadmin: ktadd -k %s -e aes256-cts:normal %s; Active Directory: "
				    "msDS-SupportedEncryptionTypes = 24 and new keys",
				    ctx->config.keytab, key->name);
	}
	return CHECK_OK;
}

/* krb5.conf may permit fewer encryption types than the keytab has. */
static enum check_result keytab_permitted(struct check_context *ctx, struct finding *found)
{
	struct kerberos *b = kerberos_get(ctx);
	krb5_enctype permitted[AES_ENCTYPES_MAX];
	unsigned n = b ? enctypes_permitted(b->k, permitted) : 0;
	bool has_aes = false;

	if (!b)
		return CHECK_NONE;
	(void)check_looked(found, "keytab %s, and permitted_enctypes of krb5.conf", ctx->config.keytab);
	for (size_t i = 0; i < b->keys.n; i++) {
		if (!key_is_aes(&b->keys.p[i]))
			continue;
		has_aes = true;
		for (unsigned e = 0; e < n; e++)
			if (permitted[e] == b->keys.p[i].enctype)
				return CHECK_OK;
	}
	if (!has_aes)
		return CHECK_NONE; /* keytab_enctypes() */
	(void)check_wrong(found, "krb5.conf does not permit the types of its AES keys: credsspd refuses every ticket");
	return check_remedy(
	    found,
	    "in [libdefaults] of /etc/krb5.conf: permitted_enctypes with a type that klist -e -k %s lists, "
	    "or new keys of a type that is permitted",
	    ctx->config.keytab);
}

/* The host key verifies tickets of remote guard and PKINIT. */
static enum check_result host_key(struct check_context *ctx, struct finding *found)
{
	struct kerberos *b = kerberos_get(ctx);
	struct keys keys = { .p = NULL };
	char name[1024];
	bool there;

	if (!b || (ctx->config.remote_guard == CONFIG_REMOTE_GUARD_REFUSE && !kerberos_has_cards(ctx)) ||
	    krb5_kt_default_name(b->k, name, (int)sizeof name) != 0)
		return CHECK_NONE;
	(void)check_looked(found, "key host/%s in %s", ctx->fqdn, name);
	there = keys_read(b->k, name, &keys) == 0 && keys_find(&keys, "host", ctx->fqdn);
	keys_done(&keys);
	if (there)
		return CHECK_OK;
	(void)check_wrong(found, "there is no such key: tickets of remote guard and smart cards cannot be verified");
	return check_remedy(found, "kadmin: ktadd host/%s", ctx->fqdn);
}

struct check_area check_keytab_area(void)
{
	static const struct check_row rows[] = {
		{ "krb5-conf", CHECK_ERROR, krb5_conf },
		{ "keytab", CHECK_ERROR, keytab },
		{ "keytab-mode", CHECK_ERROR, keytab_mode },
		{ "keytab-names", CHECK_ERROR, keytab_names },
		{ "keytab-short-name", CHECK_WARNING, keytab_short_name },
		{ "keytab-enctypes", CHECK_ERROR, keytab_enctypes },
		{ "keytab-permitted", CHECK_ERROR, keytab_permitted },
		{ "host-key", CHECK_ERROR, host_key },
		{ "krb5-host-name", CHECK_WARNING, krb5_host_name },
		{ "localauth", CHECK_WARNING, localauth },
	};

	return (struct check_area){ rows, sizeof rows / sizeof *rows };
}
