/* SPDX-License-Identifier: MIT */
/*
 * The acceptor of the workers of one template: the mechanisms of its family (Kerberos or NTLM), raw or in SPNEGO. The
 * template makes it once; each worker that is forked from the template has one context in it.
 *
 * After acceptor_new() only NTLM does I/O, with the verifier.
 */
#pragma once

#include <stdbool.h>

#include "common/base/refusal.h"
#include "common/base/secret.h"
#include "common/ipc/keeper-msg.h"
#include "common/ipc/worker-msg.h"
#include "common/wire/view.h"

struct acceptor;

struct acceptor_options {
	/* for Kerberos */
	const char *keytab; /* a file */
	bool service_ticket, user_to_user;
	/* for NTLM */
	const char *nb_domain; /* NetBIOS name of the domain that the host is a member of, or NULL */
};

/*
 * Makes the acceptor of @mechanism. It also changes the environment, so it must be called before any function of
 * GSSAPI. Returns 0, or -errno (-ENOKEY: no TERMSRV key, -ENOTSUP: no algorithms for NTLM) and one sentence in
 * *@ret_error (malloc'ed, may be NULL).
 */
int acceptor_new(enum mechanism mechanism, const struct acceptor_options *options, struct acceptor **ret_acceptor,
		 char **ret_error);
void acceptor_free(struct acceptor *a);

/* Drops the context; the acceptor can then accept another client. */
void acceptor_reset(struct acceptor *a);

/* In the template, while no context is open: adds a ticket-granting ticket. Returns 0 or -errno. */
int acceptor_add_tgt(struct acceptor *a, const struct keeper_tgt *tgt);

/* In the template: replaces the table of names that clients ask for and their owners. Returns 0 or -errno. */
int acceptor_set_names(struct acceptor *a, const struct keeper_names *names);

/* The forms of a first token. */
enum acceptor_form {
	ACCEPTOR_RAW,
	ACCEPTOR_SPNEGO,
	ACCEPTOR_USER_TO_USER, /* in SPNEGO */
	ACCEPTOR_FORMS_
};

bool acceptor_serves(const struct acceptor *a, enum acceptor_form form);

/* For the self-test: return the name of the acceptor's keytab in memory ("MEMORY:..."), and end the self-test. */
const char *acceptor_keytab(const struct acceptor *a, enum acceptor_form form);
void acceptor_started(struct acceptor *a);

/* In the template: makes the libraries fail once, so that they load what they need for errors. */
void acceptor_warm_up(struct acceptor *a);

/* In the worker, before the first token: sets the socket to the verifier, which stays the caller's. */
void acceptor_attach_verifier(struct acceptor *a, int verifier);

/*
 * In the worker, before the first token: declares that no other template can serve the client, so that this one is used
 * even when the client prefers a mechanism of the other family.
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

/* Returns the token for the client, or VIEW_NULL; valid until the next call of acceptor_accept() or
 * acceptor_token_sent(). */
struct view acceptor_token(const struct acceptor *a);

/* Drops the token. */
void acceptor_token_sent(struct acceptor *a);

/* Returns why a client that began user-to-user was not served with Kerberos. */
enum worker_no_tgt acceptor_no_tgt(const struct acceptor *a);

/* Returns the name that a user-to-user client asked for ("TERMSRV/host", printable); empty when unknown. */
const char *acceptor_asked(const struct acceptor *a);

/* Returns whether the context is a user-to-user context. */
bool acceptor_user_to_user(const struct acceptor *a);

/* After COMPLETE: the authenticated name in UTF-8, NUL-terminated. Returns 0, or -EINVAL with acceptor_refusal() set.
 */
int acceptor_principal(struct acceptor *a, char ret_[RECORD_PRINCIPAL_MAX]);

/*
 * After COMPLETE: finds out whether a KDC of Active Directory made the client's ticket, and the account's
 * sAMAccountName in the ticket (may be empty; always empty with NTLM). Returns 0, or -EINVAL with acceptor_refusal()
 * set.
 */
int acceptor_account(struct acceptor *a, bool *ret_from_domain, char ret_[RECORD_NAME_MAX]);

/*
 * Decrypts a wrapped message of the client into the empty secret @ret_. The bytes at @token may be cleartext
 * afterwards: the caller must wipe them. Returns 0, or -EBADMSG with acceptor_refusal() set.
 */
int acceptor_unwrap(struct acceptor *a, uint8_t *token, size_t len, struct secret *ret_);

/* Encrypts @in in a form that all clients accept. Returns 0 and the length in @ret_len, -ENOSPC or -EIO. */
int acceptor_wrap(struct acceptor *a, struct view in, uint8_t *out, size_t size, size_t *ret_len);

/* Return why the last call failed, and a text about it for the log (may be empty). */
enum refusal acceptor_refusal(const struct acceptor *a);
const char *acceptor_detail(const struct acceptor *a);
