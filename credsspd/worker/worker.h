/* SPDX-License-Identifier: MIT */
/* The process of one handshake: forked from a template, parses what a client sent, and ends. */
#pragma once

#include "common/ipc/worker-msg.h"
#include "credsspd/mech/acceptor.h"
#include "credsspd/worker/worker-sandbox.h"

/*
 * In the forked child: gives up everything but the two sockets (@verifier is -1
 * for krb5) and @null (/dev/null, for the standard descriptors), enters the sandbox,
 * holds the exchange over @supervisor and exits: 0 when it said its last word
 * or the supervisor closed the socket.
 */
__attribute__((noreturn)) void worker_main(enum mechanism mechanism, struct acceptor *acceptor,
					   const struct sandbox *sandbox, int supervisor, int verifier, int null);
