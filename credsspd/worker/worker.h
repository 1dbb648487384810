/* SPDX-License-Identifier: MIT */
/* The process of one exchange: it is forked from a template, parses what a client sent, and ends. */
#pragma once

#include "common/ipc/worker-msg.h"
#include "credsspd/mech/acceptor.h"
#include "credsspd/worker/worker-sandbox.h"

/*
 * Called in the forked child. Closes everything but the two sockets (@verifier is -1
 * for krb5) and @null (/dev/null, for the standard descriptors), enters the sandbox, and
 * runs the exchange over @supervisor. Exits with 0 when it has sent its last message
 * or the supervisor has closed the socket.
 */
__attribute__((noreturn)) void worker_main(enum mechanism mechanism, struct acceptor *acceptor,
					   const struct sandbox *sandbox, int supervisor, int verifier, int null);
