/* SPDX-License-Identifier: MIT */
/*
 * Messages between the listener and the process of a connection, and between the listener and the template that forks
 * these processes. The process can open and connect nothing: it asks the listener for its descriptors. The rules for
 * messages are those of common/ipc/worker-msg.h.
 */
#pragma once

#include <stdint.h>

#include "common/base/limits.h"

enum rdp_type {
	/* process -> listener */
	RDP_ASK_BEGIN = 1, /* struct rdp_begin: Acceptor.Begin for this connection */
	RDP_ASK_XRDP = 2,  /* struct rdp_ask_xrdp: a connection to xrdp, answered when a slot is free; see below */
	RDP_LOG = 3,       /* struct rdp_log: a log line before CredSSP, which the listener limits for each address */
	/* listener -> template, with two descriptors: the client's socket, and the new process's socket to the listener */
	RDP_FORK = 8, /* struct rdp_fork */
	/* template -> listener */
	RDP_FORKED = 9, /* struct rdp_forked */
	/* listener -> process */
	RDP_CHANNEL = 16, /* struct rdp_answer, with the channel when error is 0 */
	RDP_XRDP = 17,    /* struct rdp_answer, with the connected socket when error is 0 */
};

struct rdp_begin {
	uint8_t type;
	uint8_t early_authorization;
	uint8_t restricted_admin;
	uint8_t remote_guard;
	uint32_t public_key_len; /* send only these */
	uint8_t public_key[SUBJECT_PUBLIC_KEY_MAX];
};

/*
 * The process leaves credsspd's CHANNEL_DONE in the queue of the channel. The listener has a copy of the channel and
 * finds it there: the proof of the logon, which a process that was taken over cannot make, and the user.
 */
struct rdp_ask_xrdp {
	uint8_t type;
	uint8_t pad_[7];
};

struct rdp_answer {
	uint8_t type;
	uint8_t pad_[3];
	int32_t error;    /* 0 or -errno */
	char detail[120]; /* for the log; may be empty */
};

struct rdp_log {
	uint8_t type;
	uint8_t level; /* LOG_ERR ... LOG_DEBUG */
	char text[254];
};

struct rdp_fork {
	uint8_t type;
	uint8_t request_flags; /* RDP_NEG_REQ flags */
	uint8_t direct;
	uint8_t pad_;
	uint16_t rport;
	uint8_t pad2_[2];
	uint32_t protocols, selected;
	char rhost[RHOST_MAX + 8U];
};

struct rdp_forked {
	uint8_t type;
	uint8_t pad_[3];
	int32_t pid; /* or -errno */
};

_Static_assert(sizeof(struct rdp_begin) == 8 + SUBJECT_PUBLIC_KEY_MAX, "no hidden padding");
_Static_assert(sizeof(struct rdp_ask_xrdp) == 8, "no hidden padding");
_Static_assert(sizeof(struct rdp_answer) == 128, "no hidden padding");
_Static_assert(sizeof(struct rdp_log) == 256, "no hidden padding");
_Static_assert(sizeof(struct rdp_fork) == 88, "no hidden padding");
_Static_assert(sizeof(struct rdp_forked) == 8, "no hidden padding");
