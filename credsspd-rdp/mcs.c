/* SPDX-License-Identifier: MIT */
#include "credsspd-rdp/mcs.h"

#include <errno.h>

#define DATA_AT 7U /* after TPKT and X.224 data header */
#define IO_CHANNEL 0x03ebU
#define SEC_INFO_PKT 0x0040U
#define SEC_LICENSE_PKT 0x0080U
#define SC_CORE 0x0c01U

/* T.125 PDU codes in the upper six bits, as PER has them */
enum { ERECT_DOMAIN = 1, ATTACH_USER = 10, CHANNEL_JOIN = 14, SEND_DATA = 25, SEND_DATA_INDICATION = 26 };

/* MS-RDPBCGR 2.2.1.12.1.1 and 2.2.1.12.1.3: after the security header */
#define ERROR_ALERT 0xffU
#define STATUS_VALID_CLIENT 7U
#define LICENCE_ERROR_LEN 16U /* preamble, code, transition, blob without data */

static uint32_t get_le16(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static bool is_data(const uint8_t *p, size_t len)
{
	return len > DATA_AT && p[4] == 2 && p[5] == 0xf0 && p[6] == 0x80;
}

/* SendDataRequest and SendDataIndication differ only in the code */
size_t mcs_send_data_offset(const uint8_t *p, size_t len)
{
	size_t at = DATA_AT + 6, n;

	/* code, initiator, channel, priority and segmentation, PER length */
	if (len < at + 2 || ((uint32_t)p[10] << 8 | p[11]) != IO_CHANNEL || p[12] != 0x70)
		return 0;
	n = p[at++];
	if (n >= 0xc0)
		return 0; /* PER cuts what is longer than 16 KiB into fragments */
	if (n & 0x80)
		n = (n & 0x3f) << 8 | p[at++];
	return n == len - at && n >= 4 ? at : 0;
}

static enum mcs_kind send_data_kind(const uint8_t *p, size_t len)
{
	size_t at = mcs_send_data_offset(p, len);
	uint32_t flags = at ? get_le16(p + at) : 0;

	if (flags == SEC_INFO_PKT)
		return MCS_CLIENT_INFO;
	return flags == SEC_LICENSE_PKT || flags == (SEC_LICENSE_PKT | 0x0200U) ? MCS_LICENCE : MCS_OTHER;
}

enum mcs_kind mcs_kind(const uint8_t *p, size_t len)
{
	if (!is_data(p, len))
		return MCS_OTHER;
	if (len > DATA_AT + 1 && p[DATA_AT] == 0x7f && p[DATA_AT + 1] == 0x65)
		return MCS_CONNECT_INITIAL;
	switch (p[DATA_AT] >> 2) {
	case ERECT_DOMAIN:
		/* two integers, each with a length of its own */
		return len >= DATA_AT + 5 && len <= DATA_AT + 9 ? MCS_ERECT_DOMAIN : MCS_OTHER;
	case ATTACH_USER:
		return len == DATA_AT + 1 ? MCS_ATTACH_USER : MCS_OTHER;
	case CHANNEL_JOIN:
		return len == DATA_AT + 5 ? MCS_CHANNEL_JOIN : MCS_OTHER;
	case SEND_DATA:
		return send_data_kind(p, len);
	default:
		return MCS_OTHER;
	}
}

bool mcs_ends_licensing(const uint8_t *p, size_t len)
{
	size_t at;
	const uint8_t *error;

	if (!is_data(p, len) || p[DATA_AT] >> 2 != SEND_DATA_INDICATION)
		return false;
	at = mcs_send_data_offset(p, len);
	if (at == 0 || len - at < 4 + LICENCE_ERROR_LEN || !(get_le16(p + at) & SEC_LICENSE_PKT))
		return false;
	error = p + at + 4;
	return error[0] == ERROR_ALERT && get_le16(error + 4) == STATUS_VALID_CLIENT && get_le16(error + 6) == 0;
}

int mcs_allow(enum mcs_state *state, enum mcs_kind kind)
{
	static const struct {
		enum mcs_state state;
		enum mcs_kind kind;
		enum mcs_state next;
	} row[] = {
		{ MCS_EXPECT_CONNECT, MCS_CONNECT_INITIAL, MCS_EXPECT_ERECT },
		{ MCS_EXPECT_ERECT, MCS_ERECT_DOMAIN, MCS_EXPECT_ATTACH },
		{ MCS_EXPECT_ATTACH, MCS_ATTACH_USER, MCS_EXPECT_JOIN_OR_INFO },
		{ MCS_EXPECT_JOIN_OR_INFO, MCS_CHANNEL_JOIN, MCS_EXPECT_JOIN_OR_INFO },
		{ MCS_EXPECT_JOIN_OR_INFO, MCS_CLIENT_INFO, MCS_EXPECT_LICENCE },
		{ MCS_EXPECT_LICENCE, MCS_LICENCE, MCS_LOGGED_ON },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		if (row[i].state == *state && row[i].kind == kind) {
			*state = row[i].next;
			return 0;
		}
	}
	return -EPROTO;
}

/*
 * The server core data block, 2.2.1.4.2: type 0x0c01, length, version, clientRequestedProtocols. It is the first block
 * after the T.124 ConnectGCC header, which ends with the key "McDn".
 */
int mcs_patch_protocols(uint8_t *p, size_t len, uint32_t protocols)
{
	for (size_t at = DATA_AT; at + 5 <= len; at++) {
		size_t block;

		if (p[at] != 'M' || p[at + 1] != 'c' || p[at + 2] != 'D' || p[at + 3] != 'n')
			continue;
		block = at + 4;
		block += p[block] & 0x80 ? 2 : 1; /* PER length of the blocks */
		if (block + 12 > len || get_le16(p + block) != SC_CORE || get_le16(p + block + 2) < 12)
			return 0;
		for (size_t i = 0; i < 4; i++)
			p[block + 8 + i] = (uint8_t)(protocols >> (8 * i));
		return 1;
	}
	return 0;
}
