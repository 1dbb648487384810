/* SPDX-License-Identifier: MIT */
/* What the administrator has written for us: credsspd.conf, the users that the programs run as. */
#include <pwd.h>
#include <string.h>

#include "credsspd/ctl/check.h"

static enum check_result users(struct facts *f, struct finding *found)
{
	static const char *const user[] = { DAEMON_USER, FRONT_END_USER };

	(void)f;
	(void)check_looked(found, "users %s and %s", user[0], user[1]);
	for (size_t i = 0; i < sizeof user / sizeof *user; i++) {
		if (getpwnam(user[i]))
			continue;
		(void)check_wrong(found, "there is no user %s", user[i]);
		return check_remedy(found, "systemd-sysusers");
	}
	return CHECK_OK;
}

/* What has failed with the mistake has to be started again, and what runs must not be restarted for it. */
static const char *taken_over(const struct facts *f)
{
	if (!f->has_config && !f->has_settings)
		return "systemctl reload-or-restart credsspd credsspd-rdp";
	if (!f->has_settings)
		return "systemctl reload-or-restart credsspd-rdp";
	return f->has_daemon ? "credsspctl reload" : "systemctl restart credsspd";
}

static enum check_result config(struct facts *f, struct finding *found)
{
	(void)check_looked(found, "%s", CONFIG_PATH_DEFAULT);
	if (f->has_config && f->has_settings)
		return CHECK_OK;
	if (!f->has_config)
		(void)check_wrong(found, "%s", f->config_error ? f->config_error : "cannot be read");
	else
		(void)check_wrong(found, "%s", f->settings_error ? f->settings_error : "cannot be read");
	return check_remedy(found, "correct it as credsspd.conf(5) says, then: %s", taken_over(f));
}

/* Else the front end's Begin is refused, and every logon with it. */
static enum check_result service(struct facts *f, struct finding *found)
{
	struct passwd *pw = getpwnam(FRONT_END_USER);
	config_list services;

	if (!pw || !f->has_config || !f->has_settings)
		return CHECK_NONE;
	services = config_services_of(&f->config, pw->pw_uid);
	(void)check_looked(found, "%s: front_ends, service %s", CONFIG_PATH_DEFAULT, f->settings.service);
	for (char **s = services; s && *s; s++)
		if (strcmp(*s, f->settings.service) == 0)
			return CHECK_OK;
	(void)check_wrong(found, "%s asks for tickets for the PAM service %s, and front_ends does not allow it",
			  FRONT_END_USER, f->settings.service);
	return check_remedy(found,
			    "in [credsspd] of %s, on three lines, then: credsspctl reload\n"
			    "front_ends = {\n    %s = %s\n}",
			    CONFIG_PATH_DEFAULT, FRONT_END_USER, f->settings.service);
}

struct check_area check_config_area(void)
{
	static const struct check_row rows[] = {
		{ "users", CHECK_ERROR, users },
		{ "config", CHECK_ERROR, config },
		{ "service", CHECK_ERROR, service },
	};

	return (struct check_area){ rows, sizeof rows / sizeof *rows };
}
