/* SPDX-License-Identifier: MIT */
/*
 * credsspctl xrdp: puts xrdp behind credsspd-rdp, and takes it out again. Two files of the xrdp package are changed:
 * the keys of the shipped fragment in [Globals] of xrdp.ini, and the whole PAM stack of xrdp-sesman, which becomes a
 * shipped one with the arguments that credsspd.conf wants. What they were, and what they became, is kept below
 * XRDP_STATE until xrdp_disable().
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "credsspd/ctl/stack-options.h"
#include "credsspd/ctl/units.h"

#define XRDP_STATE "var/lib/pam-credssp/xrdp"
#define XRDP_SHARE "usr/share/pam-credssp"
#define XRDP_PROBLEM_MAX 512U

struct xrdp_host {
	int root; /* the directory that all paths are relative to */
	struct units_host units;
	FILE *out; /* what is changed */
	/* Connects to xrdp's socket @path as credsspd-rdp; 0 or -errno. NULL: this is not tried. */
	int (*reach)(void *userdata, const char *path);
	void *userdata;
};

struct xrdp_wish {
	const char *stack;                   /* NULL: the one that is in force, else "local" */
	bool dry_run;                        /* show, and change nothing */
	const struct stack_options *options; /* of xrdp_enable(); NULL: the module's defaults */
};

/*
 * Both return 0 or -errno with a sentence in @problem. xrdp_enable() returns 0 only after host->reach() has succeeded;
 * when the front end cannot be started or does not reach xrdp, everything is put back as it was before the first
 * xrdp_enable(). Nothing is changed when a file is neither what it was nor what xrdp_enable() made of it. After an
 * interruption either can be run again.
 */
int xrdp_enable(const struct xrdp_host *host, const struct xrdp_wish *wish, char problem[XRDP_PROBLEM_MAX]);
int xrdp_disable(const struct xrdp_host *host, const struct xrdp_wish *wish, char problem[XRDP_PROBLEM_MAX]);

/*
 * Whether xrdp_enable() would make of a file something else now than it has made, after an upgrade; with the arguments
 * that it was given then. Returns 0 with its
 * path in *@ret_path, absolute and constant, or NULL for none, and in *@ret_edited whether somebody has changed it
 * since; -ENOENT when xrdp_enable() is not in force, -errno when that cannot be found out.
 */
int xrdp_outdated(int root, const char **ret_path, bool *ret_edited);
