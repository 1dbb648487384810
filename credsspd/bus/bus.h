/* SPDX-License-Identifier: MIT */
/*
 * The daemon on the system bus: one table of the methods and of who may call each (bus.c), one dispatcher that checks
 * the caller. Handlers are in begin-logon.c, redeem.c and manager.c.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "credsspd/supervisor/supervisor.h"

struct bus;

/*
 * Connects to the system bus and requests the name; connects again when the connection is lost. @owned is called
 * whenever the name is acquired, @lost when another process owns it or the bus refuses it. Returns 0 or -errno.
 */
int bus_new(sd_event *event, struct supervisor *supervisor, void (*owned)(void *userdata), void (*lost)(void *userdata),
	    void *userdata, struct bus **ret_bus);
void bus_free(struct bus *b);

/* Handles a call; @uid may call the method. Returns >= 0 when it has answered or will, or -errno for
 * bus_reply_errno(). */
typedef int (*bus_handler)(sd_bus_message *m, uid_t uid, struct supervisor *s);

int bus_begin(sd_bus_message *m, uid_t uid, struct supervisor *s);
int bus_redeem(sd_bus_message *m, uid_t uid, struct supervisor *s);
int bus_status(sd_bus_message *m, uid_t uid, struct supervisor *s);
int bus_reload(sd_bus_message *m, uid_t uid, struct supervisor *s);
int bus_set_verifier(sd_bus_message *m, uid_t uid, struct supervisor *s);
int bus_update_verifier(sd_bus_message *m, uid_t uid, struct supervisor *s);
int bus_delete_verifier(sd_bus_message *m, uid_t uid, struct supervisor *s);
int bus_list_verifiers(sd_bus_message *m, uid_t uid, struct supervisor *s);
