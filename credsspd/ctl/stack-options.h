/* SPDX-License-Identifier: MIT */
/*
 * The arguments of pam_credssp that repeat what credsspd.conf says. root writes both files, so that the PAM stack does
 * not depend on the word of a credsspd that was taken over.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "credsspd/config/config.h"

struct stack_options {
	bool accept_proof;    /* of `verify` */
	unsigned minimum_uid; /* of `redeem` */
};

/* Returns the arguments that @c needs. */
struct stack_options stack_options_of(const struct config *c);

/* Returns the arguments that the text of a stack has; where no line has them, the module's defaults. */
struct stack_options stack_options_in(const char *text);

/*
 * Adds the arguments that differ from the module's defaults to the auth lines of pam_credssp in @text, which has none
 * of them yet. Returns 0 with the new text in *@ret (malloc'ed) and *@ret_len, or -ENOMEM.
 */
int stack_options_add(const char *text, const struct stack_options *o, char **ret, size_t *ret_len);
