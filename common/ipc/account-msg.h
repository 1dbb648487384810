/* SPDX-License-Identifier: MIT */
/*
 * Messages between supervisor and account checker; rules as in common/ipc/worker-msg.h. One question, one answer. There
 * is no READY: a question may be sent as soon as the socket is connected.
 */
#pragma once

#include <stdint.h>

#include "common/ipc/worker-msg.h"

/*
 * A symbol that only credsspd defines. In a process with this symbol pam_credssp.so knows that the account's state is
 * asked before there is a ticket: its account line then requires no ticket, and its auth and session lines refuse. No
 * configuration file, PAM item or client can define a symbol. Code in the login program could (LD_PRELOAD), but such
 * code can log a user on without this.
 */
#define ACCOUNT_QUESTION_SYMBOL credssp_account_question
extern const char ACCOUNT_QUESTION_SYMBOL[] __attribute__((weak, visibility("default")));

enum account_type {
	ACCOUNT_QUESTION = 1, /* supervisor -> account checker */
	ACCOUNT_ANSWER = 16,  /* account checker -> supervisor */
};

struct account_question {
	uint8_t type;
	uint8_t local_password; /* 1: the verified password belongs to an account of this host, as in the NTLM store */
	uint8_t pad_[6];
	uint64_t id;
	char service[PAM_SERVICE_MAX + 8U]; /* PAM service; one of front_ends in credsspd.conf */
	char user[RECORD_NAME_MAX];         /* canonical pw_name */
	char rhost[RHOST_MAX + 8U];         /* PAM_RHOST; may be empty */
};

struct account_answer {
	uint8_t type;
	uint8_t pad_;
	uint16_t
	    refusal; /* REFUSAL_NONE: PAM has given no reason to refuse; else a state of the account, of weight 0 */
	int32_t pam; /* the result of pam_acct_mgmt(), or of pam_start() when that failed */
	uint64_t id;
	char detail[WORKER_DETAIL_MAX]; /* for the log, terminated: why, and what to do; empty with PAM_SUCCESS */
};

_Static_assert(sizeof(struct account_question) == 16 + PAM_SERVICE_MAX + 8U + RECORD_NAME_MAX + RHOST_MAX + 8U,
	       "no hidden padding");
_Static_assert(sizeof(struct account_answer) == 16 + WORKER_DETAIL_MAX, "no hidden padding");
