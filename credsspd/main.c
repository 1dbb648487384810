/* SPDX-License-Identifier: MIT */
/*
 * One program, several roles. Without a role option the process is the supervisor. A template is exec'ed by the
 * supervisor, with its control socket on descriptor 3. The verifier, a resolver, the keeper or an account checker is
 * exec'ed by the warden (--warden) of its kind, with the supervisor's connection on descriptor 3.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "common/base/cleanup.h"
#include "common/base/explain.h"
#include "common/base/heap.h"
#include "common/base/log.h"
#include "common/base/loop.h"
#include "common/base/signals.h"
#include "common/config/config.h"
#include "common/sandbox/sandbox.h"
#include "credsspd/account-checker/account-checker.h"
#include "credsspd/bus/bus.h"
#include "credsspd/check-config.h"
#include "credsspd/keeper/keeper.h"
#include "credsspd/ntlm-verifier/ntlm-verifier.h"
#include "credsspd/resolver/resolver.h"
#include "credsspd/supervisor/supervisor.h"
#include "credsspd/warden/warden.h"
#include "credsspd/worker/template.h"
#include "include/credssp/bus-api.h"

#define CONTROL_FD 3

enum role {
	ROLE_SUPERVISOR,
	ROLE_TEMPLATE_KRB5,
	ROLE_TEMPLATE_NTLM,
	ROLE_VERIFIER,
	ROLE_RESOLVER,
	ROLE_KEEPER,
	ROLE_ACCOUNT_CHECKER,
	ROLE_WARDEN,
};

struct daemon {
	sd_event *event;
	struct supervisor *supervisor;
	struct bus *bus;
	int status;
};

static const char usage[] = "Usage: credsspd [--config FILE]\n"
			    "Authenticates remote desktop clients by CredSSP (NLA); see credsspd(8).\n"
			    "  -c, --config FILE   read FILE instead of " CONFIG_PATH_DEFAULT "\n"
			    "  -t, --check-config  read section [credsspd], print what is wrong with it, and exit\n"
			    "  -h, --help          this text\n"
			    "      --version       version\n"
			    "SIGHUP reads the configuration and the keys again.\n";

/* ---- supervisor ---- */

static void on_bus_lost(void *userdata)
{
	struct daemon *d = userdata;

	d->status = EXIT_FAILURE;
	(void)sd_event_exit(d->event, 0);
}

static void on_bus_owned(void *userdata)
{
	log_line(LOG_INFO, "ready: %s is on the bus", CREDSSP_BUS_NAME);
	(void)sd_notify(0, "READY=1\nSTATUS=Ready for logons");
}

/* Requests the name only when logons are possible, because front ends begin logons as soon as they see it. */
static void on_ready(void *userdata)
{
	struct daemon *d = userdata;
	int r = bus_new(d->event, d->supervisor, on_bus_owned, on_bus_lost, d, &d->bus);

	if (r < 0) {
		log_line(LOG_ERR, "D-Bus: no connection to the system bus: %s: systemctl status dbus", strerror(-r));
		on_bus_lost(d);
	}
}

static void on_failed(void *userdata)
{
	struct daemon *d = userdata;

	log_line(LOG_ERR, "a process that the configuration needs does not start (the line above says why); stopping");
	on_bus_lost(d);
}

static void on_reloaded(enum reload_result result, const char *stale, void *userdata)
{
	if (result == RELOAD_STOPPED) /* systemd has STOPPING=1 */
		return;
	(void)sd_notifyf(0, "READY=1\nSTATUS=%s%s", stale ? "Running, but not as configured: " : "Ready for logons",
			 stale ? stale : "");
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	AUTO_FREE char *error = NULL;
	struct daemon *d = userdata;

	(void)sd_notify(0, "RELOADING=1");
	if (supervisor_reload(d->supervisor, on_reloaded, d, &error) == 0)
		return 0;
	log_line(LOG_ERR, "reload refused, the old configuration stays: %s", error ? error : "no memory");
	(void)sd_notify(0, "READY=1");
	return 0;
}

static int run_supervisor(const char *config_path)
{
	AUTO_FREE char *error = NULL;
	struct daemon d = { .status = EXIT_SUCCESS };
	int r = confine_supervisor();

	if (r < 0) {
		log_line(LOG_ERR,
			 "the daemon cannot confine itself on this kernel (seccomp): %s; it does not run without",
			 strerror(-r));
		return EXIT_FAILURE;
	}
	log_line(LOG_INFO, "%s", confine_says());
	r = loop_new(&d.event);
	if (r >= 0)
		r = signals_watch(d.event, on_hangup, &d);
	if (r >= 0)
		r = supervisor_new(d.event, config_path, on_ready, on_failed, &d, &d.supervisor, &error);
	if (r >= 0)
		r = sd_event_loop(d.event);
	if (r < 0) {
		log_line(LOG_ERR, "%s", error ? error : strerror(-r));
		d.status = EXIT_FAILURE;
	}
	(void)sd_notify(0, "STOPPING=1");
	/* before the name is released, so that no process outlives it (workers end with their templates:
	 * PR_SET_PDEATHSIG) */
	supervisor_stop(d.supervisor);
	bus_free(d.bus);
	supervisor_free(d.supervisor);
	(void)sd_event_unref(d.event);
	if (d.status == EXIT_SUCCESS)
		log_line(LOG_INFO, "stopped");
	return d.status;
}

/* ---- roles ---- */

static int run_role(enum role role, const char *config_path)
{
	AUTO_FREE char *error = NULL;
	struct config config;
	int r;

	r = config_load(config_path, &config, &error);
	if (r < 0) {
		log_line(LOG_ERR, "%s", error ? error : strerror(-r));
		return EXIT_FAILURE;
	}
	log_set_debug(config.debug);
	switch (role) {
	case ROLE_TEMPLATE_KRB5:
		r = template_main(MECHANISM_KRB5, &config, CONTROL_FD);
		break;
	case ROLE_TEMPLATE_NTLM:
		r = template_main(MECHANISM_NTLM, &config, CONTROL_FD);
		break;
	case ROLE_VERIFIER:
		r = verifier_main(&config, CONTROL_FD);
		break;
	case ROLE_RESOLVER:
		r = resolver_main(&config, CONTROL_FD);
		break;
	case ROLE_KEEPER:
		r = keeper_main(config_path, &config, CONTROL_FD);
		break;
	case ROLE_ACCOUNT_CHECKER:
		r = account_checker_main(&config, CONTROL_FD);
		break;
	case ROLE_SUPERVISOR:
	case ROLE_WARDEN:
		r = -EINVAL;
		break;
	}
	config_done(&config);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int check_config(const char *config_path)
{
	AUTO_FREE char *error = NULL;
	struct config config;

	if (config_load(config_path, &config, &error) < 0) {
		explain_print(stderr, "credsspd", config_path, error ? error : "out of memory");
		return EXIT_FAILURE;
	}
	(void)check_config_on_host(&config, config_path);
	config_done(&config);
	(void)printf("%s: no mistakes found in [credsspd] (for [credsspd-rdp]: credsspd-rdp --check-config)\n",
		     config_path);
	return EXIT_SUCCESS;
}

static int role_of_template(const char *name, enum role *ret_role)
{
	if (strcmp(name, "krb5") == 0)
		*ret_role = ROLE_TEMPLATE_KRB5;
	else if (strcmp(name, "ntlm") == 0)
		*ret_role = ROLE_TEMPLATE_NTLM;
	else
		return -EINVAL;
	return 0;
}

/* A kind of warden: the role option of its processes, and its filter. */
struct warden_kind {
	const char *option;
	int (*confine)(void);
};

/* Returns NULL for an unknown @name. */
static const struct warden_kind *warden_kind(const char *name)
{
	static const struct warden_kind kinds[] = {
		{ "--resolver", confine_supervisor },
		{ "--verifier", confine_supervisor },
		{ "--keeper", confine_supervisor },
		{ "--account-checker", confine_account_warden },
	};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].option + 2, name) == 0)
			return &kinds[i];
	return NULL;
}

/* Returns false for a role that was started by hand, without its socket. */
static bool has_control_socket(void)
{
	struct stat st;

	return fstat(CONTROL_FD, &st) == 0 && S_ISSOCK(st.st_mode);
}

struct invocation {
	const char *config_path;
	enum role role;
	const struct warden_kind *warden; /* for ROLE_WARDEN */
	bool check;                       /* only the configuration */
};

/* Returns 0, 1 when the options ask for a text that was printed, or -EINVAL. */
static int parse_options(int argc, char **argv, struct invocation *ret)
{
	enum {
		OPT_TEMPLATE = 256,
		OPT_VERIFIER,
		OPT_RESOLVER,
		OPT_KEEPER,
		OPT_ACCOUNT_CHECKER,
		OPT_WARDEN,
		OPT_VERSION
	};
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, OPT_VERSION },
		{ "template", required_argument, NULL, OPT_TEMPLATE },
		{ "verifier", no_argument, NULL, OPT_VERIFIER },
		{ "resolver", no_argument, NULL, OPT_RESOLVER },
		{ "keeper", no_argument, NULL, OPT_KEEPER },
		{ "account-checker", no_argument, NULL, OPT_ACCOUNT_CHECKER },
		{ "warden", required_argument, NULL, OPT_WARDEN },
		{ NULL, 0, NULL, 0 },
	};
	struct invocation i = { .config_path = CONFIG_PATH_DEFAULT, .role = ROLE_SUPERVISOR };
	int c, r = 0;

	while ((c = getopt_long(argc, argv, "c:th", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			i.config_path = optarg;
			break;
		case 't':
			i.check = true;
			break;
		case 'h':
			(void)fputs(usage, stdout);
			return 1;
		case OPT_VERSION:
			(void)puts("credsspd " CREDSSP_VERSION);
			return 1;
		case OPT_TEMPLATE:
			r = role_of_template(optarg, &i.role) < 0 ? -EINVAL : r;
			break;
		case OPT_VERIFIER:
			i.role = ROLE_VERIFIER;
			break;
		case OPT_RESOLVER:
			i.role = ROLE_RESOLVER;
			break;
		case OPT_KEEPER:
			i.role = ROLE_KEEPER;
			break;
		case OPT_ACCOUNT_CHECKER:
			i.role = ROLE_ACCOUNT_CHECKER;
			break;
		case OPT_WARDEN:
			i.role = ROLE_WARDEN;
			i.warden = warden_kind(optarg);
			r = i.warden ? r : -EINVAL;
			break;
		default:
			r = -EINVAL;
			break;
		}
	}
	if (optind != argc || (i.role != ROLE_SUPERVISOR && !has_control_socket()))
		r = -EINVAL;
	*ret = i;
	return r;
}

int main(int argc, char **argv)
{
	struct invocation i;
	int r = parse_options(argc, argv, &i);

	if (r < 0) {
		(void)fputs(usage, stderr);
		return 2;
	}
	if (r > 0)
		return EXIT_SUCCESS;
	if (i.check)
		return check_config(i.config_path);
	heap_prepare();
	log_open("credsspd");
	if (confine_start(i.role == ROLE_SUPERVISOR ? 0 : 1) < 0) {
		log_line(LOG_ERR, "resource limits cannot be set; credsspd does not run without them");
		return EXIT_FAILURE;
	}
	if (i.role == ROLE_WARDEN)
		return warden_main(i.warden->option, i.warden->confine, i.config_path) == 0 ? EXIT_SUCCESS
											    : EXIT_FAILURE;
	return i.role == ROLE_SUPERVISOR ? run_supervisor(i.config_path) : run_role(i.role, i.config_path);
}
