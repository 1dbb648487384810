/* SPDX-License-Identifier: MIT */
/* How many connections an address has: before TLS, behind its first octet, and of the latter those not logged on yet.
 */
#pragma once

enum address_stage { ADDRESS_WAITING, ADDRESS_SESSION, ADDRESS_STRANGER, ADDRESS_STAGES_ };

struct addresses;
struct address;

/* NULL without memory. */
struct addresses *addresses_new(void);

/* All addresses have been left before. */
void addresses_free(struct addresses *t);

/*
 * One connection more of @rhost (an address as text; of IPv6 its /64 counts) in @stage. Returns the address, which
 * address_leave() takes back; NULL without memory. Who is an ADDRESS_STRANGER is an ADDRESS_SESSION as long.
 */
struct address *addresses_enter(struct addresses *t, const char *rhost, enum address_stage stage);

/* NULL is fine. */
void address_leave(struct address *a, enum address_stage stage);

/* 0 for NULL. */
unsigned address_count(const struct address *a, enum address_stage stage);
