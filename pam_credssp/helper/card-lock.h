/* SPDX-License-Identifier: MIT */
/* One logon at a time at the cards of this host. */
#pragma once

#include "pam_credssp/helper/mode.h"

/*
 * Waits until no other helper has the cards, and ends the wait before @deadline (helper_request), while the module
 * still waits for the answer. The cards are this process's until it ends, in any way. Returns HELPER_SUCCESS or
 * HELPER_CARDS_BUSY, or why it could not.
 */
unsigned card_lock(const char *deadline, struct helper_result *result);
