/* SPDX-License-Identifier: MIT */
/* From decrypted TSCredentials to the hand-over for pam_credssp. Pure, but for the mappings of struct secret. */
#pragma once

#include "common/base/refusal.h"
#include "common/base/secret.h"
#include "common/ipc/handover.h"
#include "common/ipc/worker-msg.h"

/* What was delegated, without the secret parts. */
struct delegation {
	enum credential_kind kind;
	/* UTF-8. A password's domain may be empty; with a smart card both are hints, and may be; otherwise both are */
	char domain[ACCOUNT_NAME_MAX + 1];
	char user[ACCOUNT_NAME_MAX + 1];
};

/*
 * Reads @credentials (a whole TSCredentials) and writes the hand-over of them into
 * the empty secret @ret_handover. @flags (enum worker_flag) says which kinds are
 * allowed besides passwords. Returns REFUSAL_NONE, or why not, with @ret_handover
 * as it was and nothing in @ret_ but the kind, which is CREDENTIAL_NONE when it was not understood.
 */
enum refusal delegation_read(const struct secret *credentials, unsigned flags, struct delegation *ret_,
			     struct secret *ret_handover);
