/* SPDX-License-Identifier: MIT */
/* The rights that a mode gives up irrevocably before it reads the client's data, in addition to helper-sandbox.h. */
#pragma once

#include "common/ipc/helper-msg.h"

#define PRIVILEGES_NOBODY 65534 /* the kernel's overflow id, which owns no files on any distribution */

/*
 * For tickets: id PRIVILEGES_NOBODY, no capabilities, no new threads or processes, no file opened for writing, no
 * shared memory. Reading, memory and the network stay allowed, for libkrb5, its plugins and NSS modules. Returns
 * HELPER_SUCCESS, or HELPER_INTERNAL with a line for the log.
 */
unsigned privileges_for_tickets(struct helper_result *result);

/* For PKCS#11 modules: the process stays root, with the capabilities FOR_CARDS only. Returns as above. */
unsigned privileges_for_cards(struct helper_result *result);
