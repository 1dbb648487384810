/* SPDX-License-Identifier: MIT */
/* `verify`: verifies credentials that no later module can verify. */
#pragma once

#include "pam_credssp/options.h"

/*
 * Runs the auth line `verify`. Returns PAM_SUCCESS for credentials that were proved. Returns PAM_IGNORE for a password,
 * for a card with pin=conversation when CredSSP's proof is not enough (the module that asks for the PIN verifies it),
 * and, without require_ticket, when there is no ticket. Any other code refuses. The redeemed credentials are wiped in
 * every case. With pin=conversation a copy of the PIN stays in the logon: the filter gives it to the first module that
 * asks, or pam_end() wipes it.
 */
int verify_authenticate(pam_handle_t *pamh, const struct options *options);
