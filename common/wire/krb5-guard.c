/* SPDX-License-Identifier: MIT */
#include "common/wire/krb5-guard.h"

#include <errno.h>
#include <string.h>

#define CFX_SENT_BY_ACCEPTOR 0x01U
#define CFX_SEALED 0x02U
#define CFX_ACCEPTOR_SUBKEY 0x04U

int krb5_mic_guard(struct view t)
{
	static const uint8_t filler[5] = { 0xff, 0xff, 0xff, 0xff, 0xff };

	/* the header and a checksum */
	if (t.len < 16 + 12 || t.p[0] != 0x04 || t.p[1] != 0x04 || memcmp(t.p + 3, filler, sizeof filler) != 0)
		return -EPROTO;
	return t.p[2] == CFX_ACCEPTOR_SUBKEY ? 0 : -EPROTO;
}

int krb5_wrap_guard(struct view t)
{
	/* the header, then at least confounder, a copy of the header and a checksum */
	if (t.len < 16 + 16 + 16 + 12 || t.p[0] != 0x05 || t.p[1] != 0x04 || t.p[3] != 0xff)
		return -EPROTO;
	if (t.p[2] != (CFX_SEALED | CFX_ACCEPTOR_SUBKEY))
		return -EPROTO;
	return t.p[4] == 0 && t.p[5] == 0 ? 0 : -EPROTO;
}
