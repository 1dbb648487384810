/* SPDX-License-Identifier: MIT */
/*
 * The names of credsspd's D-Bus interface: one object on the system bus. The method table in credsspd/bus/bus.c says
 * which callers may call which method; system.d/org.credssp1.conf is the same rules for the bus.
 */
#pragma once

#define CREDSSP_BUS_NAME "org.credssp1"
#define CREDSSP_OBJECT_PATH "/org/credssp1"

/* Remote login stacks. Begin(s service, ay server_public_key, a{sv} peer) -> (t logon, h channel) */
#define CREDSSP_ACCEPTOR_INTERFACE "org.credssp1.Acceptor"
#define CREDSSP_METHOD_BEGIN "Begin"

/* Keys of peer; a key that is not listed is refused. */
#define CREDSSP_PEER_RHOST "rhost"                             /* s, textual address of the client */
#define CREDSSP_PEER_RPORT "rport"                             /* q */
#define CREDSSP_PEER_RESTRICTED_ADMIN "restricted-admin"       /* b, negotiated in X.224 */
#define CREDSSP_PEER_REMOTE_GUARD "remote-guard"               /* b, negotiated in X.224 */
#define CREDSSP_PEER_EARLY_AUTHORIZATION "early-authorization" /* b, HYBRID_EX was chosen */

/* PAM. Redeem(s ticket, s service, s user) -> (a{sv} about, h secret) */
#define CREDSSP_VAULT_INTERFACE "org.credssp1.Vault"
#define CREDSSP_METHOD_REDEEM "Redeem"

/* Keys of about. */
#define CREDSSP_ABOUT_USER "user"           /* s, canonical pw_name */
#define CREDSSP_ABOUT_UID "uid"             /* u */
#define CREDSSP_ABOUT_KIND "kind"           /* s: password, smartcard, remote-guard or restricted-admin */
#define CREDSSP_ABOUT_RHOST "rhost"         /* s, may be empty */
#define CREDSSP_ABOUT_MECHANISM "mechanism" /* s: "krb5" or "ntlm" */
#define CREDSSP_ABOUT_PRINCIPAL "principal" /* s, the authenticated name as GSS displays it */
#define CREDSSP_ABOUT_PROOF "proof"         /* s: one of CREDSSP_PROOF_ */
#define CREDSSP_ABOUT_LOGON "logon"         /* t, the id in every log line */

/* How the user's identity was proved. */
#define CREDSSP_PROOF_PAM "pam" /* not proved yet: PAM must verify the delegated credentials */
#define CREDSSP_PROOF_GSS "gss" /* proved by GSSAPI, and the configuration accepts that: PAM need not verify again */

/* Administrators, and PAM when a password changes (uid 0). */
#define CREDSSP_MANAGER_INTERFACE "org.credssp1.Manager"
#define CREDSSP_METHOD_STATUS "Status"            /* () -> (a{sv}) */
#define CREDSSP_METHOD_RELOAD "Reload"            /* () -> (), when the new processes are ready */
#define CREDSSP_METHOD_SET_VERIFIER "SetVerifier" /* (s user, h pipe) -> (): the password, UTF-8, until end of file */
/*
 * (s user, b create, h pipe) -> (): as SetVerifier, for a user who has a record. For a user without a record the error
 * is UnknownUser, unless create is true and the account's uid may log on (minimum_uid, allow_root).
 */
#define CREDSSP_METHOD_UPDATE_VERIFIER "UpdateVerifier"
#define CREDSSP_METHOD_DELETE_VERIFIER "DeleteVerifier" /* (s user) -> () */
#define CREDSSP_METHOD_LIST_VERIFIERS "ListVerifiers"   /* () -> (as) */

/* Errors. */
#define CREDSSP_ERROR_PREFIX "org.credssp1.Error."
#define CREDSSP_ERROR_ACCESS_DENIED CREDSSP_ERROR_PREFIX "AccessDenied" /* this caller may not do this */
#define CREDSSP_ERROR_INVALID_ARGUMENT CREDSSP_ERROR_PREFIX "InvalidArgument"
#define CREDSSP_ERROR_LIMIT CREDSSP_ERROR_PREFIX "LimitExceeded"    /* try later */
#define CREDSSP_ERROR_BACKOFF CREDSSP_ERROR_PREFIX "BackOff"        /* too many failures from that address */
#define CREDSSP_ERROR_NO_TICKET CREDSSP_ERROR_PREFIX "NoSuchTicket" /* unknown, used, or expired */
#define CREDSSP_ERROR_TICKET_MISMATCH \
	CREDSSP_ERROR_PREFIX "TicketMismatch"                        /* other service or user; the ticket is gone */
#define CREDSSP_ERROR_UNAVAILABLE CREDSSP_ERROR_PREFIX "Unavailable" /* not configured or not working now */
#define CREDSSP_ERROR_NOT_RENEWED \
	CREDSSP_ERROR_PREFIX "NotRenewed" /* Reload: some processes keep the old configuration */
#define CREDSSP_ERROR_UNKNOWN_USER CREDSSP_ERROR_PREFIX "UnknownUser"
#define CREDSSP_ERROR_INTERNAL CREDSSP_ERROR_PREFIX "Internal"
