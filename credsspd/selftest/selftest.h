/* SPDX-License-Identifier: MIT */
/*
 * A whole exchange at start-up, with a worker as every other one: a host on
 * which it cannot work (a plugin that is missing, a libc that needs another system
 * call, OpenSSL without MD5) fails at start and not at the first user.
 */
#pragma once

#include <sys/types.h>

#include "common/ipc/worker-msg.h"
#include "credsspd/mech/acceptor.h"

/*
 * Both sides of a context in this process, with everything that a worker will ask of GSSAPI and OpenSSL: what is
 * loaded, resolved and cached by that need not be in every worker. Returns 0, or -EIO having logged what did not work.
 */
int selftest_rehearse(enum mechanism mechanism, struct acceptor *acceptor);

/* Forks a worker with these sockets (@verifier may be -1), which stay the caller's. Returns its pid or -errno. */
typedef pid_t (*selftest_fork_fn)(int supervisor, int verifier, void *userdata);

/* Holds the exchange in every form that the acceptor serves, from a process of its own. Returns 0, or -EIO having
 * logged what did not work. */
int selftest(enum mechanism mechanism, const struct acceptor *acceptor, selftest_fork_fn fork_worker, void *userdata);

/* A worker that finds its socket closed, as it is made from now on. Returns 0 or -EIO. */
int selftest_fork(enum mechanism mechanism, selftest_fork_fn fork_worker, void *userdata);
