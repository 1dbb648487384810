/* SPDX-License-Identifier: MIT */
/*
 * PDUs of a client between CredSSP and the licence, one behind the other; the one of xrdp that is changed, and the one
 * that ends the licence exchange.
 */
#include "credsspd-rdp/mcs.h"
#include "credsspd-rdp/x224.h"
#include "tests/fuzz/fuzz.h"

static void mcs_patched(const uint8_t *data, size_t size)
{
	uint8_t *p = malloc(size ? size : 1);
	size_t changed = 0, first = size;

	PROMISE(p);
	if (size)
		memcpy(p, data, size);
	if (mcs_patch_protocols(p, size, 0x01020304) == 0)
		PROMISE(size == 0 || memcmp(p, data, size) == 0);
	for (size_t i = size; i-- > 0;) {
		changed += p[i] != data[i];
		first = p[i] != data[i] ? i : first;
	}
	PROMISE(changed <= 4);
	for (size_t i = first + 4; i < size; i++)
		PROMISE(p[i] == data[i]);
	free(p);
}

/* What passes is what the connection sequence has, in its order: at most one Client Info, behind everything else. */
static void mcs_sequence(const uint8_t *data, size_t size)
{
	enum mcs_state state = MCS_EXPECT_CONNECT;
	unsigned infos = 0, licences = 0;
	size_t total;

	while (x224_frame(data, size, &total) == 1 && total <= size) {
		enum mcs_kind kind = mcs_kind(data, total);
		size_t at = mcs_send_data_offset(data, total);

		PROMISE(at == 0 || (at + 4 <= total && (at == 14 || at == 15)));
		PROMISE(at || (kind != MCS_CLIENT_INFO && kind != MCS_LICENCE));
		if (mcs_allow(&state, kind) < 0)
			break;
		PROMISE(kind != MCS_OTHER && state < MCS_STATES_);
		infos += kind == MCS_CLIENT_INFO;
		licences += kind == MCS_LICENCE;
		data += total;
		size -= total;
	}
	PROMISE(infos <= 1 && licences <= infos && (state == MCS_LOGGED_ON) == (licences == 1));
}

/* The server's licence error message, MS-RDPBCGR 2.2.1.12.1.3, in a SendDataIndication. */
static void mcs_licence(const uint8_t *p, size_t len)
{
	size_t at = mcs_send_data_offset(p, len);
	bool ends = len > 7 && memcmp(p + 4, "\x02\xf0\x80", 3) == 0 && p[7] >> 2 == 26 && at && len - at >= 20 &&
		    p[at] & 0x80 && p[at + 4] == 0xff && memcmp(p + at + 8, "\7\0\0\0", 4) == 0;

	PROMISE(mcs_ends_licensing(p, len) == ends);
	/* it is none of a client's */
	PROMISE(!ends || mcs_kind(p, len) == MCS_OTHER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	mcs_sequence(data, size);
	mcs_patched(data, size);
	mcs_licence(data, size);
	return 0;
}
