/* SPDX-License-Identifier: MIT */
/* The first packet of an unauthenticated client. */
#include "credsspd-rdp/x224.h"
#include "tests/fuzz/fuzz.h"

/* What is answered, and what is asked of xrdp, is read as it was written. */
static void x224_answers(const struct x224_request *r)
{
	uint8_t out[X224_CONFIRM_LEN];
	struct x224_request again;

	x224_confirm_write(out, r->protocols, r->flags, r->negotiates ? 0 : X224_FAILURE_HYBRID_REQUIRED);
	PROMISE(x224_is_confirm(out, sizeof out) && x224_request_read(out, sizeof out, &again) < 0);
	PROMISE(x224_is_confirm(out, x224_plain_confirm_write(out)));
	x224_request_write(out, r->protocols);
	PROMISE(x224_request_read(out, sizeof out, &again) == 0 && again.protocols == r->protocols);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct x224_request r;
	size_t total = 0;
	int frame = x224_frame(data, size, &total);

	if (frame == 1)
		PROMISE(total >= 7 && total <= RDP_PDU_MAX);
	PROMISE(!x224_is_confirm(data, size) || !x224_is_request(data, size));
	if (x224_request_read(data, size, &r) == 0) {
		PROMISE(size >= 11 && size <= 260 && !x224_is_confirm(data, size));
		PROMISE(r.negotiates ? size >= 19 : !r.flags && !r.protocols);
		x224_answers(&r);
	}
	return 0;
}
