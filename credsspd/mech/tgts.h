/* SPDX-License-Identifier: MIT */
/*
 * The server's own ticket-granting tickets, for user-to-user: which one a client is shown, and the session keys under
 * which its ticket comes back. libkrb5 decrypts a ticket with whatever key the keytab gives, so the keys are entries of
 * a keytab in memory that holds no other ones.
 */
#pragma once

#include <krb5/krb5.h>

#include "common/ipc/tgt-agent-msg.h"
#include "common/wire/view.h"

#define TGTS_KEYTAB "MEMORY:credsspd-u2u"

struct tgts;

/* Returns 0 or an error of libkrb5. @k outlives it. */
krb5_error_code tgts_new(krb5_context k, struct tgts **ret_);
void tgts_free(struct tgts *t);

/*
 * Takes @tgt in place of the one of the same principal, whose key stays good for TGT_OVERLAP_SEC, or less when tickets
 * are renewed so often that there is no room; without ticket and key it takes that one away. @now: seconds since the
 * epoch. Returns 0, EINVAL for a malformed record
 * or an enctype that is not AES, ENOSPC over TGTS_MAX principals, or an error of libkrb5.
 */
krb5_error_code tgts_add(struct tgts *t, const struct keeper_tgt *tgt, int64_t now);

/* Forgets those that have ended, or were replaced TGT_OVERLAP_SEC ago: their keys are good no longer. */
void tgts_expire(struct tgts *t, int64_t now);

/* Forgets all of them. */
void tgts_clear(struct tgts *t);

/* What the keytab says of names, in place of what was known. Returns 0, or EINVAL for a malformed record. */
krb5_error_code tgts_set_names(struct tgts *t, const struct keeper_names *names);

/*
 * The ticket for a client that asks for @server ("TERMSRV/host", may be empty): the one whose principal that is; else
 * that of the name's owner. A KDC takes no other one, so when the owner has none there is none. Of a name that nothing
 * is known of, it may be the machine's account that owns it, or else another account; a service owns no other names.
 * VIEW_NULL without a live one.
 */
struct view tgts_find(const struct tgts *t, const char *server, int64_t now);
