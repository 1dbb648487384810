/* SPDX-License-Identifier: MIT */
/*
 * NTLMv2 as the server's side, MS-NLMP 3.2.5. The verifier (credsspd/ntlm-verifier) draws the challenge and judges the
 * response, so this mechanism knows no hash, and the process that runs it cannot choose what a client answers to.
 */
#pragma once

#include "common/wire/ntlm.h"
#include "credsspd/mech/mech.h"

/*
 * Loads what NTLM needs of OpenSSL, too. @names, which are copied, are for the CHALLENGE; @domain: they are a domain's
 * and not only this host's. Returns 0, or -errno and one sentence in *@ret_error (malloc'ed, may be NULL).
 */
int ntlm_new(const struct ntlm_names *names, bool domain, struct mech **ret_, char **ret_error);

/* The socket to the verifier, which stays the caller's; -1 to begin with. */
void ntlm_attach(struct mech *m, int verifier);
