/* SPDX-License-Identifier: MIT */
/*
 * Tickets between `verify` and the session: a FILE cache of root's below /run, which only root can read and a reboot
 * removes. Then either pam_krb5 takes it (PAM_KRB5CCNAME) or the helper writes the user's own from it.
 */
#pragma once

#include <security/pam_modules.h>

#include "pam_credssp/logon.h"

#define CCACHE_DIRECTORY "/run/pam-credssp"

/*
 * A new path for the helper to write to, in c->temporary instead of an older one, and the directory for it; removes
 * what dead processes have left there. Returns 0 or a negative errno.
 */
int ccache_prepare(struct logon_ccache *c);

/* After success: what pam_krb5 needs, if it is for pam_krb5 to take. Returns PAM_SUCCESS or another PAM code. */
int ccache_hand_on(pam_handle_t *pamh, const struct logon_ccache *c);

/*
 * Writes the user's cache and sets KRB5CCNAME, once: setcred and open_session both call it, because applications order
 * them differently and because a cache may live where only a session module before us makes a directory. Returns
 * PAM_SUCCESS, also when there is nothing to write, or PAM_CRED_ERR with a line in the log.
 */
int ccache_store(pam_handle_t *pamh, struct logon *l);

/* Removes the cache that ccache_store() wrote, unless another logon has written to it since. */
void ccache_forget(pam_handle_t *pamh, struct logon *l);
