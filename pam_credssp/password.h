/* SPDX-License-Identifier: MIT */
/* The password phase: refuses tickets as passwords, and updates the NTLM store when a user's password changes. */
#pragma once

#include "pam_credssp/options.h"

/*
 * pam_sm_chauthtok(). Returns PAM_AUTHTOK_ERR, with PAM_AUTHTOK cleared, when the old or the new password is a ticket;
 * PAM_SUCCESS when the store has the new password; otherwise PAM_IGNORE, or the PAM code of a failure after a line in
 * the log.
 */
int password_change(pam_handle_t *pamh, int flags, const struct options *options);
