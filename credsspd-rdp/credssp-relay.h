/* SPDX-License-Identifier: MIT */
/* The front end's part of CredSSP: the relay between client and credsspd. */
#pragma once

struct connection;

/*
 * Runs after TLS. Returns 0 when the logon is granted (user and ticket are in @c->done); -ECANCELED when it was
 * refused, after a line in the log; or another -errno.
 */
int credssp_relay_run(struct connection *c);
