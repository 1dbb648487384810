/* SPDX-License-Identifier: MIT */
/*
 * The tickets between `verify` and the session are in a FILE cache of root's below /run, which only root can read and a
 * reboot removes. In the session either pam_krb5 takes it (PAM_KRB5CCNAME), or the helper copies it to the user's
 * cache.
 */
#pragma once

#include <security/pam_modules.h>

#include "pam_credssp/logon.h"

#define CCACHE_DIRECTORY "/run/pam-credssp"

/*
 * Sets c->temporary to a new path that the helper can write to, makes its directory, and removes files that processes
 * which have ended left there. Returns 0 or -errno.
 */
int ccache_prepare(struct logon_ccache *c);

/* After a success: passes the cache to pam_krb5, with ccache=pam_krb5. Returns PAM_SUCCESS or another PAM code. */
int ccache_hand_on(pam_handle_t *pamh, const struct logon_ccache *c);

/*
 * Writes the user's cache and sets KRB5CCNAME, once: setcred and open_session both call it, because applications order
 * them differently, and because an earlier session module may have to make the cache's directory. Returns PAM_SUCCESS,
 * also when there is nothing to write, or PAM_CRED_ERR after a line in the log.
 */
int ccache_store(pam_handle_t *pamh, struct logon *l);

/* Removes the cache that ccache_store() wrote, unless another logon has written to it since. */
void ccache_forget(pam_handle_t *pamh, struct logon *l);
