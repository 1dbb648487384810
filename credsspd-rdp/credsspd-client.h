/* SPDX-License-Identifier: MIT */
/* org.credssp1.Acceptor.Begin, asynchronously, and whether there is a credsspd; the listener's only use of D-Bus. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/ipc/connection-msg.h"

struct credsspd_client;
struct credsspd_call;

/* @error: 0 and the channel (the callee's), or -errno with a line for the log in @detail. Called once, later. */
typedef void (*credsspd_begin_fn)(int error, const char *detail, int channel, void *userdata);

/* Connects to the system bus, and again whenever it goes away. Returns 0 or -errno. */
int credsspd_client_new(sd_event *event, struct credsspd_client **ret_client);
void credsspd_client_free(struct credsspd_client *a);

/*
 * Whether somebody has credsspd's name on the bus now, as far as the bus has told.
 */
bool credsspd_client_on_bus(const struct credsspd_client *a);

/* Calls Begin. Returns 0 and the call, which credsspd_call_cancel() ends early, or -errno. */
int credsspd_client_begin(struct credsspd_client *a, const char *service, const struct rdp_begin *b, const char *rhost,
			  uint16_t rport, credsspd_begin_fn fn, void *userdata, struct credsspd_call **ret_call);
void credsspd_call_cancel(struct credsspd_call *c);
