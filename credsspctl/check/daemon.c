/* SPDX-License-Identifier: MIT */
/* The processes: bus, daemon, front end. */
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "credsspctl/check/check.h"
#include "credsspctl/host/proc-probe.h"
#include "include/credssp/bus-api.h"

#define POLICY "org.credssp1.conf"

static enum check_result bus(struct check_context *ctx, struct finding *found)
{
	(void)check_looked(found, "the system bus");
	if (ctx->bus_error == 0)
		return CHECK_OK;
	(void)check_wrong(found, "no connection: %s", strerror(-ctx->bus_error));
	return check_remedy(found, "systemctl status dbus");
}

/* The bus watches both directories. */
static bool has_policy(void)
{
	return access("/usr/share/dbus-1/system.d/" POLICY, R_OK) == 0 ||
	       access("/etc/dbus-1/system.d/" POLICY, R_OK) == 0;
}

static enum check_result bus_policy(struct check_context *ctx, struct finding *found)
{
	(void)check_looked(found, "/usr/share/dbus-1/system.d/" POLICY);
	if (has_policy())
		return CHECK_OK;
	(void)check_wrong(found, "the file is missing: the bus does not let credsspd have the name %s",
			  CREDSSP_BUS_NAME);
	return check_remedy(
	    found, "install credsspd (or: make install), then: systemctl reload dbus && systemctl restart credsspd");
}

static enum check_result daemon_(struct check_context *ctx, struct finding *found)
{
	if (ctx->bus_error || !has_policy())
		return CHECK_NONE;
	(void)check_looked(found, "%s on the system bus", CREDSSP_BUS_NAME);
	if (ctx->has_daemon)
		return CHECK_OK;
	(void)check_wrong(found, "%s", ctx->daemon_error ? ctx->daemon_error : "no answer");
	/* -u and not -t: systemd logs itself why it cannot run the program */
	return check_remedy(found,
			    "systemctl reload dbus; systemctl restart credsspd; journalctl -u credsspd says why not");
}

/* The other checks read the files, so this one tells whether credsspd has read them, too. */
static enum check_result config_loaded(struct check_context *ctx, struct finding *found)
{
	if (!ctx->has_daemon || !ctx->has_config || !ctx->config_time)
		return CHECK_NONE;
	(void)check_looked(found, "whether credsspd has %s as it is now", CONFIG_PATH_DEFAULT);
	if (ctx->config_time == ctx->config.changed)
		return CHECK_OK;
	(void)check_wrong(found, "it, or what it includes, was changed, and credsspd has not read it since");
	return check_remedy(found, "credsspctl reload");
}

static enum check_result stale(struct check_context *ctx, struct finding *found)
{
	if (!ctx->has_daemon || !ctx->stale)
		return CHECK_NONE;
	(void)check_looked(found, "the last reload");
	if (!*ctx->stale)
		return CHECK_OK;
	(void)check_wrong(found,
			  "%s did not start with the present configuration: its old process continues, if there is one",
			  ctx->stale);
	return check_remedy(found, "credsspctl reload; journalctl -t credsspd says why");
}

/* Looks for the program's sockets at any address, because "listen" is not used with systemd's socket. */
static enum check_result front_end(struct check_context *ctx, struct finding *found)
{
	struct passwd *pw = getpwnam(FRONT_END_USER);
	AUTO_FREE char *at = NULL;

	if (!pw)
		return CHECK_NONE;
	at = proc_probe_tcp_listeners("credsspd-rdp", pw->pw_uid);
	if (at)
		return check_looked(found, "credsspd-rdp listens on %s", at);
	(void)check_looked(found, "TCP sockets of credsspd-rdp");
	(void)check_wrong(found, "credsspd-rdp does not listen: RDP clients cannot connect");
	return check_remedy(found,
			    "systemctl enable --now credsspd-rdp.socket credsspd-rdp; journalctl -u credsspd-rdp "
			    "says why not");
}

struct check_area check_daemon_area(void)
{
	static const struct check_row rows[] = {
		{ "bus", CHECK_ERROR, bus },        { "bus-policy", CHECK_ERROR, bus_policy },
		{ "daemon", CHECK_ERROR, daemon_ }, { "config-loaded", CHECK_ERROR, config_loaded },
		{ "stale", CHECK_ERROR, stale },    { "front-end", CHECK_ERROR, front_end },
	};

	return (struct check_area){ rows, sizeof rows / sizeof *rows };
}
