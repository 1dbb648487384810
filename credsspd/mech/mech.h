/* SPDX-License-Identifier: MIT */
/*
 * One security mechanism as acceptor, and its one context. Kerberos with service tickets, Kerberos user-to-user
 * (kerberos.c) and NTLM (ntlm.c) implement it; spnego.c negotiates them, acceptor.c owns them. A context is set up by
 * accept(); the other functions are for a context that is complete.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/refusal.h"
#include "common/base/secret.h"
#include "common/ipc/worker-msg.h"
#include "common/wire/view.h"

struct mech;

enum mech_result {
	MECH_CONTINUE,    /* the client must send another token; the reply has one for it */
	MECH_COMPLETE,    /* the client is authenticated; the reply may have a token for it */
	MECH_UNAVAILABLE, /* the mechanism cannot serve the client; nothing was sent: another may be tried */
	MECH_REFUSED,     /* the reply has the reason */
};

/* The result of a step: a token for the client, or the reason for a refusal. All zeros: empty. */
struct mech_reply {
	uint8_t *token; /* malloc'ed; NULL: no token */
	size_t token_len;
	enum refusal refusal;
	char detail[WORKER_DETAIL_MAX]; /* for the log */
};

/* Stores the reason, and returns MECH_REFUSED; with @detail NULL an earlier detail stays. */
enum mech_result mech_refuse(struct mech_reply *r, enum refusal refusal, const char *detail);

/* Puts a copy of @token into the reply. Returns 0 or -ENOMEM. */
int mech_give(struct mech_reply *r, struct view token);

/* Returns the token of the reply, or VIEW_NULL. */
struct view mech_token(const struct mech_reply *r);
void mech_drop_token(struct mech_reply *r);

/* Frees the token and empties the reply. */
void mech_reply_reset(struct mech_reply *r);

struct mech_ops {
	/* Takes the client's next token. */
	enum mech_result (*accept)(struct mech *m, struct view token);

	/* Makes the MIC over SPNEGO's MechTypeList. Returns 0 and the length, or -EIO. */
	int (*mic)(struct mech *m, struct view message, uint8_t *out, size_t size, size_t *ret_len);

	/* Verifies the client's MIC. Returns 0, or -EBADMSG with the reason in the reply. */
	int (*verify_mic)(struct mech *m, struct view message, struct view mic);

	/* Encrypts @in in a form that all clients accept. Returns 0 and the length, -ENOSPC or -EIO. */
	int (*wrap)(struct mech *m, struct view in, uint8_t *out, size_t size, size_t *ret_len);

	/*
	 * Decrypts into the empty secret @ret_. The bytes at @token may be cleartext afterwards: the caller must wipe
	 * them. Returns 0, or -EBADMSG with the reason in the reply.
	 */
	int (*unwrap)(struct mech *m, uint8_t *token, size_t len, struct secret *ret_);

	/* Writes the authenticated name in UTF-8, as the mechanism displays it, to @out. Returns 0 and the length, or
	 * -EINVAL.
	 */
	int (*name)(struct mech *m, char *out, size_t size, size_t *ret_len);

	/* Drops the context; the mechanism can then serve another client. */
	void (*reset)(struct mech *m);

	void (*free)(struct mech *m);
};

/* The first member of every implementation. */
struct mech {
	const struct mech_ops *ops;
	/* SPNEGO always exchanges mechListMICs with this mechanism, see kerberos.c */
	bool always_mic;
	struct mech_reply reply;
};
