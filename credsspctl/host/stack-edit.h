/* SPDX-License-Identifier: MIT */
/*
 * Adds the lines of pam_credssp to the PAM stack of the host, and removes them. Other lines are not changed. Each added
 * line ends with the comment STACK_EDIT_MARK, by which it is found later.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "credsspctl/host/stack-options.h"

#define STACK_EDIT_MARK "# credsspctl xrdp enable"

struct stack_edit {
	struct stack_options options;
	bool no_password; /* only users that `verify` has proved can log on */
	/* The present stack with such lines, or NULL: `redeem` and `verify` keep its other arguments (timeout=,
	 * pkcs11_module= ...). */
	const char *present;
};

/*
 * Adds the lines to @text, which must have no marked lines; included files are read below the directory @root.
 *
 * auth: `redeem` and `verify` before the first line that may ask for a password, may end the stack or jump, or includes
 * such a line. account: before the first line. session: before the first line that includes others or works for the
 * session, and a second one at the end where pam_systemd makes /run/user for a credentials cache. A type for
 * which @text has unmarked lines of pam_credssp, written by an administrator, gets no lines.
 *
 * Returns 0 with the new text in *@ret (malloc'ed) and *@ret_len, or -errno with a sentence in *@ret_error (malloc'ed,
 * may be NULL without memory): -ENOENT for an included file that is missing.
 */
int stack_edit_add(int root, const char *text, const struct stack_edit *edit, char **ret, size_t *ret_len,
		   char **ret_error);

/*
 * Takes the marked lines out of @text, also when their arguments have been changed. Comments stay. Returns 0 with the
 * new text in *@ret (malloc'ed) and *@ret_len, or -ENOMEM.
 */
int stack_edit_remove(const char *text, char **ret, size_t *ret_len);

/* Returns whether @text has a marked line. */
bool stack_edit_is_in(const char *text);

/* Returns whether @text has a line of pam_credssp that is not marked. */
bool stack_edit_has_own(const char *text);
