/* SPDX-License-Identifier: MIT */
/*
 * KERB_TICKET_LOGON as the credBuffer of a TSRemoteGuardPackageCred "Kerberos" holds it, MS-CSSP 2.2.1.2.3.1: an image
 * of the structure of a 64-bit Windows, with offsets from its own start in place of pointers.
 */
#pragma once

#include "common/wire/view.h"

struct ticketlogon {
	uint32_t flags;              /* as sent; all flags are ignored */
	struct view service_ticket;  /* DER Ticket */
	struct view ticket_granting; /* DER KRB-CRED */
};

/*
 * Reads the KERB_TICKET_LOGON that is the whole of @p; the views point into it. Both tickets have to be present, after
 * the fixed part, within @len, and must not overlap; bytes that belong to neither are padding. The tickets themselves
 * are not parsed. Returns 0 or -EPROTO.
 */
int ticketlogon_read(const uint8_t *p, size_t len, struct ticketlogon *ret_);
