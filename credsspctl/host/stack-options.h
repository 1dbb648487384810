/* SPDX-License-Identifier: MIT */
/*
 * The arguments of pam_credssp that repeat options of credsspd.conf. root writes both files, so that the PAM stack does
 * not depend on a credsspd that may have been taken over.
 */
#pragma once

#include <stdbool.h>

#include "common/config/config.h"

struct stack_options {
	bool accept_proof;    /* of `verify` */
	unsigned minimum_uid; /* of `redeem` */
};

/* Returns the arguments that @c needs. */
struct stack_options stack_options_of(const struct config *c);

/* Returns the arguments that the text of a stack has; where no line has them, the module's defaults. */
struct stack_options stack_options_in(const char *text);
