/* SPDX-License-Identifier: MIT */
/* The keytab of the configuration, and one exchange with the KDC for it; each is done when a check first wants it. */
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

	/* behind kerberos_ask() */
	bool asked;
	char *client;            /* whose ticket-granting ticket was asked for */
	krb5_error_code refusal; /* 0: the ticket is in ccache */
	char *refusal_text;
	krb5_ccache ccache;
	krb5_int32 ahead; /* seconds that the KDC's clock is ahead of ours; 0 after a refusal */
};

/*
 * The state for the checks: NULL when kerberos is off, when the configuration cannot be read, or when the keytab, or
 * krb5.conf, cannot be read: other findings say so.
 */
struct kerberos *kerberos_get(struct check_context *ctx);

/*
 * pkinit_anchors of krb5.conf, where smart cards are for PAM to verify (smartcard = pkinit, the default: only the
 * anchors say that somebody wants them). NULL for none; profile_free_list() frees it.
 */
char **kerberos_anchors(struct check_context *ctx);
bool kerberos_has_cards(struct check_context *ctx);

void kerberos_free(struct kerberos *b);

/* Asks the KDC for a ticket-granting ticket with a key of the keytab, as the daemon does for user-to-user, once. */
void kerberos_ask(struct kerberos *b, const struct check_context *ctx);

/* Whether the KDC did not answer, or is not known. */
bool kerberos_unreachable(krb5_error_code code);

/* Reads the keytab @name (with its prefix). Returns 0 (keys_done()) or an error of libkrb5. */
krb5_error_code keys_read(krb5_context k, const char *name, struct keys *ret_);
void keys_done(struct keys *keys);

/* A key of @service/@host, in any case, with the largest version; AES before others. NULL without one. */
const struct key *keys_find(const struct keys *keys, const char *service, const char *host);

/* A key of a machine's account in Active Directory (HOST$); NULL without one. */
const struct key *keys_find_machine(const struct keys *keys);

bool key_is_aes(const struct key *key);

/* The text of @code, malloc'ed. */
char *kerberos_text(krb5_context k, krb5_error_code code);
