/* SPDX-License-Identifier: MIT */
/* One logon at a time at the cards of this host. */
#pragma once

#include "pam_credssp/helper/mode.h"

/*
 * Waits until no other helper has the cards, but not up to @deadline (helper_request): somebody must still be there to
 * hear the answer. They are this process's until it ends, however it does. Returns HELPER_SUCCESS or HELPER_CARDS_BUSY,
 * or why it could not.
 */
unsigned card_lock(const char *deadline, struct helper_result *result);
