/* SPDX-License-Identifier: MIT */
/*
 * The daemon on the system bus: one table of methods (bus.c) with the caller
 * each is for, one dispatcher that checks it. Handlers are in acceptor.c,
 * redeem.c and manager.c.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "credsspd/supervisor/supervisor.h"

struct bus;

/*
 * Connects and asks for the name; goes on trying when the bus goes away. @owned is called when the name is
 * ours for the first time, @lost when somebody else has it.
 */
int bus_new(sd_event *event, struct supervisor *supervisor, void (*owned)(void *userdata), void (*lost)(void *userdata),
	    void *userdata, struct bus **ret_bus);
void bus_free(struct bus *b);

/* A handler: the caller has been checked and is @uid. Returns 0 when it has answered or will, or a negative errno. */
typedef int (*bus_handler)(sd_bus_message *m, uid_t uid, struct supervisor *s);

int bus_begin(sd_bus_message *m, uid_t uid, struct supervisor *s);
int bus_redeem(sd_bus_message *m, uid_t uid, struct supervisor *s);
int bus_status(sd_bus_message *m, uid_t uid, struct supervisor *s);
int bus_reload(sd_bus_message *m, uid_t uid, struct supervisor *s);
int bus_set_verifier(sd_bus_message *m, uid_t uid, struct supervisor *s);
int bus_update_verifier(sd_bus_message *m, uid_t uid, struct supervisor *s);
int bus_delete_verifier(sd_bus_message *m, uid_t uid, struct supervisor *s);
int bus_list_verifiers(sd_bus_message *m, uid_t uid, struct supervisor *s);

/* Answers @m with the D-Bus error for @errno_value (negative); returns what sd-bus returns. */
int bus_reply_errno(sd_bus_message *m, int errno_value);
