/* SPDX-License-Identifier: MIT */
/*
 * NTLMv2 on the server's side, MS-NLMP 3.2.5. The verifier (credsspd/ntlm-verifier) makes the challenge and verifies
 * the response. So this process has no password hash and cannot choose the challenge.
 */
#pragma once

#include "common/wire/ntlm.h"
#include "credsspd/mech/mech.h"

/*
 * Makes the mechanism and loads the algorithms that it needs from OpenSSL. @names, which are copied, are for the
 * CHALLENGE; @domain: the host is a member of a domain. Returns 0, or -errno and one sentence in *@ret_error
 * (malloc'ed, may be NULL).
 */
int ntlm_new(const struct ntlm_names *names, bool domain, struct mech **ret_, char **ret_error);

/* Sets the socket to the verifier, which stays the caller's; it is -1 before. */
void ntlm_attach(struct mech *m, int verifier);
