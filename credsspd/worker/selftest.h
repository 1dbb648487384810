/* SPDX-License-Identifier: MIT */
/*
 * A whole handshake at start-up, in a worker under the filter, with an initiator beside it: a host on which it cannot
 * work (no RC4, a missing plugin, another libc that needs another system call) fails at start, not at the first user.
 */
#pragma once

#include "credsspd/auth/acceptor.h"
#include "credsspd/worker/filter.h"

/* Returns 0, or -errno having logged what did not work. */
int selftest(const struct acceptor *a, const struct filter *filter);
