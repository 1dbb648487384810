/* SPDX-License-Identifier: MIT */
/* One worker: one handshake, from WORKER_START to WORKER_DELEGATED or WORKER_FAILED (record.h). */
#pragma once

#include "credsspd/auth/acceptor.h"

/*
 * Runs in the forked process, under the filter; @fd is its only socket but for the verifier's (auth/wbc.h). Returns the exit
 * status: 0 when the last word was said or the supervisor has gone.
 */
int worker_run(const struct acceptor *a, int fd);
