/* SPDX-License-Identifier: MIT */
/* What credsspctl xrdp makes of the files of the host, and what it leaves of them when it goes. */
#pragma once

#include "credsspctl/host/stack-options.h"
#include "credsspctl/xrdp/xrdp-state.h"

#define XRDP_SHARE "usr/share/pam-credssp"
#define XRDP_PROBLEM_MAX 512U

/* A copy of a stack that an earlier version has made and an administrator has changed. */
#define XRDP_CHANGED "var/lib/pam-credssp/xrdp-sesman.changed"

/* Puts a sentence into @problem and returns @r. */
__attribute__((format(printf, 3, 4))) int xrdp_fail(char problem[XRDP_PROBLEM_MAX], int r, const char *fmt, ...);

/*
 * Reads every file as it is now, and works out its base: what is left when the changes of xrdp_enable() that @s knows
 * of are taken out, whatever else has become of the file meanwhile. Returns 0 or -errno with a sentence in @problem.
 */
int xrdp_files_read(int root, struct xrdp_state *s, char problem[XRDP_PROBLEM_MAX]);

/*
 * Works out what every file has to become, from its base, and makes the base the new `before`. @options NULL: the
 * arguments that the stack in force has. Returns 0 or -errno with a sentence in @problem: -EINVAL when the stack of the
 * host lacks what s->stack stands for, or would not log on exactly those who may.
 */
int xrdp_files_plan(int root, const struct stack_options *options, struct xrdp_state *s,
		    char problem[XRDP_PROBLEM_MAX]);
