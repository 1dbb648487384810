/* SPDX-License-Identifier: MIT */
/*
 * Failure counting per address: who fails often has to wait. No more answers of an
 * address are judged at once than it has free failures left, so that a burst of guesses
 * is not through before the first of them has been counted. Failures are forgotten with
 * time and not by a success: an account of one's own must not buy guesses at
 * another one. No clock and no I/O inside: @now is CLOCK_BOOTTIME (or any monotonic clock) in microseconds.
 *
 * An address is counted per caller (the front end's uid) and per /64 in IPv6.
 * "unix", an empty and a malformed address share one entry.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/limits.h"

struct backoff;

struct backoff_key {
	uid_t caller;
	uint8_t address[8]; /* IPv4 mapped to ::ffff:a.b.c.d is kept by its last 4 octets, IPv6 by its first 8 */
	uint8_t family;     /* 0, 4 or 6 */
};

/* Member by member: octets between them may be anything. */
bool backoff_key_equal(const struct backoff_key *a, const struct backoff_key *b);

/* Returns NULL when there is no memory. @free_failures and @max_sec as in the configuration. */
struct backoff *backoff_new(unsigned free_failures, unsigned max_sec);
void backoff_free(struct backoff *b);
void backoff_configure(struct backoff *b, unsigned free_failures, unsigned max_sec);

struct backoff_key backoff_key(uid_t caller, const char *rhost);

/*
 * Asks for one attempt of @key. Returns 0 and counts it as under way, or the
 * seconds (rounded up, at least 1) that the address has to wait.
 */
unsigned backoff_begin(struct backoff *b, const struct backoff_key *key, uint64_t now);

/* Ends an attempt that backoff_begin() let pass: @weight 0 for one that did not fail the client. */
void backoff_end(struct backoff *b, const struct backoff_key *key, uint64_t now, unsigned weight);

/*
 * Asks whether an answer of the client (in an attempt under way) may be judged now. Returns 0 and counts it as being
 * judged, -EAGAIN when others of the address are and it is to be asked again after one of them, or the seconds that the
 * address has to wait.
 */
int backoff_judge(struct backoff *b, const struct backoff_key *key, uint64_t now);
void backoff_judged(struct backoff *b, const struct backoff_key *key);
