/* SPDX-License-Identifier: MIT */
/*
 * Which account a client means by the domain and user of an AUTHENTICATE message.
 * What the host knows about domains is read once, at start: later the process can
 * read no other files. The supervisor starts a new one when it reloads.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "common/base/refusal.h"
#include "common/config/config.h"

struct domains {
	config_list local, domains; /* the configuration's; not ours */
	char host[HOST_NAME_MAX + 1];
	char **realms; /* of krb5.conf; NULL-terminated, or NULL */
};

#define DOMAINS_NULL ((struct domains){ .local = NULL })

/* Returns 0 or -errno. */
int domains_load(const struct config *config, struct domains *ret_);
void domains_done(struct domains *d);

/*
 * Puts the name to look for into @ret_user and returns REFUSAL_NONE, or
 * REFUSAL_NAME for what no account may be called, or REFUSAL_UNKNOWN_USER when the domain is not
 * this host's: a realm never selects a local account, and neither does any other domain
 * in "DOMAIN\user" or "user@domain". A domain beside a plain user that nobody
 * is known by is taken for this host: a workgroup client sends its own computer's name there, and
 * NTLM does not authenticate it anyway.
 */
enum refusal domains_select(const struct domains *d, const char *domain, const char *user,
			    char ret_user[ACCOUNT_NAME_MAX + 1]);
