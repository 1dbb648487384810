/* SPDX-License-Identifier: MIT */
/* The keys and ticket-granting tickets of the Kerberos acceptor. The template makes one credential; workers inherit it. */
#pragma once

#include <gssapi/gssapi_ext.h>
#include <krb5/krb5.h>
#include <stdbool.h>

#include "common/ipc/keeper-msg.h"
#include "common/wire/view.h"

struct kerberos_credential;

struct kerberos_credential_options {
	const char *keytab; /* a file */
	bool service_ticket, user_to_user;
};

/* Sets and removes environment variables so that libgssapi_krb5 loads no plugins and writes no files. Returns 0 or
 * -errno. */
int kerberos_credential_environment(void);

/*
 * Reads the AES keys for TERMSRV/ principals of the keytab into memory (service_ticket), and makes room for the tickets
 * of kerberos_credential_add_tgt() (user_to_user). Returns 0, or -errno (-ENOKEY: no such key) and one sentence in
 * *@ret_error (malloc'ed, may be NULL).
 */
int kerberos_credential_new(const struct kerberos_credential_options *options, struct kerberos_credential **ret_,
			    char **ret_error);
void kerberos_credential_free(struct kerberos_credential *c);

/* Between two contexts: add a ticket-granting ticket; replace the table of the names that clients ask for. Return 0 or
 * -errno. */
int kerberos_credential_add_tgt(struct kerberos_credential *c, const struct keeper_tgt *tgt);
int kerberos_credential_set_names(struct kerberos_credential *c, const struct keeper_names *names);

/* For the self-test: returns the name of the keytab in memory ("MEMORY:..."). */
const char *kerberos_credential_keytab(const struct kerberos_credential *c, bool user_to_user);

/* After the self-test: drops the ticket-granting ticket that was made for it. */
void kerberos_credential_started(struct kerberos_credential *c);

/* Gives GSSAPI a token that it refuses, with every credential, so that the libraries load what they need for errors. */
void kerberos_credential_fail(struct kerberos_credential *c, struct view token);

/* ---- for kerberos.c ---- */

/* Returns the credential, or GSS_C_NO_CREDENTIAL when this form of Kerberos is off. */
gss_cred_id_t kerberos_credential_gss(const struct kerberos_credential *c, bool user_to_user);

/* Returns the ticket for a client that asks for @server, or VIEW_NULL. */
struct view kerberos_credential_tgt(struct kerberos_credential *c, const char *server);

/* Returns whether keytab or ticket-granting tickets show a machine account (HOST$) of this host in @realm. */
bool kerberos_credential_is_member(const struct kerberos_credential *c, const char *realm);

/* Writes the libraries' texts for a result to @out. */
void kerberos_status_text(char *out, size_t size, OM_uint32 major, OM_uint32 minor);

extern gss_OID_desc kerberos_oid;
