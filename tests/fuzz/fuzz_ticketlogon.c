/* SPDX-License-Identifier: MIT */
/* KERB_TICKET_LOGON of a client that has authenticated: offsets and lengths of its choice. */
#include "common/wire/ticketlogon.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ticketlogon t;
	struct view a, b;

	if (ticketlogon_read(data, size, &t) < 0)
		return 0;
	a = t.service_ticket;
	b = t.ticket_granting;
	PROMISE(a.len > 0 && b.len > 0);
	PROMISE(fuzz_inside(a, data, size) && fuzz_inside(b, data, size));
	PROMISE(a.p >= data + 32 && b.p >= data + 32);
	PROMISE(a.p + a.len <= b.p || b.p + b.len <= a.p);
	return 0;
}
