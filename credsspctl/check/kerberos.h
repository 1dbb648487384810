/* SPDX-License-Identifier: MIT */
/* The configured keytab, and one exchange with the KDC for it; each is read or made when a check first needs it. */
#pragma once

#include <krb5/krb5.h>
#include <stdbool.h>
#include <stddef.h>

#include "credsspctl/check/context.h"

struct key {
	char *name, *realm; /* "TERMSRV/host", as the keytab spells it */
	unsigned kvno;
	krb5_enctype enctype;
};

struct keys {
	struct key *p;
	size_t n;
};

struct kerberos {
	krb5_context k;
	krb5_keytab keytab;
	struct keys keys;

	/* set by kerberos_ask() */
	bool asked;
	char *client;            /* the principal that a ticket-granting ticket was requested for */
	krb5_error_code refusal; /* 0: the ticket is in ccache */
	char *refusal_text;
	krb5_ccache ccache;
	krb5_int32 ahead; /* seconds that the KDC's clock is ahead of this host's; 0 after a refusal */
};

/*
 * Returns the state for the checks, or NULL when kerberos is off, or when configuration, keytab or krb5.conf cannot be
 * read, which other findings report.
 */
struct kerberos *kerberos_get(struct check_context *ctx);

/*
 * Returns pkinit_anchors of krb5.conf, with smartcard = pkinit, or NULL. That is the default, so only the anchors show
 * that smart cards are in use. profile_free_list() frees the result.
 */
char **kerberos_anchors(struct check_context *ctx);
bool kerberos_has_cards(struct check_context *ctx);

void kerberos_free(struct kerberos *b);

/* Asks the KDC for a ticket-granting ticket with a key of the keytab, as the daemon does for user-to-user, once. */
void kerberos_ask(struct kerberos *b, const struct check_context *ctx);

/* Returns whether the error means that the KDC did not answer, or is unknown. */
bool kerberos_unreachable(krb5_error_code code);

/* Reads the keytab @name (with its prefix). Returns 0 (keys_done()) or an error of libkrb5. */
krb5_error_code keys_read(krb5_context k, const char *name, struct keys *ret_);
void keys_done(struct keys *keys);

/* Returns a key of @service/@host, ignoring case: AES first, then the largest version; or NULL. */
const struct key *keys_find(const struct keys *keys, const char *service, const char *host);

/* Returns a key of a machine account in Active Directory (HOST$), or NULL. */
const struct key *keys_find_machine(const struct keys *keys);

bool key_is_aes(const struct key *key);

/* Returns libkrb5's text for @code, malloc'ed. */
char *kerberos_text(krb5_context k, krb5_error_code code);
