/* SPDX-License-Identifier: MIT */
/*
 * Plays a logon through a stack: for each line, what its module would return. There are many ways to write a right
 * stack, so the outcome is looked at and not the text.
 */
#pragma once

#include <stdint.h>

#include "credsspctl/host/pamstack.h"

/* The module of the project, as pamstack_line has it. */
#define STACK_MODULE "pam_credssp"

enum stack_kind {
	STACK_REDEEM,
	STACK_VERIFY,
	STACK_PASSWORD, /* a module that verifies a password */
	STACK_NEUTRAL,  /* a module that succeeds whatever the password is */
	STACK_OTHER,
};

enum stack_kind stack_kind_of(const struct pamstack_line *l);

/* Whether the module takes the password of the logon, or asks for something: before `redeem` it gets the ticket. */
bool stack_asks(const struct pamstack_line *l);

/* Returns the first line of @kind, or NULL. */
const struct pamstack_line *stack_first(const struct pamstack *s, enum stack_kind kind);

/* How a logon goes: what the modules of each kind return. */
struct stack_play {
	enum pamstack_result redeem, verify, password, other;
	size_t only; /* SIZE_MAX, or the one line of STACK_PASSWORD that returns @password: the others fail */
};

/* The logons that every stack has to get right. */
extern const struct stack_play stack_play_wrong;   /* a ticket, and a password that no module verifies */
extern const struct stack_play stack_play_right;   /* a ticket and the right password */
extern const struct stack_play stack_play_proved;  /* a ticket, proved by `verify` */
extern const struct stack_play stack_play_refused; /* no ticket, or a refused one, and the right password */
extern const struct stack_play stack_play_counted; /* `redeem` succeeds, and no module verifies the password */

/* Whether the application would be told PAM_SUCCESS. */
bool stack_play_succeeds(const struct pamstack *s, const struct stack_play *play);
