/* SPDX-License-Identifier: MIT */
#include "credsspd-rdp/address-key.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

struct address_key address_key(const char *rhost)
{
	struct address_key k = { .family = 0 };
	struct in6_addr a6;
	struct in_addr a4;

	if (inet_pton(AF_INET, rhost, &a4) == 1) {
		k.family = 4;
		memcpy(&k.prefix, &a4, sizeof a4);
	} else if (inet_pton(AF_INET6, rhost, &a6) == 1) {
		k.family = 6;
		memcpy(&k.prefix, &a6, sizeof k.prefix);
	}
	return k;
}

bool address_key_equal(const struct address_key *a, const struct address_key *b)
{
	return a->prefix == b->prefix && a->family == b->family;
}

int address_hash_init(struct address_hash *h)
{
	return getrandom(h->seed, sizeof h->seed, 0) == (ssize_t)sizeof h->seed ? 0 : -EIO;
}

/* Two rounds of multiplication and folding: every bit of the result depends on all bits of both words. */
size_t address_hash(const struct address_hash *h, const struct address_key *k)
{
	__extension__ unsigned __int128 m = (unsigned __int128)(k->prefix ^ h->seed[0]) * (h->seed[1] | 1);
	uint64_t v = (uint64_t)m ^ (uint64_t)(m >> 64) ^ k->family;

	m = (unsigned __int128)(v ^ h->seed[1]) * (h->seed[0] | 1);
	return (size_t)((uint64_t)m ^ (uint64_t)(m >> 64));
}
