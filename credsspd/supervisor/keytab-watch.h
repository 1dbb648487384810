/* SPDX-License-Identifier: MIT */
/*
 * The keytab changes while logons go on: machine passwords rotate. A template has the keys that it was started with, so
 * a new template is started. Kerberos logons wait up to KEYS_WAIT_SEC for it, because the KDC may already have given
 * the client a ticket for the new key. Keys that cannot be used (a file half written, no TERMSRV/ key in it) end with
 * the template that tried them; the old template stays, and the file is tried again later.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/config/config.h"

struct keytab_watch;

struct keytab_watch_ops {
	/* Starts a template with the keys that are in the file now. Returns 0 and its serial, or -errno. */
	int (*renew)(uint64_t *ret_serial, void *userdata);
	/* Logons that wait for keys may continue: the keys are in use, or there will be none. */
	void (*resume)(void *userdata);
};

/* @config and @ops outlive the watch; @config may change before keytab_watch_settle(). Returns 0 or -errno. */
int keytab_watch_new(sd_event *event, const struct config *config, const struct keytab_watch_ops *ops, void *userdata,
		     struct keytab_watch **ret_watch);
/* NULL is allowed. */
void keytab_watch_free(struct keytab_watch *w);

/* Watches the file that the configuration names; call it before the file is read. Returns 0 or -errno. */
int keytab_watch_settle(struct keytab_watch *w);

/* The template of that serial is expected to have the new keys. */
void keytab_watch_expect(struct keytab_watch *w, uint64_t serial);

/* The templates have changed: @current is the serial of the current one or 0; @starting: another one is starting. */
void keytab_watch_template(struct keytab_watch *w, uint64_t current, bool starting);

/* Looks at the file, and returns whether a Kerberos logon has to wait for keys; resume() follows. */
bool keytab_watch_pending(struct keytab_watch *w);
