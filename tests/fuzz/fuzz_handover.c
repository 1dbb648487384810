/* SPDX-License-Identifier: MIT */
/* The hand-over, which a module inside a login program reads and a process that was taken over may have written. */
#include "common/ipc/handover.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct secret in = { .p_ = (void *)(uintptr_t)data, .len_ = size, .cap_ = size };
	struct secret out AUTO_SECRET = SECRET_NULL;
	struct handover h;

	if (handover_read(&in, &h) < 0)
		return 0;
	PROMISE(credential_kind_name(h.kind));
	PROMISE(!h.field[0].p_);
	PROMISE(secret_init(&out, size) == 0 && handover_begin(&out, h.kind) == 0);
	for (unsigned tag = 1; tag <= HANDOVER_TAG_LAST_; tag++) {
		PROMISE(fuzz_inside((struct view){ h.field[tag].p_, h.field[tag].len }, data, size));
		if (h.field[tag].p_)
			PROMISE(handover_add(&out, (enum handover_tag)tag, h.field[tag].p_, h.field[tag].len) == 0);
	}
	handover_end(&out);
	/* there is one way to write it */
	PROMISE(secret_len(&out) == size && memcmp(secret_expose(&out), data, size) == 0);
	return 0;
}
