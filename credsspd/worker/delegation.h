/* SPDX-License-Identifier: MIT */
/* Makes the hand-over for pam_credssp from decrypted TSCredentials. Pure, except that struct secret maps memory. */
#pragma once

#include "common/base/refusal.h"
#include "common/base/secret.h"
#include "common/ipc/handover.h"
#include "common/ipc/worker-msg.h"

/* The delegated credentials without their secret parts. */
struct delegation {
	enum credential_kind kind;
	/* UTF-8. A password's domain may be empty; with a smart card both are hints, and may be; otherwise both are */
	char domain[ACCOUNT_NAME_MAX + 1];
	char user[ACCOUNT_NAME_MAX + 1];
};

/*
 * Reads @credentials (a whole TSCredentials) and writes the hand-over of them into
 * the empty secret @ret_handover. @flags (enum worker_flag) says which kinds are
 * allowed besides passwords. Returns REFUSAL_NONE or the refusal. After a refusal @ret_handover is unchanged, and only
 * the kind is set in @ret_; it is CREDENTIAL_NONE for an unknown kind.
 */
enum refusal delegation_read(const struct secret *credentials, unsigned flags, struct delegation *ret_,
			     struct secret *ret_handover);
