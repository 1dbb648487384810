/* SPDX-License-Identifier: MIT */
/* `verify`: the proof of credentials that no module behind us could check. */
#pragma once

#include "pam_credssp/options.h"

/*
 * The auth line `verify`. Returns PAM_IGNORE for a password and, without require_ticket, when there is no ticket;
 * PAM_SUCCESS for what was proved; anything else refuses. What was redeemed is wiped in every case.
 */
int verify_authenticate(pam_handle_t *pamh, const struct options *options);
