/* SPDX-License-Identifier: MIT */
/*
 * Plays a logon through a PAM stack, with assumed results of its modules. There are many ways to write a correct stack,
 * so the outcome is checked and not the text.
 */
#pragma once

#include <stdint.h>

#include "credsspctl/host/pamstack.h"

/* pam_credssp, as in pamstack_line.module. */
#define STACK_MODULE "pam_credssp"

enum stack_kind {
	STACK_REDEEM,
	STACK_VERIFY,
	STACK_PASSWORD, /* a module that verifies a password */
	STACK_NEUTRAL,  /* a module that succeeds whatever the password is */
	STACK_OTHER,
};

enum stack_kind stack_kind_of(const struct pamstack_line *l);

/* Returns whether the module uses the password or asks a question: before `redeem` it would get the ticket. */
bool stack_asks(const struct pamstack_line *l);

/* Returns the first line of @kind, or NULL. */
const struct pamstack_line *stack_first(const struct pamstack *s, enum stack_kind kind);

/* A logon: the results of the modules of each kind. */
struct stack_play {
	enum pamstack_result redeem, verify, password, other;
	size_t only; /* SIZE_MAX, or the one line of STACK_PASSWORD that returns @password: the others fail */
};

/* The logons for which every stack must have the right outcome. */
extern const struct stack_play stack_play_wrong;   /* a ticket, and a password that no module verifies */
extern const struct stack_play stack_play_right;   /* a ticket and the right password */
extern const struct stack_play stack_play_proved;  /* a ticket, proved by `verify` */
extern const struct stack_play stack_play_refused; /* no ticket, or a refused one, and the right password */
extern const struct stack_play stack_play_counted; /* `redeem` succeeds, and no module verifies the password */

/* Returns whether the stack succeeds. */
bool stack_play_succeeds(const struct pamstack *s, const struct stack_play *play);
