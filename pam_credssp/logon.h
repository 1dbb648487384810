/* SPDX-License-Identifier: MIT */
/*
 * The state of a logon by ticket, on the PAM handle: from the moment that the application gave a ticket until
 * pam_end(). In that time a filter in front of the application's conversation keeps the ticket from later modules,
 * which would take it for a password.
 */
#pragma once

#include <security/pam_modules.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "common/base/secret.h"

struct logon;

enum logon_proof {
	LOGON_PROOF_NONE, /* unknown: the logon is refused */
	LOGON_PROOF_PAM,  /* the credentials must be verified here */
	LOGON_PROOF_GSS,  /* the configuration accepts GSSAPI's proof */
};

/* The logon of the redeemed ticket. */
struct logon_redeemed {
	unsigned kind; /* enum credential_kind, CREDENTIAL_NONE before `redeem` */
	enum logon_proof proof;
	bool kerberos;                     /* Kerberos proved the principal */
	char user[ACCOUNT_NAME_MAX + 1];   /* canonical pw_name, and PAM_USER */
	char principal[PRINCIPAL_MAX + 1]; /* as GSS displays it */
	uint64_t logon;
	/* The hand-over from the pipe; empty for a password (which is in PAM_AUTHTOK) and after `verify`. */
	struct secret handover;
};

/* The tickets that `verify` got, on their way into the session. */
struct logon_ccache {
	char temporary[CCACHE_TEMPORARY_MAX + 1]; /* path of root's FILE cache, or "" */
	char name[CCACHE_NAME_MAX + 1];           /* the user's cache that ccache_store() wrote, or "" */
	char user[ACCOUNT_NAME_MAX + 1];          /* its owner; another user may log on next on the handle */
	uint64_t logon;
	char ticket[HELPER_TICKET_MAX + 1]; /* hash that identifies the ticket in the cache */
	bool own;                           /* ccache=own: this module writes the user's cache */
};

/* Removes the temporary cache, if there is one. */
void logon_ccache_drop(struct logon_ccache *c);

/* Returns whether @s has the form of a ticket: prefix and base64url. The ticket need not exist. */
bool logon_is_ticket(const char *s);

/* Begins a logon by ticket on @pamh and installs the filter. Returns PAM_SUCCESS or another PAM code. */
int logon_begin(pam_handle_t *pamh);

/* Drops the redeemed credentials: those of an earlier pam_authenticate() must not count for this one. The filter
 * stays. */
void logon_forget(struct logon *l);

/* Returns the logon by ticket on @pamh, or NULL. */
struct logon *logon_get(pam_handle_t *pamh);

/* Installs the filter again when the application has replaced its conversation. Does nothing without a logon by ticket.
 */
void logon_guard(pam_handle_t *pamh);

/* Returns the redeemed credentials, owned by @l, which wipes them at pam_end() at the latest. */
struct logon_redeemed *logon_redeemed(struct logon *l);

/* Returns the state of the ticket caches, owned by @l; ccache.h removes files and caches. */
struct logon_ccache *logon_ccache(struct logon *l);

/* Returns whether PAM_USER is still the user of the ticket. */
bool logon_is_of_user(pam_handle_t *pamh, struct logon *l);

/*
 * Lets the filter answer one hidden question for a PIN, by the first later module that asks, with the @len bytes at
 * @pin. Questions of any other form get no answer. A question that warns that the card would lock gets an answer only
 * with @final_try. Returns 0 or -ENOMEM.
 */
int logon_offer_pin(struct logon *l, const void *pin, size_t len, bool final_try);
