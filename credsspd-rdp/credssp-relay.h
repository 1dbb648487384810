/* SPDX-License-Identifier: MIT */
/* CredSSP, as far as the front end takes part in it: the relay between client and credsspd. */
#pragma once

struct connection;

/* After TLS. Returns 0 when the logon is granted (@c->done says whose), -ECANCELED when it is refused, or -errno. */
int credssp_relay_run(struct connection *c);
