/* SPDX-License-Identifier: MIT */
/* The key of an address in tables: an IPv4 address or the /64 of an IPv6 address; and its hash with a secret seed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address_key {
	uint64_t prefix; /* IPv4, or the /64 of IPv6 */
	uint64_t family; /* 4, 6, or 0 for text that is not an address */
};

/* Reads an address as text. */
struct address_key address_key(const char *rhost);
bool address_key_equal(const struct address_key *a, const struct address_key *b);

/* The seed: without it clients could choose addresses with the same hash. */
struct address_hash {
	uint64_t seed[2];
};

/* Returns 0 or -EIO. */
int address_hash_init(struct address_hash *h);
size_t address_hash(const struct address_hash *h, const struct address_key *k);
