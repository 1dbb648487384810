/* SPDX-License-Identifier: MIT */
/* credsspd.conf, and the users that the programs run as. */
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "common/base/words.h"
#include "credsspctl/check/check.h"
#include "credsspctl/host/proc-probe.h"

static enum check_result users(struct check_context *ctx, struct finding *found)
{
	static const char *const user[] = { DAEMON_USER, NAMES_USER, STORE_USER, TICKETS_USER, FRONT_END_USER };

	(void)check_looked(found, "users %s, %s, %s, %s and %s", user[0], user[1], user[2], user[3], user[4]);
	for (size_t i = 0; i < sizeof user / sizeof *user; i++) {
		if (getpwnam(user[i]))
			continue;
		(void)check_wrong(found, "there is no user %s", user[i]);
		return check_remedy(found, "systemd-sysusers");
	}
	return CHECK_OK;
}

/* The command that applies a corrected file: restart a program that has failed, reload one that runs. */
static const char *taken_over(const struct check_context *ctx)
{
	if (!ctx->has_config && !ctx->has_settings)
		return "systemctl reload-or-restart credsspd credsspd-rdp";
	if (!ctx->has_settings)
		return "systemctl reload-or-restart credsspd-rdp";
	return ctx->has_daemon ? "credsspctl reload" : "systemctl restart credsspd";
}

static enum check_result config(struct check_context *ctx, struct finding *found)
{
	(void)check_looked(found, "%s", CONFIG_PATH_DEFAULT);
	if (ctx->has_config && ctx->has_settings)
		return CHECK_OK;
	if (!ctx->has_config)
		(void)check_wrong(found, "%s", ctx->config_error ? ctx->config_error : "cannot be read");
	else
		(void)check_wrong(found, "%s", ctx->settings_error ? ctx->settings_error : "cannot be read");
	return check_remedy(found, "correct it as credsspd.conf(5) says, then: %s", taken_over(ctx));
}

/* Tries as the daemons' users, because check itself runs as root. */
static enum check_result config_access(struct check_context *ctx, struct finding *found)
{
	const struct {
		const char *user;
		pid_t like;
	} who[] = {
		{ DAEMON_USER, ctx->daemon_pid },
		{ NAMES_USER, proc_probe_process_of(NAMES_USER, "credsspd") },
		{ STORE_USER, proc_probe_process_of(STORE_USER, "credsspd") },
		{ TICKETS_USER, proc_probe_process_of(TICKETS_USER, "credsspd") },
		{ FRONT_END_USER, proc_probe_process_of(FRONT_END_USER, "credsspd-rdp") },
	};

	if (!ctx->has_config)
		return CHECK_NONE;
	(void)check_looked(found, "%s, as each of the users that run the daemons", CONFIG_PATH_DEFAULT);
	for (size_t i = 0; i < sizeof who / sizeof *who; i++) {
		int r = proc_probe_access(who[i].user, who[i].like, CONFIG_PATH_DEFAULT, R_OK);

		if (r == 0 || r == -ESRCH)
			continue;
		(void)check_wrong(found, "%s cannot read it when it starts or reloads: %s", who[i].user, strerror(-r));
		return check_remedy(found, "chown root:root %s && chmod 0644 %s; there is no secret in it",
				    CONFIG_PATH_DEFAULT, CONFIG_PATH_DEFAULT);
	}
	return CHECK_OK;
}

/* Finds names that do not exist: a mistyped name allows no account. */
static enum check_result allowed(struct check_context *ctx, struct finding *found)
{
	const struct {
		const char *key, *what;
		config_list names;
		bool (*unknown)(const char *name);
	} list[] = {
		{ "allow_users", "account", ctx->config.allow_users, proc_probe_no_user },
		{ "allow_groups", "group", ctx->config.allow_groups, proc_probe_no_group },
		{ "smartcard_gss_users", "account", ctx->config.smartcard_gss_users, proc_probe_no_user },
		{ "smartcard_gss_groups", "group", ctx->config.smartcard_gss_groups, proc_probe_no_group },
		{ "restricted_admin_users", "account", ctx->config.restricted_admin_users, proc_probe_no_user },
		{ "restricted_admin_groups", "group", ctx->config.restricted_admin_groups, proc_probe_no_group },
	};
	bool any = false;

	if (!ctx->has_config)
		return CHECK_NONE;
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		for (char **name = list[i].names; *name; name++) {
			any = true;
			if (!list[i].unknown(*name))
				continue;
			(void)check_looked(found, "%s: %s", CONFIG_PATH_DEFAULT, list[i].key);
			(void)check_wrong(found, "the name service knows no %s %s", list[i].what, *name);
			return check_remedy(found,
					    "getent %s '%s'; write it as that prints it, then: credsspctl reload",
					    list[i].unknown == proc_probe_no_user ? "passwd" : "group", *name);
		}
	}
	return any ? check_looked(
			 found,
			 "%s: the names in allow_users, allow_groups and those of smartcard_gss and restricted_admin",
			 CONFIG_PATH_DEFAULT)
		   : CHECK_NONE;
}

/* Without its service in front_ends, credsspd-rdp's Begin is refused, and every logon with it. */
static enum check_result service(struct check_context *ctx, struct finding *found)
{
	struct passwd *pw = getpwnam(FRONT_END_USER);
	config_list services;

	if (!pw || !ctx->has_config || !ctx->has_settings)
		return CHECK_NONE;
	services = config_services_of(&ctx->config, pw->pw_uid);
	(void)check_looked(found, "%s: front_ends, service %s", CONFIG_PATH_DEFAULT, ctx->settings.service);
	if (words_have(services, ctx->settings.service))
		return CHECK_OK;
	(void)check_wrong(found, "%s asks for tickets for the PAM service %s, and front_ends does not allow it",
			  FRONT_END_USER, ctx->settings.service);
	return check_remedy(found,
			    "in [credsspd] of %s, on three lines, then: credsspctl reload\n"
			    "front_ends = {\n    %s = %s\n}",
			    CONFIG_PATH_DEFAULT, FRONT_END_USER, ctx->settings.service);
}

struct check_area check_config_area(void)
{
	static const struct check_row rows[] = {
		{ "users", CHECK_ERROR, users },
		{ "config", CHECK_ERROR, config },
		{ "config-access", CHECK_ERROR, config_access },
		{ "service", CHECK_ERROR, service },
		{ "allowed", CHECK_WARNING, allowed },
	};

	return (struct check_area){ rows, sizeof rows / sizeof *rows };
}
