/* SPDX-License-Identifier: MIT */
/* What credsspctl xrdp enable keeps for credsspctl xrdp disable. */
#pragma once

#include <stdbool.h>

#include "credsspctl/host/atomic-file.h"

enum xrdp_which { XRDP_INI, XRDP_STACK, XRDP_DROPIN, XRDP_FILES };

/* The directory of what is kept, relative to the root. */
#define XRDP_STATE "var/lib/pam-credssp/xrdp"

#define XRDP_UNITS 3
#define XRDP_STACK_MAX 64U

/* relative to the root */
extern const char *const xrdp_paths[XRDP_FILES];

/* Data that is NULL: there is no file. */
struct xrdp_file {
	struct file_text live; /* now */
	struct file_text base; /* now, without what xrdp_enable() has put in */
	struct file_text before, after;
	bool shipped; /* before is as xrdp's package shipped it then */
	char *note;   /* of the base: what is left as it is; NULL for nothing */
};

struct xrdp_state {
	bool kept;  /* there is one: before, after, stack and enabled are from it */
	bool whole; /* of a version that replaced the PAM stack as a whole */
	struct xrdp_file file[XRDP_FILES];
	char stack[XRDP_STACK_MAX];
	bool enabled[XRDP_UNITS]; /* units that were not enabled before */
	bool settled;             /* xrdp has read the files since */
};

#define XRDP_STATE_NULL ((struct xrdp_state){ .kept = false })

void xrdp_state_done(struct xrdp_state *s);

/* 0 also when nothing is kept; -errno when something is that cannot be read. */
int xrdp_state_read(int root, struct xrdp_state *ret);

/* All of it or nothing, in place of what was kept before; only root can read it. live and base are not kept. */
int xrdp_state_write(int root, const struct xrdp_state *s);

/* Removes it, and the directory above it when nothing else is in there. */
int xrdp_state_remove(int root);
