/* SPDX-License-Identifier: MIT */
/* `redeem`: trades a ticket for the credentials. */
#pragma once

#include "pam_credssp/options.h"

/*
 * Runs the auth line `redeem`. Returns PAM_IGNORE for a redeemed ticket (the password is in PAM_AUTHTOK, and later
 * modules must verify it) and, without require_ticket, when there is no ticket. Every other result refuses, with
 * PAM_AUTHTOK cleared.
 */
int redeem_authenticate(pam_handle_t *pamh, const struct options *options);

/*
 * Returns whether this process is an account checker of credsspd (common/ipc/account-msg.h), which asks the account
 * phase before there is a ticket and opens no session. The other phases fail there.
 */
bool redeem_is_question(void);

/*
 * The account line. Returns PAM_IGNORE, since the other modules say whether an account is in order; with
 * require_ticket PAM_AUTH_ERR when the user did not log on with a ticket on this handle: some programs open sessions
 * without the auth phase. The question of the account checker needs no ticket: it gets PAM_SUCCESS, so that modules
 * that ignore a user whom they have not authenticated are no refusal.
 */
int redeem_account(pam_handle_t *pamh, const struct options *o);
