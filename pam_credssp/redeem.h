/* SPDX-License-Identifier: MIT */
/* `redeem`: a ticket for the credentials behind it. */
#pragma once

#include "pam_credssp/options.h"

/*
 * The auth line `redeem`. Returns PAM_IGNORE for a ticket that was redeemed (the password is in PAM_AUTHTOK, to be
 * verified by the modules behind) and, without require_ticket, for what is no ticket; anything else refuses, with
 * PAM_AUTHTOK cleared.
 */
int redeem_authenticate(pam_handle_t *pamh, const struct options *options);
