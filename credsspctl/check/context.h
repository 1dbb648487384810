/* SPDX-License-Identifier: MIT */
/* The facts that several checks need, collected once. */
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
#define STORE_USER "credsspd-ntlm" /* also the user that asks winbind */
#define TICKETS_USER "credsspd-tgt"
#define FRONT_END_USER "credsspd-rdp"

struct kerberos;

struct check_context {
	char *const *names; /* other names of this server, from the command line */
	char *fqdn, *host;  /* of this host; host is the first label. Never NULL */

	bool has_config, has_settings; /* false: the error has the reason */
	struct config config;
	struct settings settings;
	char *config_error, *settings_error;

	sd_bus *bus;     /* NULL: bus_error or daemon_error is set */
	int bus_error;   /* -errno, or 0 */
	bool has_daemon; /* the name has an owner, which has answered Status */
	char *daemon_error;
	pid_t daemon_pid;   /* 0: credsspd does not run */
	char *stale;        /* processes that a reload did not renew; may be empty */
	time_t config_time; /* time of credsspd's configuration; 0: unknown */
	int64_t tgts;       /* valid ticket-granting tickets; -1: user-to-user is off */

	struct kerberos *kerberos; /* of kerberos.c */
};

/* Always succeeds; @ret_ has the errors for facts that cannot be found out. */
void check_context_gather(struct check_context *ret_, char *const *names);
void check_context_done(struct check_context *ctx);
