/* SPDX-License-Identifier: MIT */
/* The client's side of GSSAPI: for the self-handshake at start-up and the tests. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "credsspd/wire/gsstoken.h"
#include "credsspd/wire/view.h"

struct initiator;

/* NTLM with a password; @name is "user" or "DOMAIN\user". With @spnego in SPNEGO, else raw. Returns 0 or -EIO. */
int initiator_new_ntlm(const char *name, const char *password, bool spnego, struct initiator **ret_initiator);

/* Kerberos with a ticket made from the first key in @keytab_name: see selfticket.h. Returns 0 or -EIO. */
int initiator_new_krb5(const char *keytab_name, bool spnego, struct initiator **ret_initiator);

/*
 * Kerberos user-to-user in SPNEGO, with a ticket as initiator_new_krb5()'s. @mechs: what is offered, first the one that
 * the acceptor has to echo. Returns 0 or -EIO.
 */
int initiator_new_user_to_user(const char *keytab_name, const enum gss_mech *mechs, size_t n_mechs,
			       struct initiator **ret_initiator);

/* Kerberos with what is in the default credential cache, for the service principal @server. Returns 0 or -EIO. */
int initiator_new_krb5_ccache(const char *server, bool spnego, struct initiator **ret_initiator);

void initiator_free(struct initiator *i);

/* Request flags besides the usual CONF, INTEG, MUTUAL: GSS_C_* to set and to clear. */
void initiator_flags(struct initiator *i, unsigned set, unsigned clear);

/*
 * One step with the acceptor's @token (VIEW_NULL at first). @ret_token is what to send, p == NULL for nothing, valid
 * until the next step. Returns 1 when the acceptor owes a token, 0 when complete, -EACCES.
 */
int initiator_step(struct initiator *i, struct view token, struct view *ret_token);

/* Encrypts and decrypts. Return 0 and the length in @ret_len, -ENOSPC or -EIO. */
int initiator_wrap(struct initiator *i, struct view in, uint8_t *out, size_t size, size_t *ret_len);
int initiator_unwrap(struct initiator *i, struct view in, uint8_t *out, size_t size, size_t *ret_len);

/* A library's text about the last failure; with NULL: about the last one that could not be made. */
const char *initiator_detail(const struct initiator *i);
