/* SPDX-License-Identifier: MIT */
/* The first packet of anybody on the internet. */
#include "credsspd/rdp/x224.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct x224_request r;
	size_t total = 0;
	int frame = x224_frame(data, size, &total);

	if (frame == 1)
		PROMISE(total >= 7 && total <= RDP_PDU_MAX);
	(void)x224_is_confirm(data, size);
	if (x224_request_read(data, size, &r) == 0) {
		PROMISE(size >= 11 && size <= 260 && !x224_is_confirm(data, size));
		PROMISE(r.negotiates ? size >= 19 : !r.flags && !r.protocols);
	}
	return 0;
}
