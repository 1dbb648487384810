/* SPDX-License-Identifier: MIT */
/* Active Directory: winbindd, and the names of the domain in the configuration. */
#include <grp.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "credsspctl/check/check.h"
#include "credsspctl/check/kerberos.h"
#include "credsspctl/host/proc-probe.h"
#include "credsspctl/host/winbindd.h"

#define WINBINDD "/usr/sbin/winbindd"
#define PIPE_DIRECTORY "/var/lib/samba/winbindd_privileged"

static bool wants_winbind(const struct check_context *ctx)
{
	return ctx->has_config && ctx->config.ntlm == CONFIG_NTLM_WINBIND;
}

/* Asks winbindd, once. Returns NULL when the configuration does not use it. */
static const struct winbindd *winbindd(const struct check_context *ctx)
{
	static struct winbindd w;
	static bool asked;

	if (!wants_winbind(ctx))
		return NULL;
	if (!asked)
		winbindd_ask(&w);
	asked = true;
	return &w;
}

/* Returns NULL when winbindd does not answer; winbind() reports that. */
static const struct winbindd *answering(const struct check_context *ctx)
{
	const struct winbindd *w = winbindd(ctx);

	return w && w->answers ? w : NULL;
}

static enum check_result winbind(struct check_context *ctx, struct finding *found)
{
	const struct winbindd *w = winbindd(ctx);

	if (!w)
		return CHECK_NONE;
	(void)check_looked(found, "winbindd");
	if (w->answers)
		return CHECK_OK;
	(void)check_wrong(found, "%s", w->trouble);
	if (access(WINBINDD, X_OK) < 0)
		return check_remedy(found, "apt install winbind, and join the domain: net ads join -U Administrator");
	return check_remedy(found, "systemctl status winbind; wbinfo -p");
}

static enum check_result winbind_controller(struct check_context *ctx, struct finding *found)
{
	const struct winbindd *w = answering(ctx);

	if (!w)
		return CHECK_NONE;
	(void)check_looked(found, "a controller of the domain %s", w->domain);
	if (w->has_controller)
		return CHECK_OK;
	(void)check_wrong(found, "%s", w->controller_trouble);
	return check_remedy(found, "wbinfo --ping-dc, net ads testjoin; net ads join when the host's account is lost");
}

/* Checks the groups of the process, not of the account, because its unit adds the group. */
static enum check_result winbind_pipe(struct check_context *ctx, struct finding *found)
{
	pid_t pid = proc_probe_process_of(STORE_USER, "credsspd");
	struct group *group;
	struct stat st;

	if (!wants_winbind(ctx) || !ctx->has_daemon || pid == 0 || stat(PIPE_DIRECTORY, &st) < 0)
		return CHECK_NONE;
	(void)check_looked(found, PIPE_DIRECTORY " and the groups of credsspd-ntlm");
	if (proc_probe_in_group(pid, st.st_gid))
		return CHECK_OK;
	group = getgrgid(st.st_gid);
	(void)check_wrong(found, "credsspd-ntlm is not in group %s: winbindd refuses to verify NTLM for it",
			  group ? group->gr_name : "winbindd_priv");
	return check_remedy(
	    found, "systemctl edit credsspd-ntlm: [Service] SupplementaryGroups=%s; systemctl restart credsspd",
	    group ? group->gr_name : "winbindd_priv");
}

static enum check_result winbind_domain(struct check_context *ctx, struct finding *found)
{
	const struct winbindd *w = answering(ctx);

	if (!w || !ctx->config.domains[0])
		return CHECK_NONE;
	(void)check_looked(found, "%s: domains, and winbindd's %s", CONFIG_PATH_DEFAULT, w->domain);
	if (strcasecmp(ctx->config.domains[0], w->domain) == 0)
		return CHECK_OK;
	(void)check_wrong(found, "the first one is %s, and has to be the host's own", ctx->config.domains[0]);
	return check_remedy(found, "in [credsspd]: domains = %s %s ..., then: credsspctl reload", w->domain,
			    w->dns_domain);
}

/* Domain controllers compare the NetBIOS name with the name in the client's NTLM messages. */
static enum check_result winbind_name(struct check_context *ctx, struct finding *found)
{
	const struct winbindd *w = answering(ctx);

	if (!w)
		return CHECK_NONE;
	(void)check_looked(found, "this host's NetBIOS name %s", w->netbios_name);
	if (strcasecmp(w->netbios_name, ctx->host) == 0)
		return CHECK_OK;
	(void)check_wrong(found, "the host is called %s: domain controllers refuse NTLM", ctx->host);
	return check_remedy(found, "hostnamectl set-hostname, or netbios name = %s in smb.conf and net ads join",
			    ctx->host);
}

/* Tickets of a realm that is not in domains are refused: they mean no account of this host. */
static enum check_result domain_realm(struct check_context *ctx, struct finding *found)
{
	struct kerberos *b = kerberos_get(ctx);

	if (!b || !ctx->config.domains[0])
		return CHECK_NONE;
	(void)check_looked(found, "%s: domains, and the keytab's realm %s", CONFIG_PATH_DEFAULT, b->keys.p[0].realm);
	if (config_is_domain(&ctx->config, b->keys.p[0].realm))
		return CHECK_OK;
	(void)check_wrong(found,
			  "the realm is not among them: Kerberos logons of its users are refused (reason=domain)");
	return check_remedy(found, "in [credsspd]: domains = %s %s, then: credsspctl reload", ctx->config.domains[0],
			    b->keys.p[0].realm);
}

static enum check_result domains(struct check_context *ctx, struct finding *found)
{
	struct kerberos *b = kerberos_get(ctx);

	if (!b || !keys_find_machine(&b->keys))
		return CHECK_NONE;
	(void)check_looked(found, "%s: domains; the keytab has the key of a machine in a domain", CONFIG_PATH_DEFAULT);
	if (ctx->config.domains[0])
		return CHECK_OK;
	(void)check_wrong(found,
			  "it is empty: Kerberos logons of user@%s are refused (reason=domain), unless krb5.conf maps "
			  "them to accounts by name or rule",
			  b->keys.p[0].realm);
	return check_remedy(found, "in [credsspd]: domains = NETBIOS-NAME %s, then: credsspctl reload",
			    b->keys.p[0].realm);
}

/* Returns whether libkrb5 maps "user" of @realm, by its default rule for example, to the account user of this host. */
static bool is_mapped_by_name(krb5_context k, const char *realm)
{
	char name[sizeof "user"];
	krb5_principal p = NULL;
	bool mapped;

	if (krb5_build_principal(k, &p, (unsigned)strlen(realm), realm, "user", (char *)NULL) != 0)
		return false;
	mapped = krb5_aname_to_localname(k, p, (int)sizeof name, name) == 0 && strcmp(name, "user") == 0;
	krb5_free_principal(k, p);
	return mapped;
}

/* The helper of pam_credssp asks localauth about the principals of cards and of Kerberos tickets. */
static enum check_result domain_localauth(struct check_context *ctx, struct finding *found)
{
	struct kerberos *b = kerberos_get(ctx);
	const char *realm = b ? b->keys.p[0].realm : NULL;

	if (!b || !config_is_domain(&ctx->config, realm) ||
	    (ctx->config.remote_guard == CONFIG_REMOTE_GUARD_REFUSE && !kerberos_has_cards(ctx)))
		return CHECK_NONE;
	(void)check_looked(found, "localauth of krb5.conf for users of the domain %s", realm);
	if (!is_mapped_by_name(b->k, realm))
		return CHECK_OK;
	(void)check_wrong(found,
			  "it maps user@%s to the account user of this host: pam_credssp's own check of a card or a "
			  "ticket accepts a user of the domain for an account of this host",
			  realm);
	return check_remedy(
	    found, "in /etc/krb5.conf: [plugins] localauth = { enable_only = names }, on four lines; see " AD_PAGE);
}

struct check_area check_domain_area(void)
{
	static const struct check_row rows[] = {
		{ "domains", CHECK_ERROR, domains },
		{ "domain-realm", CHECK_WARNING, domain_realm },
		{ "domain-localauth", CHECK_WARNING, domain_localauth },
		{ "winbind", CHECK_ERROR, winbind },
		{ "winbind-controller", CHECK_ERROR, winbind_controller },
		{ "winbind-pipe", CHECK_ERROR, winbind_pipe },
		{ "winbind-domain", CHECK_ERROR, winbind_domain },
		{ "winbind-name", CHECK_ERROR, winbind_name },
	};

	return (struct check_area){ rows, sizeof rows / sizeof *rows };
}
