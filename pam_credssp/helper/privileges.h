/* SPDX-License-Identifier: MIT */
/* What a mode gives up besides helper-sandbox.h, for good, before it looks at anything of the client's. */
#pragma once

#include "common/ipc/helper-msg.h"

#define PRIVILEGES_NOBODY 65534 /* the kernel's overflow id: owns nothing, on every distribution */

/*
 * For tickets: user nobody, no capabilities, no thread or process besides this one, no file opened for writing, no
 * shared memory. Reading, memory and the network stay as they are, for libkrb5, its plugins and NSS modules. Returns
 * HELPER_SUCCESS, or HELPER_INTERNAL with a line for the log.
 */
unsigned privileges_for_tickets(struct helper_result *result);

/*
 * For PKCS#11 modules: root still, with the capabilities that the .c says. Returns as above.
 */
unsigned privileges_for_cards(struct helper_result *result);
