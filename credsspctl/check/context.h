/* SPDX-License-Identifier: MIT */
/* What more than one check wants to know, found out once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "common/config/config.h"
#include "common/config/rdp-settings.h"

#define DAEMON_USER "credsspd"
#define NAMES_USER "credsspd-names"
#define STORE_USER "credsspd-ntlm" /* and who asks winbind */
#define TICKETS_USER "credsspd-tgt"
#define FRONT_END_USER "credsspd-rdp"

struct kerberos;

struct check_context {
	char *const *names; /* other names of this server, from the command line */
	char *fqdn, *host;  /* of this host; host is the first label. Never NULL */

	bool has_config, has_settings; /* false: the error says why */
	struct config config;
	struct settings settings;
	char *config_error, *settings_error;

	sd_bus *bus;     /* NULL: bus_error is set, or daemon_error */
	int bus_error;   /* -errno, or 0 */
	bool has_daemon; /* somebody owns the name and has answered Status */
	char *daemon_error;
	pid_t daemon_pid;   /* 0 without one */
	char *stale;        /* processes that a reload did not renew; "" for none */
	time_t config_time; /* of the configuration that it has; 0 when it does not say */
	int64_t tgts;       /* live ticket-granting tickets, -1 when the daemon keeps none */

	struct kerberos *kerberos; /* of kerberos.c */
};

/* Always succeeds; what cannot be found out is said in @ret_. */
void check_context_gather(struct check_context *ret_, char *const *names);
void check_context_done(struct check_context *ctx);
