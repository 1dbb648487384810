/* SPDX-License-Identifier: MIT */
/*
 * Finds the account {uid, pw_name} of a claimed name, and applies the rules of credsspd.conf to it: docs/accounts.md.
 * Lookups go through a table, so that the rules can be tested without a name service.
 */
#pragma once

#include <stdbool.h>

#include "common/base/refusal.h"
#include "common/config/config.h"
#include "common/ipc/resolver-msg.h"

struct identity_account {
	uid_t uid;
	gid_t gid;
	char name[RECORD_NAME_MAX]; /* pw_name */
};

/*
 * The lookups return 0, -ENOENT for an unknown account, group or name, or another -errno when the name service failed.
 * A failure is never treated as an unknown user.
 */
struct identity_lookups {
	int (*by_name)(const char *name, struct identity_account *ret_account);
	int (*by_uid)(uid_t uid, struct identity_account *ret_account);
	/* localauth of krb5.conf; @explicit_only: -ENOENT for a mapping that is only libkrb5's default rule for
	 * user@DEFAULT.REALM */
	int (*by_principal)(const char *principal, bool explicit_only, char ret_name[RECORD_NAME_MAX]);
	int (*in_group)(const struct identity_account *account, const char *group); /* 1, 0, or -errno */
	int (*is_local_host)(const char *domain);   /* 1 when it is one of the host's own names */
	int (*is_default_realm)(const char *realm); /* 1 when it is krb5.conf's default_realm */
	int (*is_realm)(const char *domain); /* 1 when krb5.conf knows it as a realm, or as the first label of one */
};

/* The lookups of this host: NSS and libkrb5. */
extern const struct identity_lookups identity_system;

/* Answers @q by the rules of @config. */
void identity_answer(const struct config *config, const struct identity_lookups *lookups,
		     const struct resolver_request *q, struct resolver_answer *ret_answer);
