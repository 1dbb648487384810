/* SPDX-License-Identifier: MIT */
/* Computes the files that credsspctl xrdp writes, and the files that it leaves after disable. */
#pragma once

#include "credsspctl/host/stack-options.h"
#include "credsspctl/xrdp/xrdp-state.h"

#define XRDP_SHARE "usr/share/pam-credssp"
#define XRDP_PROBLEM_MAX 512U

/* A copy of a stack that an earlier version has made and an administrator has changed. */
#define XRDP_CHANGED "var/lib/pam-credssp/xrdp-sesman.changed"

/* Writes a sentence to @problem and returns @r. */
__attribute__((format(printf, 3, 4))) int xrdp_fail(char problem[XRDP_PROBLEM_MAX], int r, const char *fmt, ...);

/*
 * Reads every file and computes its base: the present file without the changes of xrdp_enable() that @s records; other
 * later changes stay. Returns 0 or -errno with a sentence in @problem.
 */
int xrdp_files_read(int root, struct xrdp_state *s, char problem[XRDP_PROBLEM_MAX]);

/*
 * Computes the new content of every file from its base, and makes the base the new `before`. @options NULL: the
 * arguments of the present stack. Returns 0 or -errno with a sentence in @problem: -EINVAL when the host's stack lacks
 * the module of s->stack, or when the outcomes of the new stack would be wrong.
 */
int xrdp_files_plan(int root, const struct stack_options *options, struct xrdp_state *s,
		    char problem[XRDP_PROBLEM_MAX]);
