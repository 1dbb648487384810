/* SPDX-License-Identifier: MIT */
/*
 * A client that required remote guard (RDP_NEG_REQ flag 2) must not delegate a secret. A client that did not require it
 * may not delegate tickets. A client with both flags leaves the choice to the server. Smart cards and tickets need
 * Kerberos: after NTLM they would be forged.
 */
#include "credsspd/supervisor/policy.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *why_not_password(const struct config *c, const struct logon_peer *peer, unsigned mechanism)
{
	return peer->remote_guard ? "a password, after remote guard was negotiated" : NULL;
}

static const char *why_not_smartcard(const struct config *c, const struct logon_peer *peer, unsigned mechanism)
{
	if (peer->remote_guard)
		return "a PIN, after remote guard was negotiated";
	if (mechanism != MECHANISM_KRB5)
		return "smart cards need Kerberos";
	return c->smartcard == CONFIG_SMARTCARD_REFUSE ? "smartcard = refuse" : NULL;
}

static const char *why_not_remote_guard(const struct config *c, const struct logon_peer *peer, unsigned mechanism)
{
	if (!peer->remote_guard)
		return "remote guard was not negotiated";
	if (mechanism != MECHANISM_KRB5)
		return "remote guard needs Kerberos";
	return c->remote_guard == CONFIG_REMOTE_GUARD_REFUSE ? "remote_guard = refuse" : NULL;
}

static const char *why_not_restricted_admin(const struct config *c, const struct logon_peer *peer, unsigned mechanism)
{
	if (!peer->restricted_admin)
		return peer->remote_guard ? "no credentials, after remote guard was negotiated"
					  : "no credentials, and restricted admin was not negotiated";
	return c->restricted_admin ? NULL : "restricted_admin = refuse";
}

static const struct {
	unsigned kind, worker_flag;
	const char *(*why_not)(const struct config *c, const struct logon_peer *peer, unsigned mechanism);
} kinds[] = {
	{ CREDENTIAL_PASSWORD, 0, why_not_password },
	{ CREDENTIAL_SMARTCARD, WORKER_SMARTCARD, why_not_smartcard },
	{ CREDENTIAL_REMOTE_GUARD, WORKER_REMOTE_GUARD, why_not_remote_guard },
	{ CREDENTIAL_RESTRICTED_ADMIN, WORKER_RESTRICTED_ADMIN, why_not_restricted_admin },
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

enum refusal policy_check_kind(const struct config *config, const struct logon_peer *peer, unsigned mechanism,
			       unsigned kind, const char **ret_why)
{
	const char *why = "an unknown type of credentials";

	for (size_t i = 0; i < N_KINDS; i++)
		if (kinds[i].kind == kind)
			why = kinds[i].why_not(config, peer, mechanism);
	if (!why)
		return REFUSAL_NONE;
	*ret_why = why;
	return REFUSAL_CREDENTIAL_KIND;
}

enum refusal policy_check_negotiated(const struct config *config, const struct logon_peer *peer, unsigned mechanism,
				     const char **ret_why)
{
	const char *guard = peer->remote_guard ? why_not_remote_guard(config, peer, mechanism) : NULL;
	const char *admin = peer->restricted_admin ? why_not_restricted_admin(config, peer, mechanism) : NULL;

	if ((peer->remote_guard && !guard) || (peer->restricted_admin && !admin) || (!guard && !admin))
		return REFUSAL_NONE;
	*ret_why = guard ? guard : admin;
	return REFUSAL_CREDENTIAL_KIND;
}

unsigned policy_worker_flags(const struct config *config, const struct logon_peer *peer, unsigned mechanism)
{
	unsigned flags = 0;

	for (size_t i = 0; i < N_KINDS; i++)
		if (!kinds[i].why_not(config, peer, mechanism))
			flags |= kinds[i].worker_flag;
	return flags;
}

enum vault_proof policy_proof(const struct config *config, unsigned kind)
{
	switch (kind) {
	case CREDENTIAL_SMARTCARD:
		return config->smartcard == CONFIG_SMARTCARD_GSS ? VAULT_PROOF_GSS : VAULT_PROOF_PAM;
	case CREDENTIAL_REMOTE_GUARD:
		return config->remote_guard == CONFIG_REMOTE_GUARD_ALLOW ? VAULT_PROOF_GSS : VAULT_PROOF_PAM;
	case CREDENTIAL_RESTRICTED_ADMIN:
		return VAULT_PROOF_GSS;
	default:
		return VAULT_PROOF_PAM;
	}
}

void policy_principal(char principal[RECORD_PRINCIPAL_MAX], const char *account)
{
	const char *realm = strrchr(principal, '@');
	size_t len = realm ? (size_t)(realm - principal) : 0;
	char whole[RECORD_PRINCIPAL_MAX];
	int n;

	if (!account[0] || !realm || strchr(account, '@') ||
	    (strlen(account) == len && strncasecmp(account, principal, len) == 0))
		return;
	n = snprintf(whole, sizeof whole, "%s%s", account, realm);
	if (n > 0 && (size_t)n < sizeof whole)
		memcpy(principal, whole, sizeof whole);
}
