/* SPDX-License-Identifier: MIT */
/*
 * Runs a whole exchange at start, with a worker like every other. On a host where logons cannot work (a missing plugin,
 * a libc that needs another system call, OpenSSL without MD5) the start fails, not the first user's logon.
 */
#pragma once

#include <sys/types.h>

#include "common/ipc/worker-msg.h"
#include "credsspd/mech/acceptor.h"

/*
 * Runs both sides of a context in this process, with every function of GSSAPI and OpenSSL that a worker calls, so that
 * workers inherit the loaded libraries and caches. Returns 0, or -EIO after a line in the log.
 */
int selftest_rehearse(enum mechanism mechanism, struct acceptor *acceptor);

/* Forks a worker with these sockets (@verifier may be -1), which stay the caller's. Returns its pid or -errno. */
typedef pid_t (*selftest_fork_fn)(int supervisor, int verifier, void *userdata);

/* Runs the exchange in every form that the acceptor serves, from a process of its own. Returns 0, or -EIO after a line
 * in the log. */
int selftest(enum mechanism mechanism, const struct acceptor *acceptor, selftest_fork_fn fork_worker, void *userdata);

/* Forks one worker, under the template's filter, that finds its socket closed and ends. Returns 0 or -EIO. */
int selftest_fork(enum mechanism mechanism, selftest_fork_fn fork_worker, void *userdata);
