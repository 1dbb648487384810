/* SPDX-License-Identifier: MIT */
/*
 * Failures per account. An account with many failures is answered later and never refused, because an attacker could
 * lock its owner out otherwise. There is no clock inside: @now is any monotonic clock, in microseconds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"

#define THROTTLE_DECAY_SEC 60U /* seconds after which one failure is forgotten */

struct throttle;

/* Returns NULL without memory or random bytes. */
struct throttle *throttle_new(void);
void throttle_free(struct throttle *t);

/*
 * Counts an attempt for @name as failed before it is answered, so that attempts at the same time are counted, too.
 * Returns the delay of the answer in microseconds, at most ACCOUNT_DELAY_MAX_MSEC; 0 for the first
 * ACCOUNT_DELAY_FREE_FAILURES failures.
 * @known: an account has the name. ASCII case is ignored.
 */
uint64_t throttle_charge(struct throttle *t, bool known, const char *name, uint64_t now);

/* Clears the failures of @name after a success. */
void throttle_clear(struct throttle *t, bool known, const char *name);
