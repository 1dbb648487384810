/* SPDX-License-Identifier: MIT */
/*
 * Records between supervisor and account checker; rules as in common/ipc/worker-msg.h. One question, one answer. There
 * is no ready record: a question may be sent as soon as the socket is connected.
 */
#pragma once

#include <stdint.h>

#include "common/ipc/worker-msg.h"

/*
 * Defined by credsspd and by no other program. In a process that has this symbol, pam_credssp.so is asked for the state
 * of an account before there is a ticket: its line in the account phase does not require one, its lines in the auth and
 * session phases refuse. No configuration file, PAM item or client can define a symbol; only code in the login program
 * can (LD_PRELOAD), which needs no exemption.
 */
#define ACCOUNT_QUESTION_SYMBOL credssp_account_question
extern const char ACCOUNT_QUESTION_SYMBOL[] __attribute__((weak, visibility("default")));

enum account_type {
	ACCOUNT_QUESTION = 1, /* supervisor -> account checker */
	ACCOUNT_ANSWER = 16,  /* account checker -> supervisor */
};

struct account_question {
	uint8_t type;
	uint8_t local_password; /* 1: the password that was proved is one of this host, as in the NTLM store */
	uint8_t pad_[6];
	uint64_t id;
	char service[PAM_SERVICE_MAX + 8U]; /* PAM service; one of front_ends in credsspd.conf */
	char user[RECORD_NAME_MAX];         /* canonical pw_name */
	char rhost[RHOST_MAX + 8U];         /* PAM_RHOST; may be empty */
};

struct account_answer {
	uint8_t type;
	uint8_t pad_;
	uint16_t refusal; /* REFUSAL_NONE: PAM has given no reason to refuse; else a state of the account, of weight 0 */
	int32_t pam;      /* what pam_acct_mgmt() returned, or pam_start() when that failed */
	uint64_t id;
	char detail[WORKER_DETAIL_MAX]; /* for the log, terminated: why, and what to do; empty with PAM_SUCCESS */
};

_Static_assert(sizeof(struct account_question) == 16 + PAM_SERVICE_MAX + 8U + RECORD_NAME_MAX + RHOST_MAX + 8U,
	       "no hidden padding");
_Static_assert(sizeof(struct account_answer) == 16 + WORKER_DETAIL_MAX, "no hidden padding");
