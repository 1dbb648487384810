/* SPDX-License-Identifier: MIT */
/*
 * Why a logon is refused, and the NTSTATUS that the client gets. docs/refusals.md has the same table.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The values travel in records between our processes; 0 is "not refused". */
enum refusal {
	REFUSAL_NONE = 0,
	/* the exchange */
	REFUSAL_PROTOCOL,  /* a message that breaks MS-CSSP */
	REFUSAL_VERSION,   /* below min_version */
	REFUSAL_MECHANISM, /* no mechanism in common, or it is switched off */
	REFUSAL_BINDING,   /* pubKeyAuth is for another server key */
	REFUSAL_REPLAY,    /* a token that may be a replay: no proof that it is fresh, or made for another exchange */
	REFUSAL_WEAK_NTLM, /* NTLM without the required flags, response or MIC */
	REFUSAL_TIMEOUT,
	REFUSAL_CANCELLED, /* the front end closed the channel: the client left */
	REFUSAL_ABANDONED, /* as CANCELLED, while the NTLM response was being verified */
	/* authentication */
	REFUSAL_BAD_CREDENTIALS, /* GSSAPI refused: ticket for another key, clock, malformed token */
	REFUSAL_BAD_PASSWORD,
	REFUSAL_UNKNOWN_USER,
	REFUSAL_ACCOUNT_LOCKED,
	REFUSAL_ACCOUNT_DISABLED,
	REFUSAL_ACCOUNT_EXPIRED,
	REFUSAL_PASSWORD_EXPIRED,
	REFUSAL_PASSWORD_MUST_CHANGE,
	REFUSAL_LOGON_HOURS, /* a domain's rules */
	REFUSAL_LOGON_WORKSTATION,
	REFUSAL_ACCOUNT_RESTRICTION,
	/* authorization */
	REFUSAL_NAME,           /* a name with characters that account names cannot have */
	REFUSAL_DOMAIN,         /* a ticket of an Active Directory domain that is not in domains */
	REFUSAL_SYSTEM_ACCOUNT, /* uid 0 or below minimum_uid */
	REFUSAL_NOT_ALLOWED, /* not in allow_users, allow_groups or the lists of restricted_admin and smartcard_gss */
	/* the delegated credentials */
	REFUSAL_MISMATCH, /* the delegated account is not the authenticated account */
	REFUSAL_EMPTY_PASSWORD,
	REFUSAL_CREDENTIAL_KIND, /* smart card, remote guard, restricted admin: by policy */
	REFUSAL_TOO_LARGE,       /* the hand-over does not fit */
	/* this server */
	REFUSAL_BACKOFF,     /* too many failures from that address */
	REFUSAL_LIMIT,       /* too many handshakes or tickets */
	REFUSAL_UNAVAILABLE, /* verifier, resolver or KDC does not answer */
	REFUSAL_CRASHED,     /* the worker died */
	REFUSAL_INTERNAL,
	REFUSAL_MAX_
};

/* The reason word in log lines, on the channel and in the status; "internal" for a value out of range. */
const char *refusal_word(unsigned refusal);

/* Returns the sentence for the log that follows the word; it has no secrets. */
const char *refusal_text(unsigned refusal);

/*
 * Returns the NTSTATUS for TSRequest.errorCode, or 0 when the client gets no code
 * (its message was not understood, or it left).
 */
uint32_t refusal_ntstatus(unsigned refusal);

/*
 * Returns the refusal for the @ntstatus that a verifier or a domain gave about an account; REFUSAL_UNAVAILABLE for a
 * status that is not about an account.
 */
enum refusal refusal_of_ntstatus(uint32_t ntstatus);

/* Returns how much the refusal counts towards the address's back-off; 0 when the client did not fail. */
unsigned refusal_weight(unsigned refusal);

/* Returns whether this CredSSP version carries errorCode: 3, 4, 6 and later do; 2 and 5 do not. */
bool refusal_version_has_error_code(unsigned version);
