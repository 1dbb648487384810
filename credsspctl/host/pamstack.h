/* SPDX-License-Identifier: MIT */
/*
 * Reads a PAM stack as Linux-PAM does, and computes the outcome of a logon without calling modules. Services are
 * searched as by libpam: in /etc/pam.d, then in the directories of the distribution.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/cleanup.h"

#define PAMSTACK_LINES_MAX 128U
#define PAMSTACK_ARGS_MAX 16U

/* The directories, relative to the root, in libpam's order; NULL at the end. The first is the administrator's. */
extern const char *const pamstack_directories[];

enum pamstack_result { PAMSTACK_SUCCESS, PAMSTACK_IGNORE, PAMSTACK_FAILURE, PAMSTACK_RESULTS_ };

/* The action of a line for a result; a positive number is a jump. */
enum pamstack_action {
	PAMSTACK_DO_IGNORE = 0,
	PAMSTACK_DO_OK = -1,
	PAMSTACK_DO_DONE = -2,
	PAMSTACK_DO_BAD = -3,
	PAMSTACK_DO_DIE = -4,
	PAMSTACK_DO_RESET = -5,
};

struct pamstack_line {
	char *text;          /* the memory of the strings below */
	char *path;          /* of the module, as in the file; NULL for the head of a substack */
	bool may_be_missing; /* the type has a leading - */
	const char *module;  /* without directory and .so; "" for the head of a substack */
	const char *args[PAMSTACK_ARGS_MAX];
	size_t n_args;
	int action[PAMSTACK_RESULTS_];
	bool leaves;    /* for some result (in action[] or not) the line ends the stack or jumps */
	bool included;  /* it is from another file than the first one */
	unsigned level; /* of substacks */
};

struct pamstack {
	struct pamstack_line line[PAMSTACK_LINES_MAX];
	size_t n;
};

/*
 * Reads the lines of @type ("auth" ...) of @service below the directory @root, with the files that they include.
 * Returns 0 (pamstack_free()) or -errno with a sentence in *@ret_error (malloc'ed, may be NULL without memory).
 */
int pamstack_read(int root, const char *service, const char *type, struct pamstack **ret_, char **ret_error);

/* Does the same for @text in place of the file of a service. */
int pamstack_read_text(int root, const char *text, const char *type, struct pamstack **ret_, char **ret_error);
void pamstack_free(struct pamstack *s);

static inline void pamstack_cleanup_(struct pamstack **s)
{
	pamstack_free(*s);
}

#define AUTO_PAMSTACK CLEANUP(pamstack_cleanup_)

/* Returns the first line of @module, or NULL. */
const struct pamstack_line *pamstack_find(const struct pamstack *s, const char *module);

/*
 * Returns whether the line of a file that begins at @line and has @len bytes ends in \, so that the next line belongs to
 * it: not in a comment, and only blanks may follow.
 */
bool pamstack_line_continues(const char *line, size_t len);

bool pamstack_has_arg(const struct pamstack_line *l, const char *arg);

/* Returns the value of an argument "@name=value", or NULL. */
const char *pamstack_arg(const struct pamstack_line *l, const char *name);

/* Returns whether the stack succeeds when each line's module returns the result of @ask. */
bool pamstack_succeeds(const struct pamstack *s,
		       enum pamstack_result (*ask)(const struct pamstack_line *l, size_t i, const void *userdata),
		       const void *userdata);
