/* SPDX-License-Identifier: MIT */
/* The lock for the cards of this host: one logon uses them at a time. */
#pragma once

#include "pam_credssp/helper/mode.h"

/*
 * Takes the lock, which this process holds until it ends. Waits for other helpers, but only until shortly before
 * @deadline (helper_request), so that the module still gets the answer. Returns HELPER_SUCCESS, HELPER_CARDS_BUSY or
 * another status.
 */
unsigned card_lock(const char *deadline, struct helper_result *result);
