/* SPDX-License-Identifier: MIT */
/* The copies and facts that credsspctl xrdp enable keeps for credsspctl xrdp disable. */
#pragma once

#include <stdbool.h>

#include "credsspctl/host/atomic-file.h"

enum xrdp_which { XRDP_INI, XRDP_STACK, XRDP_DROPIN, XRDP_FILES };

/* The directory, relative to the root. */
#define XRDP_STATE "var/lib/pam-credssp/xrdp"

#define XRDP_UNITS 3
#define XRDP_STACK_MAX 64U

/* relative to the root */
extern const char *const xrdp_paths[XRDP_FILES];

/* NULL data stands for a missing file. */
struct xrdp_file {
	struct file_text live; /* the present file */
	struct file_text base; /* the present file without the changes of xrdp_enable() */
	struct file_text before, after;
	bool shipped; /* before is as xrdp's package shipped it then */
	char *note;   /* about the base: changes that are left as they are; may be NULL */
};

struct xrdp_state {
	bool kept;  /* a state exists: before, after, stack and enabled are from it */
	bool whole; /* made by a version that replaced the PAM stack as a whole */
	struct xrdp_file file[XRDP_FILES];
	char stack[XRDP_STACK_MAX];
	bool enabled[XRDP_UNITS]; /* units that were not enabled before */
	bool settled;             /* xrdp was restarted after the change */
};

#define XRDP_STATE_NULL ((struct xrdp_state){ .kept = false })

void xrdp_state_done(struct xrdp_state *s);

/* Reads the state. Returns 0, also without a state, or -errno when it cannot be read. */
int xrdp_state_read(int root, struct xrdp_state *ret);

/* Replaces the kept state as a whole; only root can read it. live and base are not written. */
int xrdp_state_write(int root, const struct xrdp_state *s);

/* Removes the state, and the directory above it when that is empty. */
int xrdp_state_remove(int root);
