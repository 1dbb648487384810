/* SPDX-License-Identifier: MIT */
/* Decides whether a front end's Begin may start a logon: by its services, the limits and the address's back-off. */
#pragma once

#include "credsspd/supervisor/logon.h"

/*
 * Begins a logon for the front end @caller. When all slots are taken, it may evict another logon. Returns 0, the id and
 * the front end's end of the channel, which the caller owns; or, after logging the reason: -EACCES (not a service of
 * @caller), -EBUSY (limit), -EAGAIN (the address has to wait). Unlogged: -EINVAL (a length out of bounds) and -errno of
 * system calls.
 */
int admission_begin(struct logons *l, uid_t caller, const char *service, const void *public_key, size_t public_key_len,
		    const struct logon_peer *peer, uint64_t *ret_logon, int *ret_channel);

/*
 * Returns whether a Begin of @caller has to wait, because too many of its logons have no TSRequest yet.
 * logons.first_over() is called when that may have changed.
 */
bool admission_waits(const struct logons *l, uid_t caller);
