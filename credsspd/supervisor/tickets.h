/* SPDX-License-Identifier: MIT */
/*
 * A ticket belongs to the connection that it was made for: the channel of its logon stays open as long as the ticket is
 * good. When it was redeemed or has expired the channel is closed, which tells the front end; when the front end closes
 * its end, the ticket is revoked.
 */
#pragma once

#include "credsspd/supervisor/supervisor-private.h"

/* Takes the channel *@fd of @logon over (-1 afterwards). Returns 0 or -errno, with *@fd as it was. */
int grant_new(struct supervisor *s, uint64_t logon, int *fd);

/* The ticket of @logon is gone. */
void grant_end(struct supervisor *s, uint64_t logon);

void grant_free_all(struct supervisor *s);
