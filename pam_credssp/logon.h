/* SPDX-License-Identifier: MIT */
/*
 * A ticket in play: from the moment that the application gave one until pam_end(). While it is, modules behind us
 * must not be handed the ticket as a password: a filter stands in front of the application's conversation.
 */
#pragma once

#include <security/pam_modules.h>
#include <stdbool.h>

struct logon;

/* The ticket's form: prefix and base64url. Says nothing about whether it is one. */
bool logon_is_ticket(const char *s);

/* Marks a ticket as in play on @pamh and installs the filter. Returns PAM_SUCCESS or another PAM code. */
int logon_begin(pam_handle_t *pamh);

/* The logon in play, or NULL. */
struct logon *logon_get(pam_handle_t *pamh);

/* Installs the filter again when the application has replaced its conversation; does nothing when no ticket is in play.
 */
void logon_guard(pam_handle_t *pamh);

/* The kind of credentials that were redeemed (enum credential_kind), CREDENTIAL_NONE before that. */
unsigned logon_kind(const struct logon *l);
void logon_set_kind(struct logon *l, unsigned kind);
