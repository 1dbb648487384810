/* SPDX-License-Identifier: MIT */
/* CredSSP, as far as the front end takes part in it: the relay between client and credsspd. */
#pragma once

struct child;

/* After TLS. Returns 0 when the logon is granted (@c->done says whose), -ECANCELED when it is refused, or -errno. */
int nla_run(struct child *c);
