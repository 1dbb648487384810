/* SPDX-License-Identifier: MIT */
/* Mode `remote-guard` of the helper program; a helper_mode (mode.h) for hand-overs of CREDENTIAL_REMOTE_GUARD. */
#pragma once

#include "pam_credssp/helper/mode.h"

/*
 * HELPER_SUCCESS: both tickets are those of the principal that GSSAPI proved, and the KDC and the host's key say so;
 * the ticket-granting ticket is in the cache of the request. HELPER_OPAQUE: the service ticket proves the principal,
 * but the ticket-granting ticket cannot be used here; no cache.
 */
unsigned remote_guard_mode(const struct helper_request *request, const struct handover *handover,
			   struct helper_result *result);
