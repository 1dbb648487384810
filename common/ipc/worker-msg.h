/* SPDX-License-Identifier: MIT */
/*
 * Messages between supervisor, template and worker: SOCK_SEQPACKET, one message a packet, structs in host order with
 * fixed sizes. The supervisor parses only these; TSRequests pass through it unread. Every string is NUL-terminated
 * within its array; a message that breaks this rule is refused, and its sender is killed.
 *
 * The order of one handshake, as the worker sees it:
 *   < WORKER_START
 *   < WORKER_TSREQUEST ... > WORKER_REPLY ... (as often as the mechanism needs)
 *     (or > WORKER_NOT_MINE after the first: the other template gets the same bytes)
 *   > WORKER_AUTHENTICATED   after pubKeyAuth has been verified
 *   < WORKER_VERDICT         with the write end of the pipe when granted
 *   > WORKER_REPLY           pubKeyAuth, when granted; WORKER_FAILED otherwise
 *   < WORKER_TSREQUEST       authInfo
 *   > WORKER_DELEGATED       the hand-over is in the pipe, the pipe closed; the worker exits 0
 * WORKER_ASKED comes before the first answer to a client that began user-to-user, for the log.
 * The worker may send WORKER_FAILED in place of any other message, and then exits 0. The reply with errorCode is part
 * of WORKER_FAILED: the logon must count as refused, not as cancelled, when the client leaves after it has read the
 * code.
 */
#pragma once

#include <stdint.h>

#include "common/base/limits.h"

enum mechanism {
	MECHANISM_KRB5 = 1,
	MECHANISM_NTLM = 2,
};

static inline const char *mechanism_name(unsigned m)
{
	return m == MECHANISM_KRB5 ? "krb5" : m == MECHANISM_NTLM ? "ntlm" : "none";
}

enum worker_type {
	/* to the worker */
	WORKER_START = 1,
	WORKER_TSREQUEST = 2, /* the type byte, then the TSRequest */
	WORKER_VERDICT = 3,
	/* from the worker */
	WORKER_NOT_MINE = 16, /* struct worker_not_mine */
	WORKER_REPLY = 17,    /* the type byte, then the TSRequest to pass on; alone: no reply, the client continues */
	WORKER_AUTHENTICATED = 18,
	WORKER_DELEGATED = 19,
	WORKER_FAILED = 20,
	WORKER_ASKED = 21,
};

#define WORKER_PACKET_MAX (1U + TSREQUEST_MAX)
#define WORKER_DETAIL_MAX 384U    /* with the longest name of a PAM service */
#define WORKER_LAST_REPLY_MAX 32U /* version and errorCode */
#define RECORD_NAME_MAX (ACCOUNT_NAME_MAX + 8U)
#define RECORD_PRINCIPAL_MAX (PRINCIPAL_MAX + 8U)

enum worker_flag {
	WORKER_EARLY_AUTHORIZATION = 1, /* HYBRID_EX was negotiated */
	WORKER_RESTRICTED_ADMIN = 2,    /* this kind of credentials is accepted; passwords always are */
	WORKER_REMOTE_GUARD = 4,
	WORKER_LAST_RESORT = 8, /* no other template is left: refuse an unknown token, do not pass it on */
	WORKER_SMARTCARD = 16,
};

struct worker_start {
	uint8_t type;
	uint8_t min_version;
	uint8_t flags; /* enum worker_flag */
	uint8_t pad_[5];
	uint64_t logon;
	uint32_t public_key_len;
	uint32_t pad2_;
	uint8_t
	    public_key[SUBJECT_PUBLIC_KEY_MAX]; /* SubjectPublicKey contents; send only public_key_len bytes of it */
};

struct worker_verdict {
	uint8_t type;
	uint8_t granted;  /* 1: the message carries the write end of the pipe */
	uint16_t refusal; /* enum refusal, when not granted */
	uint32_t pad_;
};

/* Why Kerberos does not serve a client that began user-to-user. */
enum worker_no_tgt {
	WORKER_NO_TGT_NONE = 0, /* the client did not begin user-to-user, or there is another reason */
	WORKER_NO_TGT_LIVE = 1, /* this server has no valid ticket-granting ticket */
	WORKER_NO_TGT_OFF = 2,  /* kerberos = service-ticket */
};

struct worker_not_mine {
	uint8_t type;
	uint8_t no_tgt; /* enum worker_no_tgt */
};

struct worker_asked {
	uint8_t type;
	uint8_t pad_[7];
	char server[RECORD_PRINCIPAL_MAX]; /* the name that the client asked for, as it wrote it; printable ASCII */
};

struct worker_authenticated {
	uint8_t type;
	uint8_t mechanism;    /* enum mechanism */
	uint8_t version;      /* of CredSSP, min(peer, 6) */
	uint8_t user_to_user; /* 1: by Kerberos user-to-user */
	uint8_t from_domain;  /* 1: a KDC of Active Directory made the ticket */
	uint8_t pad_[3];
	char principal[RECORD_PRINCIPAL_MAX]; /* gss_display_name(); for NTLM as typed by the client */
	char account[RECORD_NAME_MAX];        /* the sAMAccountName in the ticket; may be empty */
};

struct worker_delegated {
	uint8_t type;
	uint8_t kind; /* enum credential_kind */
	uint8_t pad_[2];
	uint32_t handover_len;        /* bytes written to the pipe */
	char domain[RECORD_NAME_MAX]; /* as delegated, UTF-8; passed by name_decode() */
	char user[RECORD_NAME_MAX];
};

struct worker_failed {
	uint8_t type;
	uint8_t version; /* 0 when no version was read yet */
	uint8_t pad_;
	uint8_t kind;     /* enum credential_kind, once credentials were decrypted and their kind was known; else 0 */
	uint16_t refusal; /* enum refusal */
	uint16_t pad2_;
	char detail[WORKER_DETAIL_MAX]; /* library text for the log; may be empty */
	uint8_t
	    reply[WORKER_LAST_REPLY_MAX]; /* a TSRequest with errorCode for the client, to the end of the packet; may be
						 empty */
};

/* ---- supervisor and template, over the template's control socket ---- */

enum template_type {
	/* to the template */
	TEMPLATE_SPAWN = 1, /* with the worker's end of its socket, and for ntlm its socket to the verifier */
	TEMPLATE_KILL = 2,
	TEMPLATE_KEEPER = 3, /* krb5: with its end of a socket to the keeper (common/ipc/keeper-msg.h) */
	TEMPLATE_PING = 4,   /* TEMPLATE_READY is the answer */
	/* from the template */
	TEMPLATE_READY = 16, /* the self-test under the filter has succeeded */
	TEMPLATE_EXITED = 17,
};

struct template_record {
	uint8_t type;
	uint8_t pad_[3];
	int32_t status; /* TEMPLATE_EXITED: as waitpid() gives it; else 0 */
	uint64_t logon;
};

_Static_assert(sizeof(struct worker_start) == 24 + SUBJECT_PUBLIC_KEY_MAX, "no hidden padding");
_Static_assert(sizeof(struct worker_verdict) == 8, "no hidden padding");
_Static_assert(sizeof(struct worker_not_mine) == 2, "no hidden padding");
_Static_assert(sizeof(struct worker_asked) == 8 + RECORD_PRINCIPAL_MAX, "no hidden padding");
_Static_assert(sizeof(struct worker_authenticated) == 8 + RECORD_PRINCIPAL_MAX + RECORD_NAME_MAX, "no hidden padding");
_Static_assert(sizeof(struct worker_delegated) == 8 + 2 * RECORD_NAME_MAX, "no hidden padding");
_Static_assert(sizeof(struct worker_failed) == 8 + WORKER_DETAIL_MAX + WORKER_LAST_REPLY_MAX, "no hidden padding");
_Static_assert(sizeof(struct template_record) == 16, "no hidden padding");
