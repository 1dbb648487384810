/* SPDX-License-Identifier: MIT */
/*
 * Watches the keytab, which changes at run time when machine passwords rotate. A template keeps the keys of its start,
 * so a new template is started after a change. Kerberos logons wait up to KEYS_WAIT_SEC for it, because the KDC may
 * already give clients tickets for the new key. When the new keys cannot be used (a file half written, no TERMSRV/ key
 * in it), the new template ends, the old template stays, and the file is tried again later.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/config/config.h"

struct keytab_watch;

struct keytab_watch_ops {
	/* Starts a template, which reads the file. Returns 0 and its serial, or -errno. */
	int (*renew)(uint64_t *ret_serial, void *userdata);
	/* Continues the logons that wait for keys: the new keys are in use, or could not be used. */
	void (*resume)(void *userdata);
};

/* @config and @ops outlive the watch; @config may change before keytab_watch_settle(). Returns 0 or -errno. */
int keytab_watch_new(sd_event *event, const struct config *config, const struct keytab_watch_ops *ops, void *userdata,
		     struct keytab_watch **ret_watch);
/* NULL is allowed. */
void keytab_watch_free(struct keytab_watch *w);

/* Watches the file that the configuration names; call it before the file is read. Returns 0 or -errno. */
int keytab_watch_settle(struct keytab_watch *w);

/* Expects the template with @serial to have the new keys. */
void keytab_watch_expect(struct keytab_watch *w, uint64_t serial);

/* Takes a change of the templates: @current is the serial of the current one or 0; @starting: another one is
 * starting. */
void keytab_watch_template(struct keytab_watch *w, uint64_t current, bool starting);

/* Checks the file, and returns whether a Kerberos logon has to wait for new keys. If so, resume() is called later. */
bool keytab_watch_pending(struct keytab_watch *w);
