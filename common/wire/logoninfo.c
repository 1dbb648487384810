/* SPDX-License-Identifier: MIT */
/*
 * The buffer is NDR with type serialization version 1, MS-RPCE 2.2.6, little-endian:
 *
 *    0  common and private header
 *   16  referent of the structure
 *   20  the structure: six FILETIMEs, then EffectiveName {Length, MaximumLength, referent}, ...
 *  236  what its referents point to, in the order of its members. EffectiveName is the first of them:
 *       {maximum count, offset, actual count} and as many UTF-16 characters
 */
#include "common/wire/logoninfo.h"

#include <errno.h>
#include <string.h>

#include "common/wire/name.h"

#define VERSION_AT 0U
#define ENDIANNESS_AT 1U
#define REFERENT_AT 16U
#define NAME_AT 68U
#define FIRST_REFERRED_AT 236U
#define COUNTS_LEN 12U

static uint32_t get(const uint8_t *p, size_t len)
{
	uint32_t v = 0;

	while (len-- > 0)
		v = v << 8 | p[len];
	return v;
}

int logon_info_account(struct view info, char ret_[ACCOUNT_NAME_MAX + 1])
{
	const uint8_t *p = info.p, *name;
	char account[ACCOUNT_NAME_MAX + 1];
	uint32_t len, maximum, offset, actual;

	if (info.len < FIRST_REFERRED_AT + COUNTS_LEN || p[VERSION_AT] != 1 || p[ENDIANNESS_AT] != 0x10 ||
	    get(p + REFERENT_AT, 4) == 0 || get(p + NAME_AT + 4, 4) == 0)
		return -EBADMSG;
	len = get(p + NAME_AT, 2);
	maximum = get(p + FIRST_REFERRED_AT, 4);
	offset = get(p + FIRST_REFERRED_AT + 4, 4);
	actual = get(p + FIRST_REFERRED_AT + 8, 4);
	name = p + FIRST_REFERRED_AT + COUNTS_LEN;
	if (len == 0 || len % 2 != 0 || offset != 0 || actual != len / 2 || maximum < actual ||
	    len > info.len - FIRST_REFERRED_AT - COUNTS_LEN)
		return -EBADMSG;
	if (name_decode_utf16le(name, len, account) < 0 || !account[0])
		return -EBADMSG;
	memcpy(ret_, account, sizeof account);
	return 0;
}
