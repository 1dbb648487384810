/* SPDX-License-Identifier: MIT */
/* From decrypted TSCredentials to the hand-over for pam_credssp. Pure, but for the mappings of struct secret. */
#pragma once

#include "credsspd/util/refusal.h"
#include "credsspd/worker/record.h"
#include "include/credssp/handover.h"
#include "include/credssp/secret.h"

/* What was delegated, without the secret parts. */
struct delegation {
	enum credential_kind kind;
	char domain[ACCOUNT_NAME_MAX + 1]; /* UTF-8; may be empty */
	char user[ACCOUNT_NAME_MAX + 1];   /* empty with restricted admin only */
};

/*
 * Reads @credentials (a whole TSCredentials) and writes the hand-over of them into
 * the empty secret @ret_handover. @flags (enum worker_flag) says which kinds are
 * allowed besides passwords. Returns REFUSAL_NONE, or why not, with both
 * results as they were.
 */
enum refusal delegation_read(const struct secret *credentials, unsigned flags, struct delegation *ret_,
			     struct secret *ret_handover);
