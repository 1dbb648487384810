/* SPDX-License-Identifier: MIT */
/* Messages between supervisor and resolver; rules as in common/ipc/worker-msg.h. One request, one answer. */
#pragma once

#include <stdint.h>

#include "common/ipc/worker-msg.h"

enum resolver_type {
	RESOLVE_PRINCIPAL = 1,      /* a Kerberos principal -> account (localauth, getpwnam), then the account rules */
	RESOLVE_ACCOUNT = 2,        /* {uid, user} of the NTLM store or an earlier lookup -> account, then the rules */
	RESOLVE_DELEGATED = 3,      /* delegated {domain, user} -> account, without the account rules */
	RESOLVE_NAME = 4,           /* a local user name -> account, without rules; for the Manager */
	RESOLVE_DOMAIN_ACCOUNT = 5, /* {uid, user}, winbind's name of the account -> account, then the rules */
	RESOLVER_READY = 16,        /* resolver -> supervisor, the type byte alone */
	RESOLVER_ANSWER = 17,
};

struct resolver_request {
	uint8_t type;
	uint8_t mechanism; /* RESOLVE_DELEGATED: how the client authenticated */
	uint8_t kind; /* enum credential_kind of delegated credentials: its own lists apply as well; 0 before that */
	uint8_t from_domain; /* RESOLVE_PRINCIPAL: as in struct worker_authenticated */
	uint32_t
	    uid; /* RESOLVE_ACCOUNT, RESOLVE_DOMAIN_ACCOUNT; RESOLVE_DELEGATED: the authenticated account, for @kind */
	uint64_t id;
	char principal[RECORD_PRINCIPAL_MAX]; /* RESOLVE_PRINCIPAL; RESOLVE_DELEGATED: the principal, or after NTLM
						 the proved pw_name */
	char domain[RECORD_NAME_MAX];         /* RESOLVE_DELEGATED */
	char user[RECORD_NAME_MAX];           /* RESOLVE_PRINCIPAL: account of struct worker_authenticated */
};

struct resolver_answer {
	uint8_t type;
	uint8_t trouble;  /* enum name_trouble: what is wrong with the client's names; 0 for other reasons */
	uint16_t refusal; /* enum refusal; REFUSAL_NONE: uid and name are the account */
	uint32_t uid;
	uint64_t id;
	char name[RECORD_NAME_MAX]; /* pw_name */
};

_Static_assert(sizeof(struct resolver_request) == 16 + RECORD_PRINCIPAL_MAX + 2 * RECORD_NAME_MAX, "no hidden padding");
_Static_assert(sizeof(struct resolver_answer) == 16 + RECORD_NAME_MAX, "no hidden padding");
