/* SPDX-License-Identifier: MIT */
/* CredSSP, as far as the front end takes part in it: the relay between client and credsspd. */
#pragma once

struct connection;

/*
 * Runs after TLS. Returns 0 when the logon is granted (user and ticket are in @c->done), -ECANCELED when it was refused
 * and that has been logged, or another -errno.
 */
int credssp_relay_run(struct connection *c);
