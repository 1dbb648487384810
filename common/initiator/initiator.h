/* SPDX-License-Identifier: MIT */
/* The client's side of the mechanisms and of SPNEGO, for the self-test at start and for tests. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/wire/gsstoken.h"
#include "common/wire/view.h"

struct initiator;

/* Makes an NTLM initiator with a password; @name is "user" or "DOMAIN\user", in UTF-8. @spnego: in SPNEGO, else raw.
 * Returns 0, -ENOMEM or -EIO. */
int initiator_new_ntlm(const char *name, const char *password, bool spnego, struct initiator **ret_initiator);

/* Makes a Kerberos initiator with a ticket of selfticket_make() under the first key in @keytab_name. Returns as
 * above. */
int initiator_new_krb5(const char *keytab_name, bool spnego, struct initiator **ret_initiator);

/*
 * Makes an initiator for Kerberos user-to-user in SPNEGO, with a ticket from selfticket.h. @mechs is the offer, see
 * initiator_offer(). Returns 0, -ENOMEM or -EIO.
 */
int initiator_new_user_to_user(const char *keytab_name, const enum gss_mech *mechs, size_t n_mechs,
			       struct initiator **ret_initiator);

/* Makes a Kerberos initiator that uses the default credential cache, for the service principal @server. Returns 0,
 * -ENOMEM or -EIO. */
int initiator_new_krb5_ccache(const char *server, bool spnego, struct initiator **ret_initiator);

void initiator_free(struct initiator *i);

/*
 * Sets the mechanisms that SPNEGO offers, in this order; call it before the first step. The first token is optimistic
 * when the first of @mechs is the initiator's own mechanism. Returns 0, or -ENOSPC when there are too many.
 */
int initiator_offer(struct initiator *i, const enum gss_mech *mechs, size_t n_mechs);

/* Kerberos: changes the request flags, by default CONF, INTEG and MUTUAL. @set and @clear are GSS_C_* flags. */
void initiator_flags(struct initiator *i, unsigned set, unsigned clear);

/*
 * Takes the acceptor's @token (VIEW_NULL at first). *@ret_token is the token to send, valid until the next step; its p
 * is NULL when there is nothing to send. Returns 1 when the acceptor must answer, 0 when the context is complete, and
 * -EACCES for a token that is not a valid answer.
 */
int initiator_step(struct initiator *i, struct view token, struct view *ret_token);

/* Encrypts and decrypts. Return 0 and the length in @ret_len, -ENOSPC or -EIO. */
int initiator_wrap(struct initiator *i, struct view in, uint8_t *out, size_t size, size_t *ret_len);
int initiator_unwrap(struct initiator *i, struct view in, uint8_t *out, size_t size, size_t *ret_len);

/* Returns a text about the last failure of @i; with NULL, about the last initiator that could not be made. */
const char *initiator_detail(const struct initiator *i);
