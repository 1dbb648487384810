/* SPDX-License-Identifier: MIT */
/* org.credssp1.Acceptor.Begin, asynchronously, and whether there is a credsspd; the listener's only use of D-Bus. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/ipc/connection-msg.h"

struct acceptor_client;
struct acceptor_call;

/* @error: 0 and the channel (the callee's), or -errno with a line for the log in @detail. Called once, later. */
typedef void (*acceptor_fn)(int error, const char *detail, int channel, void *userdata);

/* Connects to the system bus, and again whenever it goes away. Returns 0 or -errno. */
int acceptor_client_new(sd_event *event, struct acceptor_client **ret_client);
void acceptor_client_free(struct acceptor_client *a);

/*
 * Whether somebody has credsspd's name on the bus now, as far as the bus has told.
 */
bool acceptor_client_there(const struct acceptor_client *a);

/* Calls Begin. Returns 0 and the call, which acceptor_call_cancel() ends early, or -errno. */
int acceptor_client_begin(struct acceptor_client *a, const char *service, const struct rdp_begin *b, const char *rhost,
			  uint16_t rport, acceptor_fn fn, void *userdata, struct acceptor_call **ret_call);
void acceptor_call_cancel(struct acceptor_call *c);
