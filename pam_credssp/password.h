/* SPDX-License-Identifier: MIT */
/* The password phase: tickets are no passwords, and the NTLM store follows the password of its users. */
#pragma once

#include "pam_credssp/options.h"

/*
 * pam_sm_chauthtok(). Returns PAM_AUTHTOK_ERR, with PAM_AUTHTOK cleared, where a ticket would become the password or be
 * the old one; PAM_SUCCESS when the store has the new password; otherwise PAM_IGNORE or what kept the store from
 * getting it, having logged that.
 */
int password_change(pam_handle_t *pamh, int flags, const struct options *options);
