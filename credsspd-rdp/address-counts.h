/* SPDX-License-Identifier: MIT */
/* Counts the connections of each address, by stage. In IPv6 a /64 counts as one address. */
#pragma once

enum address_stage {
	ADDRESS_PRE_TLS,         /* before the first byte of TLS */
	ADDRESS_CONNECTION,      /* with a process of their own */
	ADDRESS_UNAUTHENTICATED, /* part of ADDRESS_CONNECTION: not logged on yet */
	ADDRESS_STAGES_
};

struct address_counts;
struct address_count; /* the counts of one address */

/* Returns NULL without memory. */
struct address_counts *address_counts_new(void);

/* All connections must have left before. */
void address_counts_free(struct address_counts *t);

/*
 * Counts one more connection of @rhost (an address as text) in @stage. Returns the address, for address_counts_leave(),
 * or NULL without memory. The address is freed when it has no connection in ADDRESS_PRE_TLS and ADDRESS_CONNECTION any
 * more.
 */
struct address_count *address_counts_enter(struct address_counts *t, const char *rhost, enum address_stage stage);

/* Counts one connection less. NULL is allowed. */
void address_counts_leave(struct address_count *a, enum address_stage stage);

/* Returns 0 for NULL. */
unsigned address_counts_get(const struct address_count *a, enum address_stage stage);
