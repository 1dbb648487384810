/* SPDX-License-Identifier: MIT */
/* Maps the result of PAM's account phase to a refusal of the logon. Pure. */
#pragma once

#include <shadow.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/refusal.h"

struct verdict_facts {
	const char *service;
	int pam;                   /* result of pam_acct_mgmt() */
	const struct spwd *shadow; /* entry of the account in shadow(5), or NULL */
	bool local_password;       /* the verified password belongs to an account of this host */
	long today;                /* days since 1970 */
};

/*
 * Returns the refusal, or REFUSAL_NONE when the logon continues. @detail, of at least WORKER_DETAIL_MAX bytes, gets one
 * sentence for the log: the reason and the remedy, or, with REFUSAL_NONE, why PAM gave no verdict. It is empty when PAM
 * has agreed.
 *
 * A stack often hides the reason: Debian's common-account turns every refusal of pam_unix into PAM_AUTH_ERR (pam_deny).
 * So the account's entry in shadow, where there is one, gives the reason of a refusal. The entry itself causes a
 * refusal in one case: a local password that is locked (usermod -L), which the account phase of pam_unix ignores.
 */
enum refusal verdict_of(const struct verdict_facts *f, char *detail, size_t size);
