/* SPDX-License-Identifier: MIT */
/*
 * A ticket in play: from the moment that the application gave one until pam_end(). While it is, modules behind us
 * must not be handed the ticket as a password: a filter stands in front of the application's conversation.
 */
#pragma once

#include <security/pam_modules.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "common/base/secret.h"

struct logon;

enum logon_proof {
	LOGON_PROOF_NONE, /* nothing was said about it: no logon */
	LOGON_PROOF_PAM,  /* the credentials have to be verified here */
	LOGON_PROOF_GSS,  /* policy says that what GSSAPI proved is enough */
};

/* What a ticket stood for, from `redeem` on. */
struct logon_redeemed {
	unsigned kind; /* enum credential_kind, CREDENTIAL_NONE before `redeem` */
	enum logon_proof proof;
	bool kerberos;                     /* it was Kerberos that proved the principal */
	char user[ACCOUNT_NAME_MAX + 1];   /* canonical pw_name, and PAM_USER */
	char principal[PRINCIPAL_MAX + 1]; /* as GSS displays it */
	uint64_t logon;
	/* The hand-over as it came out of the pipe; empty for a password (which is PAM_AUTHTOK) and after `verify`. */
	struct secret handover;
};

/* The tickets that `verify` got, on their way into the session. */
struct logon_ccache {
	char temporary[CCACHE_TEMPORARY_MAX + 1]; /* path of root's FILE cache; "" without one */
	char name[CCACHE_NAME_MAX + 1];           /* the user's cache that we wrote; "" when we did not */
	char user[ACCOUNT_NAME_MAX + 1];          /* its owner; another user may log on next on the handle */
	uint64_t logon;
	char ticket[HELPER_TICKET_MAX + 1]; /* what it is known again by */
	bool own;                           /* it is for us to write the user's cache */
};

/* Removes the temporary cache, if there is one. */
void logon_ccache_drop(struct logon_ccache *c);

/* The ticket's form: prefix and base64url. Says nothing about whether it is one. */
bool logon_is_ticket(const char *s);

/* Marks a ticket as in play on @pamh and installs the filter. Returns PAM_SUCCESS or another PAM code. */
int logon_begin(pam_handle_t *pamh);

/* Nothing is redeemed any more: an earlier pam_authenticate() on the handle says nothing about this one. The filter
 * stays. */
void logon_forget(struct logon *l);

/* The logon in play, or NULL. */
struct logon *logon_get(pam_handle_t *pamh);

/* Installs the filter again when the application has replaced its conversation; does nothing when no ticket is in play.
 */
void logon_guard(pam_handle_t *pamh);

/* What was redeemed; belongs to @l, which wipes it at pam_end() at the latest. */
struct logon_redeemed *logon_redeemed(struct logon *l);

/* The same for the tickets; removing files and caches is the business of ccache.h. */
struct logon_ccache *logon_ccache(struct logon *l);

/* Whether PAM_USER is still who the ticket was for. */
bool logon_is_of_user(pam_handle_t *pamh, struct logon *l);

/*
 * Lets the filter answer exactly one hidden question for a PIN with the @len bytes at @pin: that of the first later
 * module that asks. Questions of any other form get no answer; nor does, unless @final_try, one that says that the card
 * would lock. Returns 0 or -ENOMEM.
 */
int logon_offer_pin(struct logon *l, const void *pin, size_t len, bool final_try);
