/* SPDX-License-Identifier: MIT */
/*
 * The GSSAPI acceptor of one mechanism. The credential is made once, in the
 * template; a worker forked from it has one context.
 *
 * Nothing here does I/O once the credential exists, except the question to the
 * verifier that wbc.c asks from within acceptor_accept().
 */
#pragma once

#include <stdbool.h>

#include "credsspd/keeper/record.h"
#include "credsspd/util/refusal.h"
#include "credsspd/wire/view.h"
#include "credsspd/worker/record.h"
#include "include/credssp/secret.h"

struct acceptor;

/*
 * Makes the environment such that libgssapi_krb5 loads exactly what @mechanism
 * needs and gss-ntlmssp looks nothing up. Call before anything else of GSSAPI in this
 * process. Returns 0 or -errno.
 */
int acceptor_environment(enum mechanism mechanism);

struct acceptor_options {   /* of krb5; ntlm has none */
	const char *keytab; /* a file */
	bool service_ticket, user_to_user;
};

/*
 * The acceptor of @mechanism. krb5: for service tickets with the AES keys for TERMSRV/ principals of the keytab, read
 * now and kept in memory; for user-to-user with the tickets that acceptor_add_tgt() will bring. On failure
 * returns -errno (-ENOKEY: no such key) and one sentence in *@ret_error (malloc'ed,
 * may be NULL).
 */
int acceptor_new(enum mechanism mechanism, const struct acceptor_options *options, struct acceptor **ret_acceptor,
		 char **ret_error);
void acceptor_free(struct acceptor *a);

/* Forgets the context: the acceptor is as new. */
void acceptor_reset(struct acceptor *a);

/* In the template, while no context is open: takes a ticket-granting ticket in. Returns 0 or -errno. */
int acceptor_add_tgt(struct acceptor *a, const struct keeper_tgt *tgt);

/* There too: whose the names are that clients ask for, in place of what was known. Returns 0 or -errno. */
int acceptor_set_names(struct acceptor *a, const struct keeper_names *names);

/* The forms that first tokens come in. */
enum acceptor_form {
	ACCEPTOR_RAW,
	ACCEPTOR_SPNEGO,
	ACCEPTOR_USER_TO_USER, /* in SPNEGO */
	ACCEPTOR_FORMS_
};

bool acceptor_serves(const struct acceptor *a, enum acceptor_form form);

/* For the self-handshake: the in-memory keytab of a krb5 acceptor ("MEMORY:..."), and the end of it. */
const char *acceptor_keytab(const struct acceptor *a, enum acceptor_form form);
void acceptor_started(struct acceptor *a);

enum acceptor_result {
	ACCEPTOR_CONTINUE, /* another token is needed; there is one to send */
	ACCEPTOR_COMPLETE, /* authenticated; there may be a token to send */
	ACCEPTOR_FOREIGN,  /* the first token is for another mechanism; see also acceptor_no_tgt() */
	ACCEPTOR_REFUSED,  /* see acceptor_refusal() and acceptor_detail() */
};

/* Gives GSS the client's @token. */
enum acceptor_result acceptor_accept(struct acceptor *a, struct view token);

/* GSS's token for the client, VIEW_NULL when there is none; valid until the next call of either of these and
 * acceptor_accept(). */
struct view acceptor_token(const struct acceptor *a);

/* It has been sent: there is none any more. */
void acceptor_token_sent(struct acceptor *a);

/* In the template: gives GSSAPI a token that it refuses, with every credential, so that what an error loads is loaded.
 */
void acceptor_fail(struct acceptor *a, struct view token);

/* The client began user-to-user, and it was not taken because there is no live ticket for the name it asked for. */
bool acceptor_no_tgt(const struct acceptor *a);

/* The name that the client asked for when it began user-to-user ("TERMSRV/host", printable); empty when not known. */
const char *acceptor_asked(const struct acceptor *a);

/* The context is one of user-to-user. */
bool acceptor_user_to_user(const struct acceptor *a);

/* After COMPLETE: the authenticated name in UTF-8, NUL-terminated. Returns 0 or -EINVAL (then nobody is authenticated).
 */
int acceptor_principal(struct acceptor *a, char ret_[RECORD_PRINCIPAL_MAX]);

/*
 * Decrypts what the client wrapped into the empty secret @ret_. The octets at @token are used up: they may be
 * cleartext afterwards and are the caller's to wipe. Returns 0, or -EBADMSG with acceptor_refusal() set.
 */
int acceptor_unwrap(struct acceptor *a, uint8_t *token, size_t len, struct secret *ret_);

/* Encrypts @in in the form that every client takes. Returns 0 and the length in @ret_len, -ENOSPC or -EIO. */
int acceptor_wrap(struct acceptor *a, struct view in, uint8_t *out, size_t size, size_t *ret_len);

/* Why the last call failed, and a library's text about it (may be empty). */
enum refusal acceptor_refusal(const struct acceptor *a);
const char *acceptor_detail(const struct acceptor *a);
