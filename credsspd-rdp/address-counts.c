/* SPDX-License-Identifier: MIT */
/*
 * A hash table with a secret seed: the addresses are chosen by whoever connects. It has as many chains as there are
 * connections, and does not grow.
 */
#include "credsspd-rdp/address-counts.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "common/base/limits.h"

#define CHAINS RDP_CONNECTIONS_MAX

struct key {
	uint64_t prefix; /* IPv4, or the /64 of IPv6 */
	uint64_t family;
};

struct address_count {
	LIST_ENTRY(address_count) entry;
	struct key key;
	unsigned n[ADDRESS_STAGES_];
};

struct address_counts {
	uint64_t seed[2];
	LIST_HEAD(chain, address_count) chain[CHAINS];
};

_Static_assert((CHAINS & (CHAINS - 1)) == 0, "a power of two");

struct address_counts *address_counts_new(void)
{
	struct address_counts *t = calloc(1, sizeof *t);

	if (t && getrandom(t->seed, sizeof t->seed, 0) != (ssize_t)sizeof t->seed) {
		free(t);
		return NULL;
	}
	return t;
}

void address_counts_free(struct address_counts *t)
{
	free(t);
}

static struct key key_of(const char *rhost)
{
	struct key k = { .family = 0 };
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

/* Two rounds of multiplication and folding; the upper half depends on all of both words. */
static size_t chain_of(const struct address_counts *t, const struct key *k)
{
	__extension__ unsigned __int128 m = (unsigned __int128)(k->prefix ^ t->seed[0]) * (t->seed[1] | 1);
	uint64_t h = (uint64_t)m ^ (uint64_t)(m >> 64) ^ k->family;

	m = (unsigned __int128)(h ^ t->seed[1]) * (t->seed[0] | 1);
	return (size_t)((uint64_t)m ^ (uint64_t)(m >> 64)) & (CHAINS - 1);
}

struct address_count *address_counts_enter(struct address_counts *t, const char *rhost, enum address_stage stage)
{
	struct key k = key_of(rhost);
	struct chain *chain = &t->chain[chain_of(t, &k)];
	struct address_count *a;

	LIST_FOREACH(a, chain, entry)
		if (a->key.prefix == k.prefix && a->key.family == k.family)
			break;
	if (!a) {
		a = calloc(1, sizeof *a);
		if (!a)
			return NULL;
		a->key = k;
		LIST_INSERT_HEAD(chain, a, entry);
	}
	a->n[stage]++;
	return a;
}

void address_counts_leave(struct address_count *a, enum address_stage stage)
{
	if (!a)
		return;
	a->n[stage]--;
	if (a->n[ADDRESS_PRE_TLS] || a->n[ADDRESS_CONNECTION])
		return;
	LIST_REMOVE(a, entry);
	free(a);
}

unsigned address_counts_get(const struct address_count *a, enum address_stage stage)
{
	return a ? a->n[stage] : 0;
}
