/* SPDX-License-Identifier: MIT */
/*
 * Messages between the ntlm worker, the verifier and the supervisor; rules as
 * in common/ipc/worker-msg.h.
 *
 * For each handshake with NTLM the supervisor gives the verifier one end of a socket pair and the worker the other
 * (VERIFIER_ATTACH). The verifier makes the challenge and sends it over that socket at once; the worker sends one
 * VERIFIER_QUERY with the client's response. The verifier first reports the proved account to the supervisor
 * (VERIFIER_RESULT), then answers the worker. So a worker chooses neither the challenge nor the account.
 */
#pragma once

#include <stdint.h>

#include "common/base/limits.h"
#include "common/ipc/worker-msg.h"
#include "common/wire/ntlm.h"

#define VERIFIER_DETAIL_MAX 160U

enum verifier_type {
	/* supervisor -> verifier */
	VERIFIER_ATTACH = 1, /* struct verifier_control, with one end of a socket pair */
	VERIFIER_SET = 2,    /* struct verifier_control, with the read end of the pipe that gives the password */
	VERIFIER_DELETE = 3, /* struct verifier_control */
	VERIFIER_LIST =
	    4, /* struct verifier_control: answered by one VERIFIER_LISTED a record and a last one with more = 0 */
	VERIFIER_UPDATE = 5, /* as SET, for an existing record: -ENOENT without a record of that name and uid */
	VERIFIER_PING = 6,   /* struct verifier_control; VERIFIER_READY is the answer */
	/* verifier -> supervisor */
	VERIFIER_READY = 16,   /* the type byte alone: the store has been opened */
	VERIFIER_RESULT = 17,  /* struct verifier_result: sent at once, also when the answer to the worker is delayed */
	VERIFIER_CHANGED = 18, /* struct verifier_changed: answer to SET, UPDATE and DELETE */
	VERIFIER_LISTED = 19,  /* struct verifier_listed */
	/* worker -> verifier */
	VERIFIER_QUERY = 32, /* struct verifier_query */
	/* verifier -> worker */
	VERIFIER_CHALLENGE = 33, /* struct verifier_challenge: the first message on the socket */
	VERIFIER_ANSWER = 34,    /* struct verifier_answer */
};

struct verifier_control {
	uint8_t type;
	uint8_t pad_[3];
	uint32_t uid;               /* SET, UPDATE: of the account that the name was resolved to */
	uint64_t id;                /* ATTACH: the logon; else a request id that the answer repeats */
	char name[RECORD_NAME_MAX]; /* SET, UPDATE, DELETE: canonical pw_name */
};

struct verifier_challenge {
	uint8_t type;
	uint8_t pad_[7];
	uint8_t server_challenge[NTLM_SERVER_CHALLENGE_LEN];
	uint8_t timestamp[NTLM_TIMESTAMP_LEN]; /* MsvAvTimestamp of the CHALLENGE, which the response has to repeat */
};

struct verifier_query {
	uint8_t type;
	uint8_t pad_[3];
	uint32_t nt_response_len;   /* bytes of nt_response; send only these */
	char user[RECORD_NAME_MAX]; /* UTF-8, as in the AUTHENTICATE message */
	char domain[RECORD_NAME_MAX];
	uint8_t nt_response[NTLM_RESPONSE_MAX]; /* NTProofStr and NTLMv2_CLIENT_CHALLENGE, MS-NLMP 2.2.2.8 */
};

struct verifier_answer {
	uint8_t type;
	uint8_t granted;
	uint8_t mic; /* 1: the response says that the AUTHENTICATE message has a MIC, which the worker then verifies */
	uint8_t pad_;
	uint32_t ntstatus;       /* for the client, when not granted */
	uint8_t session_key[16]; /* SessionBaseKey, MS-NLMP 3.3.2; zero when not granted */
};

struct verifier_result {
	uint8_t type;
	uint8_t granted;
	uint16_t refusal; /* enum refusal when not granted: the true reason, for the log */
	uint32_t uid;     /* of the record that was used, or of the domain's account */
	uint64_t logon;
	uint8_t by_domain; /* 1: name is winbind's name for that uid; the name service may have another */
	uint8_t asked;     /* 1: the domain has been asked; the result comes later */
	uint8_t pad_[6];
	char name[RECORD_NAME_MAX];       /* pw_name of the record; when not granted, the name that the client sent */
	char detail[VERIFIER_DETAIL_MAX]; /* for the log, when not granted; may be empty */
};

struct verifier_changed {
	uint8_t type;
	uint8_t pad_[3];
	int32_t result; /* 0 or -errno: -ENOENT no such record, -EINVAL empty or malformed password */
	uint64_t id;
};

struct verifier_listed {
	uint8_t type;
	uint8_t more; /* 0: the list has ended, name is empty */
	uint8_t pad_[2];
	uint32_t uid;
	uint64_t id;
	char name[RECORD_NAME_MAX];
};

_Static_assert(sizeof(struct verifier_control) == 16 + RECORD_NAME_MAX, "no hidden padding");
_Static_assert(sizeof(struct verifier_challenge) == 24, "no hidden padding");
_Static_assert(sizeof(struct verifier_query) == 8 + 2 * RECORD_NAME_MAX + NTLM_RESPONSE_MAX, "no hidden padding");
_Static_assert(sizeof(struct verifier_answer) == 24, "no hidden padding");
_Static_assert(sizeof(struct verifier_result) == 24 + RECORD_NAME_MAX + VERIFIER_DETAIL_MAX, "no hidden padding");
_Static_assert(sizeof(struct verifier_changed) == 16, "no hidden padding");
_Static_assert(sizeof(struct verifier_listed) == 16 + RECORD_NAME_MAX, "no hidden padding");
