/* SPDX-License-Identifier: MIT */
/*
 * Decides which types of credentials a client may use, by the configuration, the negotiation in X.224 and the mechanism
 * of the authentication. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "common/base/refusal.h"
#include "common/config/config.h"
#include "common/ipc/handover.h"
#include "common/ipc/worker-msg.h"
#include "credsspd/supervisor/vault.h"

/* The client, as the front end describes it in Begin. */
struct logon_peer {
	char rhost[RHOST_MAX + 8U]; /* textual address; empty when unknown */
	uint16_t rport;
	bool restricted_admin, remote_guard; /* negotiated in X.224 */
	bool early_authorization;            /* HYBRID_EX was chosen */
};

/*
 * Checks whether the client may use @kind. Returns REFUSAL_NONE, or REFUSAL_CREDENTIAL_KIND with a static string for
 * the log in *@ret_why.
 */
enum refusal policy_check_kind(const struct config *config, const struct logon_peer *peer, unsigned mechanism,
			       unsigned kind, const char **ret_why);

/*
 * Checks, before the client sends credentials, whether it may use any kind of them. So a client that required remote
 * guard or restricted admin is refused before it could send a password. Returns as policy_check_kind().
 */
enum refusal policy_check_negotiated(const struct config *config, const struct logon_peer *peer, unsigned mechanism,
				     const char **ret_why);

/* Returns the flags of enum worker_flag for the kinds that the client may use. */
unsigned policy_worker_flags(const struct config *config, const struct logon_peer *peer, unsigned mechanism);

/* Returns what proves the user's identity after @kind was delegated. */
enum vault_proof policy_proof(const struct config *config, unsigned kind);

/*
 * Sets @principal to the principal that PAM has to prove. A worker reports @principal and, from the ticket, @account.
 * When they differ (a user principal name, a computer), @principal becomes @account@REALM: a worker that was taken over
 * could report any pair, and a user who can prove @principal must not get @account. @principal stays unchanged when no
 * such name can be made; the resolver then refuses it.
 */
void policy_principal(char principal[RECORD_PRINCIPAL_MAX], const char *account);
