/* SPDX-License-Identifier: MIT */
/* The client's side of the mechanisms and of SPNEGO, for the self-test at start and for tests. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/wire/gsstoken.h"
#include "common/wire/view.h"

struct initiator;

/* NTLM with a password; @name is "user" or "DOMAIN\user", in UTF-8. With @spnego in SPNEGO, else raw. Returns 0,
 * -ENOMEM or -EIO. */
int initiator_new_ntlm(const char *name, const char *password, bool spnego, struct initiator **ret_initiator);

/* Kerberos with a ticket made from the first key in @keytab_name: see selfticket.h. Returns 0, -ENOMEM or -EIO. */
int initiator_new_krb5(const char *keytab_name, bool spnego, struct initiator **ret_initiator);

/*
 * Kerberos user-to-user in SPNEGO, with a ticket made in the same way. @mechs: the offer, see initiator_offer().
 * Returns 0, -ENOMEM or -EIO.
 */
int initiator_new_user_to_user(const char *keytab_name, const enum gss_mech *mechs, size_t n_mechs,
			       struct initiator **ret_initiator);

/* Kerberos with the default credential cache, for the service principal @server. Returns 0, -ENOMEM or -EIO. */
int initiator_new_krb5_ccache(const char *server, bool spnego, struct initiator **ret_initiator);

void initiator_free(struct initiator *i);

/*
 * Before the first step: SPNEGO with @mechs in this order. There is an optimistic token when the first of them is the
 * initiator's own. Returns 0, or -ENOSPC when there are too many.
 */
int initiator_offer(struct initiator *i, const enum gss_mech *mechs, size_t n_mechs);

/* Kerberos: request flags besides the usual CONF, INTEG, MUTUAL: GSS_C_* to set and to clear. */
void initiator_flags(struct initiator *i, unsigned set, unsigned clear);

/*
 * One step with the acceptor's @token (VIEW_NULL at first). @ret_token is what to send, p == NULL for nothing, valid
 * until the next step. Returns 1 when the acceptor owes a token, 0 when complete, -EACCES when it is no answer to what
 * was sent.
 */
int initiator_step(struct initiator *i, struct view token, struct view *ret_token);

/* Encrypts and decrypts. Return 0 and the length in @ret_len, -ENOSPC or -EIO. */
int initiator_wrap(struct initiator *i, struct view in, uint8_t *out, size_t size, size_t *ret_len);
int initiator_unwrap(struct initiator *i, struct view in, uint8_t *out, size_t size, size_t *ret_len);

/* A text about the last failure; with NULL: about the last initiator that could not be made. */
const char *initiator_detail(const struct initiator *i);
