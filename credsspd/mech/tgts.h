/* SPDX-License-Identifier: MIT */
/*
 * The server's own ticket-granting tickets, for user-to-user. It selects the ticket that a client gets. The client's
 * own ticket is then encrypted with the session key of that ticket. libkrb5 tries every key of a keytab, so the session
 * keys are in a keytab in memory that has no other keys.
 */
#pragma once

#include <krb5/krb5.h>

#include "common/ipc/keeper-msg.h"
#include "common/wire/view.h"

#define TGTS_KEYTAB "MEMORY:credsspd-u2u"

struct tgts;

/* @k must outlive it. Returns 0 or an error of libkrb5. */
krb5_error_code tgts_new(krb5_context k, struct tgts **ret_);
void tgts_free(struct tgts *t);

/*
 * Replaces the ticket of @tgt's principal. The key of the replaced ticket stays valid for TGT_OVERLAP_SEC, or less when
 * tickets are renewed so often that there is no room. A @tgt without ticket and key removes the principal's ticket.
 * @now: seconds since the epoch. Returns 0, EINVAL for a malformed message or an enctype that is not AES, ENOSPC over
 * TGTS_MAX principals, or an error of libkrb5.
 */
krb5_error_code tgts_add(struct tgts *t, const struct keeper_tgt *tgt, int64_t now);

/* Drops tickets that have ended, and keys of tickets that were replaced TGT_OVERLAP_SEC ago. */
void tgts_expire(struct tgts *t, int64_t now);

/* Drops all tickets and keys. */
void tgts_clear(struct tgts *t);

/* Replaces the table of names and their owners. Returns 0, or -EINVAL for a malformed message. */
int tgts_set_names(struct tgts *t, const struct keeper_names *names);

/*
 * Returns the ticket for a client that asks for @server ("TERMSRV/host", may be empty), or VIEW_NULL when there is no
 * valid one. It is the ticket of the principal @server, else of the account that owns that name: a KDC accepts no
 * other, so VIEW_NULL is returned when the owner has no ticket. For a name without a known owner it is the ticket of
 * the machine account, else of another account; a service owns no names.
 */
struct view tgts_find(const struct tgts *t, const char *server, int64_t now);
