/* SPDX-License-Identifier: MIT */
/*
 * What the workers of one template accept: the mechanisms of its family, raw or in SPNEGO. Made once, in the template;
 * a worker that is forked from it has one context.
 *
 * Nothing here does I/O once it is made, but for the exchange with the verifier in NTLM.
 */
#pragma once

#include <stdbool.h>

#include "common/base/refusal.h"
#include "common/base/secret.h"
#include "common/ipc/tgt-agent-msg.h"
#include "common/ipc/worker-msg.h"
#include "common/wire/view.h"

struct acceptor;

struct acceptor_options {
	/* of Kerberos */
	const char *keytab; /* a file */
	bool service_ticket, user_to_user;
	/* of NTLM */
	const char *nb_domain; /* NetBIOS name of the domain that the host is a member of; NULL: of no domain */
};

/*
 * The acceptor of @mechanism, after changes of the environment: call it before anything else of GSSAPI in this process.
 * On failure returns -errno (-ENOKEY: no TERMSRV key, -ENOTSUP: no algorithms for NTLM) and one sentence in *@ret_error
 * (malloc'ed, may be NULL).
 */
int acceptor_new(enum mechanism mechanism, const struct acceptor_options *options, struct acceptor **ret_acceptor,
		 char **ret_error);
void acceptor_free(struct acceptor *a);

/* Drops the context; the acceptor can then accept another client. */
void acceptor_reset(struct acceptor *a);

/* In the template, while no context is open: adds a ticket-granting ticket. Returns 0 or -errno. */
int acceptor_add_tgt(struct acceptor *a, const struct keeper_tgt *tgt);

/* In the template: replaces what is known of the owners of names that clients ask for. Returns 0 or -errno. */
int acceptor_set_names(struct acceptor *a, const struct keeper_names *names);

/* The forms that first tokens come in. */
enum acceptor_form {
	ACCEPTOR_RAW,
	ACCEPTOR_SPNEGO,
	ACCEPTOR_USER_TO_USER, /* in SPNEGO */
	ACCEPTOR_FORMS_
};

bool acceptor_serves(const struct acceptor *a, enum acceptor_form form);

/* For the self-test: the keytab in memory of a Kerberos acceptor ("MEMORY:..."), and the end of the test. */
const char *acceptor_keytab(const struct acceptor *a, enum acceptor_form form);
void acceptor_started(struct acceptor *a);

/* In the template: makes the libraries fail once, so that they load what they need for errors. */
void acceptor_warm_up(struct acceptor *a);

/* In the worker, before the first token: the socket to the verifier, which stays the caller's. */
void acceptor_attach_verifier(struct acceptor *a, int verifier);

/*
 * In the worker, before the first token: no other template can serve the client, so that a mechanism of the other
 * family does not come first.
 */
void acceptor_set_last_resort(struct acceptor *a);

enum acceptor_result {
	ACCEPTOR_CONTINUE, /* another token is needed; there is one to send */
	ACCEPTOR_COMPLETE, /* authenticated; there may be a token to send */
	ACCEPTOR_FOREIGN,  /* the first token is for the other template; see also acceptor_no_tgt() */
	ACCEPTOR_REFUSED,  /* see acceptor_refusal() and acceptor_detail() */
};

/* Takes the client's @token. */
enum acceptor_result acceptor_accept(struct acceptor *a, struct view token);

/* Returns the token for the client, or VIEW_NULL without one; valid until the next call of acceptor_accept() or
 * acceptor_token_sent(). */
struct view acceptor_token(const struct acceptor *a);

/* Drops the token. */
void acceptor_token_sent(struct acceptor *a);

/* Returns why a client that began user-to-user was not served with Kerberos. */
enum worker_no_tgt acceptor_no_tgt(const struct acceptor *a);

/* The name that the client asked for when it began user-to-user ("TERMSRV/host", printable); empty when not known. */
const char *acceptor_asked(const struct acceptor *a);

/* The context is one of user-to-user. */
bool acceptor_user_to_user(const struct acceptor *a);

/* After COMPLETE: the authenticated name in UTF-8, NUL-terminated. Returns 0, or -EINVAL with acceptor_refusal() set.
 */
int acceptor_principal(struct acceptor *a, char ret_[RECORD_PRINCIPAL_MAX]);

/*
 * After COMPLETE: whether a KDC of Active Directory made the client's ticket, and what it calls the account there
 * (sAMAccountName; empty when the ticket does not say, and with NTLM). Returns 0, or -EINVAL with acceptor_refusal()
 * set.
 */
int acceptor_account(struct acceptor *a, bool *ret_from_domain, char ret_[RECORD_NAME_MAX]);

/*
 * Decrypts what the client wrapped into the empty secret @ret_. The bytes at @token are used up: they may be
 * cleartext afterwards and are the caller's to wipe. Returns 0, or -EBADMSG with acceptor_refusal() set.
 */
int acceptor_unwrap(struct acceptor *a, uint8_t *token, size_t len, struct secret *ret_);

/* Encrypts @in in the form that every client takes. Returns 0 and the length in @ret_len, -ENOSPC or -EIO. */
int acceptor_wrap(struct acceptor *a, struct view in, uint8_t *out, size_t size, size_t *ret_len);

/* Why the last call failed, and a text about it for the log (may be empty). */
enum refusal acceptor_refusal(const struct acceptor *a);
const char *acceptor_detail(const struct acceptor *a);
