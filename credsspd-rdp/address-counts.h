/* SPDX-License-Identifier: MIT */
/* How many connections an address has: before TLS, behind its first octet, and of the latter those not logged on yet.
 */
#pragma once

enum address_stage { ADDRESS_PRE_TLS, ADDRESS_CONNECTION, ADDRESS_UNAUTHENTICATED, ADDRESS_STAGES_ };

struct address_counts;
struct address_count;

/* NULL without memory. */
struct address_counts *address_counts_new(void);

/* All addresses have been left before. */
void address_counts_free(struct address_counts *t);

/*
 * One connection more of @rhost (an address as text; of IPv6 its /64 counts) in @stage. Returns the address, which
 * address_counts_leave() takes back; NULL without memory. Who is an ADDRESS_UNAUTHENTICATED is an ADDRESS_CONNECTION as
 * long.
 */
struct address_count *address_counts_enter(struct address_counts *t, const char *rhost, enum address_stage stage);

/* NULL is fine. */
void address_counts_leave(struct address_count *a, enum address_stage stage);

/* 0 for NULL. */
unsigned address_counts_get(const struct address_count *a, enum address_stage stage);
