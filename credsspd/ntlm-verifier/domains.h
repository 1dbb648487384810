/* SPDX-License-Identifier: MIT */
/*
 * The account that a client means by the domain and user of an AUTHENTICATE message. The names of this host and the
 * realms of krb5.conf are read once, when the process starts: later it can read no other files. The supervisor starts a
 * new verifier when it reloads.
 */
#pragma once

#include <limits.h>

#include "common/base/refusal.h"
#include "common/config/config.h"
#include "common/wire/name.h"

struct domains {
	config_list local, domains; /* owned by the configuration */
	char host[HOST_NAME_MAX + 1];
	char **realms; /* of krb5.conf; NULL-terminated, or NULL */
};

#define DOMAINS_NULL ((struct domains){ .local = NULL })

/* Returns 0 or -errno. */
int domains_load(const struct config *config, struct domains *ret_);
void domains_done(struct domains *d);

/* Finds the account that the client's names mean, see name_understand(). */
enum name_trouble domains_understand(const struct domains *d, const char *domain, const char *user,
				     struct name_meaning *ret_);

/* Returns REFUSAL_UNKNOWN_USER for an account of another domain, REFUSAL_NAME for other troubles, or REFUSAL_NONE. */
enum refusal domains_refusal(enum name_trouble trouble);

/*
 * Selects the record of the NTLM store for the client's names; only accounts of this host have records. A domain that
 * this host does not know is ignored, because many clients send their own computer's name. A listed domain or a realm
 * never selects an account of this host.
 *
 * Returns REFUSAL_NONE and the record's name in @ret_user; REFUSAL_UNKNOWN_USER for an account of another domain; or
 * REFUSAL_NAME. *@ret_trouble says why.
 */
enum refusal domains_select(const struct domains *d, const char *domain, const char *user,
			    char ret_user[ACCOUNT_NAME_MAX + 1], enum name_trouble *ret_trouble);
