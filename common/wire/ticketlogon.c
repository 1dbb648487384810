/* SPDX-License-Identifier: MIT */
#include "common/wire/ticketlogon.h"

#include <errno.h>
#include <stdbool.h>

enum { KERB_TICKET_LOGON = 10, FIXED_LEN = 32 };

static uint64_t get_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

/* No sums of the client's numbers, because a sum could wrap. */
static bool inside(uint64_t offset, uint32_t length, size_t len)
{
	return length > 0 && offset >= FIXED_LEN && offset <= len && length <= len - offset;
}

static bool apart(struct view a, struct view b)
{
	return a.p < b.p ? (size_t)(b.p - a.p) >= a.len : (size_t)(a.p - b.p) >= b.len;
}

int ticketlogon_read(const uint8_t *p, size_t len, struct ticketlogon *ret_)
{
	uint32_t service_len, granting_len;
	uint64_t service, granting;
	struct ticketlogon t;

	if (len < FIXED_LEN || get_le(p, 4) != KERB_TICKET_LOGON)
		return -EPROTO;
	service_len = (uint32_t)get_le(p + 8, 4);
	granting_len = (uint32_t)get_le(p + 12, 4);
	service = get_le(p + 16, 8);
	granting = get_le(p + 24, 8);
	if (!inside(service, service_len, len) || !inside(granting, granting_len, len))
		return -EPROTO;
	t.flags = (uint32_t)get_le(p + 4, 4);
	t.service_ticket = (struct view){ p + service, service_len };
	t.ticket_granting = (struct view){ p + granting, granting_len };
	if (!apart(t.service_ticket, t.ticket_granting))
		return -EPROTO;
	*ret_ = t;
	return 0;
}
