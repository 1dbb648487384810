/* SPDX-License-Identifier: MIT */
/*
 * Kerberos, RFC 4121, by MIT's GSSAPI with raw tokens of the mechanism, in its two forms: with service tickets under
 * the host's long-term keys, and user-to-user under the session keys of the host's own ticket-granting tickets.
 */
#pragma once

#include "credsspd/mech/kerberos-credential.h"
#include "credsspd/mech/mech.h"

/* Makes the mechanism; @c must outlive it. Returns NULL without memory. */
struct mech *kerberos_new(struct kerberos_credential *c, bool user_to_user);

/*
 * For a user-to-user mechanism: returns the name that the client asked for ("TERMSRV/host", printable; empty when it
 * has not asked), and whether it got no answer because there is no valid ticket-granting ticket for that name.
 */
const char *kerberos_asked(const struct mech *m);
bool kerberos_no_tgt(const struct mech *m);

/*
 * Finds out for a complete context whether the ticket is of Active Directory: its PAC has logon information, or its
 * realm is one in which this host has a machine account. @ret_ is the sAMAccountName in that PAC, or empty.
 * Returns 0, -EBADMSG for a malformed PAC, or -EACCES for a PAC that is not signed for this host.
 */
int kerberos_account(struct mech *m, bool *ret_from_domain, char ret_[RECORD_NAME_MAX]);
