/* SPDX-License-Identifier: MIT */
/*
 * Failure counting per address: an address that fails often has to wait. At most as many answers of an address are
 * judged at once as it has free failures left: otherwise a burst of guesses would be judged before the first one is
 * counted. Failures decay with time; a success does not clear them, because the owner of one account could then guess
 * at another. No clock and no I/O inside: @now is clock_usec().
 *
 * An address is counted per caller (the front end's uid), and in IPv6 per /64. "unix", an empty and a malformed address
 * share one entry.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/limits.h"

struct backoff;

struct backoff_key {
	uid_t caller;
	uint8_t address[8]; /* IPv4 mapped to ::ffff:a.b.c.d is kept as its last 4 bytes, IPv6 as its first 8 */
	uint8_t family;     /* 0, 4 or 6 */
};

/* Compares member by member: the padding between them is undefined. */
bool backoff_key_equal(const struct backoff_key *a, const struct backoff_key *b);

/* Returns NULL without memory. @free_failures and @max_sec are backoff_failures and backoff_max of the configuration.
 */
struct backoff *backoff_new(unsigned free_failures, unsigned max_sec);
void backoff_free(struct backoff *b);
void backoff_configure(struct backoff *b, unsigned free_failures, unsigned max_sec);

struct backoff_key backoff_key(uid_t caller, const char *rhost);

/*
 * Begins one attempt of @key. Returns 0 and counts it as under way; -EAGAIN when the address has the maximum of
 * attempts under way; or the seconds (rounded up, at least 1) that the address has to wait.
 */
int backoff_begin(struct backoff *b, const struct backoff_key *key, uint64_t now);

/* Ends an attempt that backoff_begin() has counted. @weight: the failures that it counts as. */
void backoff_end(struct backoff *b, const struct backoff_key *key, uint64_t now, unsigned weight);

/*
 * Asks whether the client's answer in an attempt under way may be judged now. Returns 0 and counts it as being judged,
 * -EAGAIN when it has to wait until backoff_judged() was called for another answer of the address, or the seconds that
 * the address has to wait.
 */
int backoff_judge(struct backoff *b, const struct backoff_key *key, uint64_t now);
/* Ends the judging of an answer that backoff_judge() has counted, also when it was not judged in the end. */
void backoff_judged(struct backoff *b, const struct backoff_key *key);
