/* SPDX-License-Identifier: MIT */
/*
 * Failures per account. An account with many failures is answered later and never refused, because an attacker could
 * lock its owner out otherwise. There is no clock inside: @now is any monotonic clock, in microseconds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"

#define THROTTLE_DECAY_SEC 60U /* one failure is forgotten every so many seconds */

struct throttle;

/* NULL when there is no memory or no random. */
struct throttle *throttle_new(void);
void throttle_free(struct throttle *t);

/*
 * Counts an attempt for @name as failed, before it is answered, so that many at once
 * are no way around it. Returns the microseconds that its answer has to wait, at most
 * ACCOUNT_DELAY_MAX_MSEC; the first ACCOUNT_DELAY_FREE_FAILURES wait for nothing.
 * @known: an account has the name. ASCII case is ignored.
 */
uint64_t throttle_charge(struct throttle *t, bool known, const char *name, uint64_t now);

/* The attempt was right: the failures are forgotten. */
void throttle_clear(struct throttle *t, bool known, const char *name);
