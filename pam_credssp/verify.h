/* SPDX-License-Identifier: MIT */
/* `verify`: verifies credentials that no later module can verify. */
#pragma once

#include "pam_credssp/options.h"

/*
 * Runs the auth line `verify`. Returns PAM_IGNORE for a password and, without require_ticket, when there is no ticket;
 * PAM_SUCCESS for credentials that were proved; any other code refuses. The redeemed credentials are wiped in every
 * case.
 */
int verify_authenticate(pam_handle_t *pamh, const struct options *options);
