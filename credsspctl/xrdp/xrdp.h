/* SPDX-License-Identifier: MIT */
/*
 * credsspctl xrdp: puts xrdp behind credsspd-rdp, and takes it out again. In /etc/xrdp/xrdp.ini the keys of the shipped
 * fragment are set; /etc/pam.d/xrdp-sesman gets the lines of pam_credssp; a drop-in gives xrdp.service the group xrdp,
 * so that credsspd-rdp reaches its socket. What the files were, and what they became, is kept below XRDP_STATE.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "credsspctl/host/stack-options.h"
#include "credsspctl/host/systemctl.h"
#include "credsspctl/xrdp/xrdp-files.h"

struct xrdp_host {
	int root; /* the directory that all paths are relative to */
	struct systemctl_host units;
	FILE *out; /* the list of changes is printed here */
	/* Connects to xrdp's socket @path as credsspd-rdp; returns 0 or -errno. NULL: not tried. */
	int (*reach)(void *userdata, const char *path);
	/* Returns how many desktops a restart of xrdp would orphan; NULL: 0. */
	unsigned (*desktops)(void *userdata);
	/* Returns whether to restart with @n open desktops; NULL: no. */
	bool (*confirm)(void *userdata, unsigned n);
	void *userdata;
};

struct xrdp_wish {
	/* The required module in the host's stack: "local", "krb5", "sss", "winbind"; "smartcard": passwords are
	 * refused. NULL: the present value, else "local". */
	const char *stack;
	bool dry_run;                        /* show, and change nothing */
	bool force;                          /* also with desktops that are open */
	const struct stack_options *options; /* for xrdp_enable(); NULL: the present options */
};

/*
 * Both return 0 or -errno with a sentence in @problem. xrdp_enable() returns 0 only after host->reach() has succeeded;
 * when the front end cannot be started or does not reach xrdp, everything is put back as it was before the first
 * xrdp_enable(). Files that have been changed since keep those changes: xrdp_disable() takes out what xrdp_enable() has
 * put in. -EBUSY when desktops are open and the restart of xrdp was not confirmed: then nothing is changed. After an
 * interruption either can be run again.
 */
int xrdp_enable(const struct xrdp_host *host, const struct xrdp_wish *wish, char problem[XRDP_PROBLEM_MAX]);
int xrdp_disable(const struct xrdp_host *host, const struct xrdp_wish *wish, char problem[XRDP_PROBLEM_MAX]);

/*
 * Finds out whether xrdp_enable(), with its earlier arguments, would change a file now: after an upgrade, or when a file
 * was changed. Returns 0 and such a file of xrdp_paths[] in *@ret_path, NULL without one; -ENOENT when xrdp_enable() is
 * not in force, or another -errno.
 */
int xrdp_outdated(int root, const char **ret_path);
