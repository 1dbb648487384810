/* SPDX-License-Identifier: MIT */
/* What the answer of PAM's account phase means for a logon. Pure. */
#pragma once

#include <shadow.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/refusal.h"

struct verdict_facts {
	const char *service;
	int pam;                   /* result of pam_acct_mgmt() */
	const struct spwd *shadow; /* entry of the account in shadow(5); NULL: it has none */
	bool local_password;       /* the password that was proved is one of this host */
	long today;                /* days since 1970 */
};

/*
 * Returns the refusal, or REFUSAL_NONE when the logon continues. @detail, of at least WORKER_DETAIL_MAX bytes, gets one
 * sentence for the log: the reason and
 * the remedy, or, with REFUSAL_NONE, why PAM gave no verdict; it is empty when PAM has agreed.
 *
 * A stack often hides the reason: Debian's common-account makes PAM_AUTH_ERR (pam_deny) of every refusal of pam_unix.
 * So a refusal is named after the account's entry in shadow where there is one. The entry alone refuses in one case:
 * the password is locked (usermod -L), which the account phase of pam_unix ignores, and no other password can be meant.
 */
enum refusal verdict_of(const struct verdict_facts *f, char *detail, size_t size);
