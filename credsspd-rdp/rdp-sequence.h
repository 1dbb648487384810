/* SPDX-License-Identifier: MIT */
/* From xrdp's connection confirm to the client's licence PDU: MS-RDPBCGR 1.3.1.1. */
#pragma once

struct connection;

/* After CredSSP. Returns 0 when everything from here on is copied unseen, -ECANCELED when that has been refused and
 * logged, or -errno. */
int rdp_sequence_run(struct connection *c);
