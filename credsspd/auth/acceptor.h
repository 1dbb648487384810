/* SPDX-License-Identifier: MIT */
/*
 * The GSSAPI acceptor behind CredSSP: one credential per template, one context
 * per worker. The only files that know GSSAPI are in this directory.
 */
#pragma once

#include <gssapi/gssapi.h>
#include <stdbool.h>

#include "credsspd/config/config.h"
#include "credsspd/util/refusal.h"
#include "credsspd/wire/view.h"
#include "credsspd/worker/record.h"
#include "include/credssp/secret.h"

struct acceptor {
	enum mechanism mechanism;
	gss_cred_id_t credential;
};

/* Why GSSAPI or we said no. */
struct acceptor_error {
	enum refusal refusal;
	char detail[WORKER_DETAIL_MAX]; /* library text; may be empty */
};

/*
 * Acquires the credential, once, before any filter: Kerberos from the TERMSRV keys of config->keytab, NTLM without
 * any key. Returns 0 or -errno, with a sentence in *@ret_error (malloc'ed).
 */
int acceptor_init(struct acceptor *a, enum mechanism mechanism, const struct config *config, char **ret_error);

struct acceptor_context {
	gss_ctx_id_t gss;
	bool complete;
	char principal[RECORD_PRINCIPAL_MAX]; /* displayed name of the initiator, once complete */
};

#define ACCEPTOR_CONTEXT_NULL ((struct acceptor_context){ .gss = GSS_C_NO_CONTEXT })

/* Whether the first token of a conversation is for this acceptor's mechanism; if not the other template may take it. */
bool acceptor_is_for(const struct acceptor *a, struct view token);

/*
 * One step. Returns 0 (c->complete says whether it was the last) with the token to send in @ret_out (gss_release_buffer;
 * may be empty), or -EACCES with the reason in @ret_error.
 */
int acceptor_step(const struct acceptor *a, struct acceptor_context *c, struct view token, gss_buffer_t ret_out,
		  struct acceptor_error *ret_error);

/* Unseals @token into @ret_clear, which must be SECRET_NULL. Returns 0 or -EACCES. */
int acceptor_unwrap(const struct acceptor *a, struct acceptor_context *c, struct view token, struct secret *ret_clear,
		    struct acceptor_error *ret_error);

/* Seals @clear in the form that every client reads, to @out. Returns 0 and the length, -ENOSPC, or -EIO. */
int acceptor_wrap(const struct acceptor *a, struct acceptor_context *c, struct view clear, uint8_t *out, size_t size,
		  size_t *ret_len);
