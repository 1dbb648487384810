/* SPDX-License-Identifier: MIT */
/* PDUs of a client between CredSSP and the licence, one behind the other, and the one of xrdp that is changed. */
#include "credsspd/rdp/mcs.h"
#include "credsspd/rdp/x224.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	mcs_sequence(data, size);
	mcs_patched(data, size);
	return 0;
}
