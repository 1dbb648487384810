/* SPDX-License-Identifier: MIT */
#include "credsspctl/check/context.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "credsspctl/check/kerberos.h"
#include "credsspctl/host/manager.h"
#include "include/credssp/bus-api.h"

#define BUS_TIMEOUT_USEC 5000000ULL
#define UNKNOWN_HOST "localhost"

static void gather_names(struct check_context *f)
{
	struct addrinfo hints = { .ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM }, *a = NULL;
	char name[256] = "";

	if (gethostname(name, sizeof name - 1) < 0 || !name[0])
		(void)strcpy(name, UNKNOWN_HOST);
	f->host = strndup(name, strcspn(name, "."));
	if (!strchr(name, '.') && getaddrinfo(name, NULL, &hints, &a) == 0 && a->ai_canonname)
		f->fqdn = strdup(a->ai_canonname);
	else
		f->fqdn = strdup(name);
	if (a)
		freeaddrinfo(a);
}

/* ---- the daemon ---- */

static int read_value(sd_bus_message *m, const char *key, struct check_context *f)
{
	const char *text;
	uint64_t at;
	uint32_t n;
	int r;

	if (strcmp(key, "stale") == 0) {
		r = sd_bus_message_read(m, "v", "s", &text);
		if (r >= 0)
			f->stale = strdup(text);
		return r;
	}
	if (strcmp(key, "config-time") == 0) {
		r = sd_bus_message_read(m, "v", "t", &at);
		if (r >= 0)
			f->config_time = (time_t)at;
		return r;
	}
	if (strcmp(key, "tgts") == 0) {
		r = sd_bus_message_read(m, "v", "u", &n);
		if (r >= 0)
			f->tgts = n;
		return r;
	}
	return sd_bus_message_skip(m, "v");
}

static int read_status(sd_bus_message *m, struct check_context *f)
{
	const char *key;
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = sd_bus_message_read(m, "s", &key);
		if (r >= 0)
			r = read_value(m, key, f);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r;
}

static void gather_owner(struct check_context *f, sd_bus *bus)
{
	__attribute__((cleanup(sd_bus_creds_unrefp))) sd_bus_creds *creds = NULL;

	if (sd_bus_get_name_creds(bus, CREDSSP_BUS_NAME, SD_BUS_CREDS_PID, &creds) >= 0)
		(void)sd_bus_creds_get_pid(creds, &f->daemon_pid);
}

static void gather_daemon(struct check_context *f)
{
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	CLEANUP(manager_done) struct manager m = MANAGER_NULL;
	int r = manager_open(&m);

	if (r < 0) {
		f->bus_error = r;
		return;
	}
	(void)sd_bus_set_method_call_timeout(m.bus, BUS_TIMEOUT_USEC);
	gather_owner(f, m.bus);
	r = manager_status(&m, &reply);
	if (r == -ECONNRESET || r == -ENOTCONN || r == -ENOENT || r == -ECONNREFUSED)
		f->bus_error = r;
	if (r < 0) {
		f->daemon_error = strdup(manager_problem(&m, NULL));
		return;
	}
	f->has_daemon = read_status(reply, f) >= 0;
	if (!f->has_daemon)
		f->daemon_error = strdup("its answer is malformed");
	f->bus = TAKE_PTR(m.bus); /* manager_done() would close it */
}

/* ---- life ---- */

void check_context_gather(struct check_context *ret_, char *const *names)
{
	*ret_ = (struct check_context){ .names = names, .tgts = -1 };
	gather_names(ret_);
	ret_->has_config = config_load(CONFIG_PATH_DEFAULT, &ret_->config, &ret_->config_error) == 0;
	ret_->has_settings = settings_load(CONFIG_PATH_DEFAULT, &ret_->settings, &ret_->settings_error) == 0;
	gather_daemon(ret_);
}

void check_context_done(struct check_context *f)
{
	if (f->has_config)
		config_done(&f->config);
	if (f->has_settings)
		settings_done(&f->settings);
	kerberos_free(f->kerberos);
	free(f->config_error);
	free(f->settings_error);
	free(f->daemon_error);
	free(f->stale);
	free(f->fqdn);
	free(f->host);
	if (f->bus)
		f->bus = sd_bus_flush_close_unref(f->bus);
	*f = (struct check_context){ .bus = NULL };
}
