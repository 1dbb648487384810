/* SPDX-License-Identifier: MIT */
/* Ticket-granting tickets of this server, from a KDC with a key of a keytab. These calls block. */
#pragma once

#include <stddef.h>

#include "credsspd/keeper/record.h"

/*
 * Whose tickets user-to-user needs, by what the keytab @path holds: the machine's account ("HOST$"), to which Active
 * Directory gives a ticket and of which the service names are aliases; without one every TERMSRV/ principal, which
 * MIT's KDC wants to be the client of the ticket. Fills @ret_ with at most TGTS_MAX names. Returns how many, or -EIO
 * with a text in @ret_error.
 */
int fetch_principals(const char *path, char ret_[TGTS_MAX][RECORD_PRINCIPAL_MAX], char ret_error[256]);

/* Gets a ticket of @principal, with an AES session key. Returns 0, or -EIO with a text in @ret_error. */
int fetch_tgt(const char *path, const char *principal, struct keeper_tgt *ret_, char ret_error[256]);
