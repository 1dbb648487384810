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

/*
 * Whether this process is the account checker of credsspd (common/ipc/account-msg.h). It asks the account phase before
 * there is a ticket, and no session comes of it. The other phases fail there.
 */
bool redeem_is_question(void);

/*
 * The account line. Returns PAM_IGNORE, since the other modules say whether an account is in order; with
 * require_ticket PAM_AUTH_ERR when the user did not log on with a ticket on this handle: some programs open sessions
 * without the auth phase. The question of the account checker needs no ticket: it gets PAM_SUCCESS, so that modules
 * that ignore a user whom they have not authenticated are no refusal.
 */
int redeem_account(pam_handle_t *pamh, const struct options *o);
