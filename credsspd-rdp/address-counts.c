/* SPDX-License-Identifier: MIT */
/* A hash table with as many chains as there can be connections; it does not grow. */
#include "credsspd-rdp/address-counts.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "common/base/limits.h"
#include "credsspd-rdp/address-key.h"

#define CHAINS RDP_CONNECTIONS_MAX

struct address_count {
	LIST_ENTRY(address_count) entry;
	struct address_key key;
	unsigned n[ADDRESS_STAGES_];
};

struct address_counts {
	struct address_hash hash;
	LIST_HEAD(address_chain, address_count) chain[CHAINS];
};

_Static_assert((CHAINS & (CHAINS - 1)) == 0, "a power of two");

struct address_counts *address_counts_new(void)
{
	struct address_counts *t = calloc(1, sizeof *t);

	if (t && address_hash_init(&t->hash) < 0) {
		free(t);
		return NULL;
	}
	return t;
}

void address_counts_free(struct address_counts *t)
{
	free(t);
}

struct address_count *address_counts_enter(struct address_counts *t, const char *rhost, enum address_stage stage)
{
	struct address_key key = address_key(rhost);
	struct address_chain *chain = &t->chain[address_hash(&t->hash, &key) & (CHAINS - 1)];
	struct address_count *a;

	LIST_FOREACH(a, chain, entry)
		if (address_key_equal(&a->key, &key))
			break;
	if (!a) {
		a = calloc(1, sizeof *a);
		if (!a)
			return NULL;
		a->key = key;
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
