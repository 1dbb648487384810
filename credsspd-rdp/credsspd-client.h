/* SPDX-License-Identifier: MIT */
/*
 * The listener's D-Bus client: asynchronous calls of org.credssp1.Acceptor.Begin, and whether credsspd is on the bus.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/ipc/connection-msg.h"

struct credsspd_client;
struct credsspd_call;

/*
 * Called once, later: with 0 and a channel, which the function owns, or with -errno and a sentence for the log in
 * @detail.
 */
typedef void (*credsspd_begin_fn)(int error, const char *detail, int channel, void *userdata);

/* Connects to the system bus, and again whenever the connection is lost. Returns 0 or -errno. */
int credsspd_client_new(sd_event *event, struct credsspd_client **ret_client);
void credsspd_client_free(struct credsspd_client *a);

/* Returns whether credsspd's name has an owner, by the last report of the bus. */
bool credsspd_client_on_bus(const struct credsspd_client *a);

/* Calls Begin. Returns 0 and the call, for credsspd_call_cancel() before @fn is called, or -errno. */
int credsspd_client_begin(struct credsspd_client *a, const char *service, const struct rdp_begin *b, const char *rhost,
			  uint16_t rport, credsspd_begin_fn fn, void *userdata, struct credsspd_call **ret_call);
void credsspd_call_cancel(struct credsspd_call *c);
