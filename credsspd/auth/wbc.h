/* SPDX-License-Identifier: MIT */
/*
 * The verifier behind libwbclient's entry points. gss-ntlmssp, when it has no
 * user file, asks winbind through eight functions; this program exports functions
 * of these names (credsspd.syms), which come before libwbclient's, and pass the
 * NTLMv2 response to the verifier process. So no NT hash and no file access is needed
 * where tokens are parsed.
 */
#pragma once

#include <stdbool.h>

#include "credsspd/util/refusal.h"

/* The socket to the verifier, which stays the caller's; -1 for none: every question is then answered with no. */
void wbc_attach(int verifier_fd);

/* How often gss-ntlmssp has come to our functions in this process: 0 after an accept means that it found others. */
unsigned wbc_calls(void);

/*
 * What the last question came to: REFUSAL_NONE when there was none or it was granted, else the reason (of those that
 * the client may be told apart).
 */
enum refusal wbc_refusal(void);
