/* SPDX-License-Identifier: MIT */
/*
 * An unknown user, a wrong password and a system account get the same NTSTATUS on purpose: a client must not learn
 * which accounts exist. NOT_ALLOWED and the account states have an NTSTATUS of their own, because they are decided
 * only after the password or the Kerberos ticket was proved. For the same reason they do not count as failures of the
 * address. ACCOUNT_LOCKED does: domains report it for any password.
 */
#include "common/base/refusal.h"

#include <stddef.h>

#include "common/base/limits.h"
#include "common/base/ntstatus.h"

static const struct {
	const char *word, *text;
	uint32_t ntstatus;
	unsigned weight;
} table[] = {
	[REFUSAL_NONE] = { "none", "not refused", NTSTATUS_LOGON_FAILURE, 0 },
	[REFUSAL_PROTOCOL] = { "protocol", "the client broke the CredSSP protocol", 0, 1 },
	[REFUSAL_VERSION] = { "version", "the client's CredSSP version is below min_version", NTSTATUS_NOT_SUPPORTED,
			      0 },
	[REFUSAL_MECHANISM] = { "mechanism", "no security mechanism in common with the client (see kerberos and ntlm)",
				NTSTATUS_LOGON_FAILURE, 0 },
	[REFUSAL_BINDING] = { "binding",
			      "the client saw another TLS key than this server's: look for a man in the middle", 0, 1 },
	[REFUSAL_REPLAY] = { "replay", "a security token that may be a replay, or was made for another exchange", 0,
			     1 },
	[REFUSAL_WEAK_NTLM] = { "weak-ntlm", "the client's NTLM is too weak", NTSTATUS_NOT_SUPPORTED, 0 },
	[REFUSAL_TIMEOUT] = { "timeout", "the handshake was not finished in time", 0, 0 },
	[REFUSAL_CANCELLED] = { "cancelled", "the client left during the handshake", 0, 0 },
	[REFUSAL_ABANDONED] = { "abandoned", "the client left while its password was being verified", 0, 1 },
	[REFUSAL_BAD_CREDENTIALS] = { "bad-credentials", "the security token was refused", NTSTATUS_LOGON_FAILURE, 1 },
	[REFUSAL_BAD_PASSWORD] = { "bad-password", "wrong password", NTSTATUS_LOGON_FAILURE, 1 },
	[REFUSAL_UNKNOWN_USER] = { "unknown-user", "no such user", NTSTATUS_LOGON_FAILURE, 1 },
	[REFUSAL_ACCOUNT_LOCKED] = { "account-locked", "the account is locked", NTSTATUS_ACCOUNT_LOCKED_OUT, 1 },
	[REFUSAL_ACCOUNT_DISABLED] = { "account-disabled", "the account is disabled", NTSTATUS_ACCOUNT_DISABLED, 0 },
	[REFUSAL_ACCOUNT_EXPIRED] = { "account-expired", "the account has expired", NTSTATUS_ACCOUNT_EXPIRED, 0 },
	[REFUSAL_PASSWORD_EXPIRED] = { "password-expired", "the password has expired", NTSTATUS_PASSWORD_EXPIRED, 0 },
	[REFUSAL_PASSWORD_MUST_CHANGE] = { "password-must-change", "the password must be changed first",
					   NTSTATUS_PASSWORD_MUST_CHANGE, 0 },
	[REFUSAL_LOGON_HOURS] = { "logon-hours", "the account may not log on at this hour",
				  NTSTATUS_INVALID_LOGON_HOURS, 0 },
	[REFUSAL_LOGON_WORKSTATION] = { "logon-workstation", "the account may not log on to this host",
					NTSTATUS_INVALID_WORKSTATION, 0 },
	[REFUSAL_ACCOUNT_RESTRICTION] = { "account-restriction", "a rule of the domain or of PAM forbids the logon",
					  NTSTATUS_ACCOUNT_RESTRICTION, 0 },
	[REFUSAL_NAME] = { "name", "the client's user name cannot be used", NTSTATUS_LOGON_FAILURE, 1 },
	[REFUSAL_DOMAIN] = { "domain",
			     "the ticket is of an Active Directory realm that is not in domains (credsspd.conf)",
			     NTSTATUS_LOGON_FAILURE, 0 },
	[REFUSAL_SYSTEM_ACCOUNT] = { "system-account", "root or an account below minimum_uid", NTSTATUS_LOGON_FAILURE,
				     1 },
	[REFUSAL_NOT_ALLOWED] = { "not-allowed", "the account is in no list of allowed accounts",
				  NTSTATUS_LOGON_TYPE_NOT_GRANTED, 0 },
	[REFUSAL_MISMATCH] = { "mismatch", "the delegated account is not the one that authenticated",
			       NTSTATUS_ACCESS_DENIED, 1 },
	[REFUSAL_EMPTY_PASSWORD] = { "empty-password", "an empty password was delegated", NTSTATUS_ACCOUNT_RESTRICTION,
				     1 },
	[REFUSAL_CREDENTIAL_KIND] = { "credential-kind",
				      "the configuration does not allow this type of credentials here",
				      NTSTATUS_ACCESS_DENIED, 0 },
	[REFUSAL_TOO_LARGE] = { "too-large", "the credentials are larger than the limit", NTSTATUS_ACCESS_DENIED, 0 },
	[REFUSAL_BACKOFF] = { "backoff", "too many failures from this address, it has to wait", 0, 0 },
	[REFUSAL_LIMIT] = { "limit", "a limit of the daemon is reached", 0, 0 },
	[REFUSAL_UNAVAILABLE] = { "unavailable", "a service that is needed does not answer", NTSTATUS_LOGON_FAILURE,
				  0 },
	[REFUSAL_CRASHED] = { "crashed", "the worker process died or misbehaved", 0, BACKOFF_CRASH_WEIGHT },
	[REFUSAL_INTERNAL] = { "internal", "an error inside the daemon", NTSTATUS_LOGON_FAILURE, 0 },
};

_Static_assert(sizeof table / sizeof *table == REFUSAL_MAX_, "every refusal has a row");

static unsigned row(unsigned refusal)
{
	return refusal < REFUSAL_MAX_ ? refusal : REFUSAL_INTERNAL;
}

const char *refusal_word(unsigned refusal)
{
	return table[row(refusal)].word;
}

const char *refusal_text(unsigned refusal)
{
	return table[row(refusal)].text;
}

uint32_t refusal_ntstatus(unsigned refusal)
{
	return table[row(refusal)].ntstatus;
}

enum refusal refusal_of_ntstatus(uint32_t ntstatus)
{
	static const struct {
		uint32_t ntstatus;
		enum refusal refusal;
	} row_of[] = {
		{ NTSTATUS_LOGON_FAILURE, REFUSAL_BAD_PASSWORD },
		{ NTSTATUS_WRONG_PASSWORD, REFUSAL_BAD_PASSWORD },
		{ NTSTATUS_NO_SUCH_USER, REFUSAL_UNKNOWN_USER },
		{ NTSTATUS_ACCOUNT_LOCKED_OUT, REFUSAL_ACCOUNT_LOCKED },
		{ NTSTATUS_ACCOUNT_DISABLED, REFUSAL_ACCOUNT_DISABLED },
		{ NTSTATUS_ACCOUNT_EXPIRED, REFUSAL_ACCOUNT_EXPIRED },
		{ NTSTATUS_PASSWORD_EXPIRED, REFUSAL_PASSWORD_EXPIRED },
		{ NTSTATUS_PASSWORD_MUST_CHANGE, REFUSAL_PASSWORD_MUST_CHANGE },
		{ NTSTATUS_INVALID_LOGON_HOURS, REFUSAL_LOGON_HOURS },
		{ NTSTATUS_INVALID_WORKSTATION, REFUSAL_LOGON_WORKSTATION },
		{ NTSTATUS_ACCOUNT_RESTRICTION, REFUSAL_ACCOUNT_RESTRICTION },
		{ NTSTATUS_LOGON_TYPE_NOT_GRANTED, REFUSAL_NOT_ALLOWED },
	};

	for (size_t i = 0; i < sizeof row_of / sizeof *row_of; i++)
		if (row_of[i].ntstatus == ntstatus)
			return row_of[i].refusal;
	return REFUSAL_UNAVAILABLE;
}

unsigned refusal_weight(unsigned refusal)
{
	return table[row(refusal)].weight;
}

bool refusal_version_has_error_code(unsigned version)
{
	return version == 3 || version == 4 || version >= 6;
}
