/* SPDX-License-Identifier: MIT */
/* The connection sequence from the X.224 connection request to xrdp up to the licence PDU: MS-RDPBCGR 1.3.1.1. */
#pragma once

struct connection;

/*
 * Runs after CredSSP. Returns 0 when all following bytes may be copied; -ECANCELED when the client was refused, after a
 * line in the log; or another -errno.
 */
int rdp_sequence_run(struct connection *c);
