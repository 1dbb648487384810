/* SPDX-License-Identifier: MIT */
/*
 * Which type of credentials a client may log on with: the configuration, what was negotiated in X.224, and the
 * mechanism that the client authenticated with. Pure.
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

/* What the front end says of the client. */
struct logon_peer {
	char rhost[RHOST_MAX + 8U]; /* textual address, empty when it is not known */
	uint16_t rport;
	bool restricted_admin, remote_guard; /* negotiated in X.224 */
	bool early_authorization;            /* HYBRID_EX was chosen */
};

/*
 * Whether @kind may be used. Returns REFUSAL_NONE, or REFUSAL_CREDENTIAL_KIND with a static string in *@ret_why, for
 * the log.
 */
enum refusal policy_check_kind(const struct config *config, const struct logon_peer *peer, unsigned mechanism,
			       unsigned kind, const char **ret_why);

/*
 * Whether there is a kind at all that a client may use that has negotiated what @peer says: asked before it sends
 * credentials, so that nobody delegates a password where the client required that none be sent. Same results.
 */
enum refusal policy_check_negotiated(const struct config *config, const struct logon_peer *peer, unsigned mechanism,
				     const char **ret_why);

/* The flags of enum worker_flag for the kinds that may be used. */
unsigned policy_worker_flags(const struct config *config, const struct logon_peer *peer, unsigned mechanism);

/* Who proves the user's identity when @kind has been delegated. */
enum vault_proof policy_proof(const struct config *config, unsigned kind);

/*
 * Whom PAM has to prove for the account that a Kerberos worker says. @principal, unless the ticket names another
 * @account (a user principal name, a computer): then that one, in the same realm. A worker that was taken over says
 * both, and who proves to be @principal must not become @account. The name stays where there is none to be made: the
 * resolver refuses those.
 */
void policy_principal(char principal[RECORD_PRINCIPAL_MAX], const char *account);
