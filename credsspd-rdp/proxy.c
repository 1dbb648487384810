/* SPDX-License-Identifier: MIT */
/*
 * haproxy's proxy-protocol.txt, 2.2. Only headers of configured proxies are read. Version 1 is not supported: its
 * header has no length field.
 */
#include "credsspd-rdp/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define HEADER_LEN 16U

static const uint8_t signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

enum { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21, FAMILY_TCP4 = 0x11, FAMILY_TCP6 = 0x21 };

static int take_address(int family, const uint8_t *source, const uint8_t *port, struct proxy_peer *peer)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	/* a proxy that listens on IPv6 for both sends mapped addresses: a client must count as one address */
	if (family == AF_INET6 && memcmp(source, mapped, sizeof mapped) == 0) {
		family = AF_INET;
		source += sizeof mapped;
	}
	if (!inet_ntop(family, source, peer->rhost, RHOST_MAX))
		return -EPROTO;
	peer->rport = (uint16_t)(port[0] << 8 | port[1]);
	return 0;
}

bool proxy_begins(const uint8_t *p, size_t len)
{
	return len >= sizeof signature && memcmp(p, signature, sizeof signature) == 0;
}

int proxy_read(const uint8_t *p, size_t len, size_t *ret_total, struct proxy_peer *ret_peer)
{
	struct proxy_peer peer = { .rport = 0 };
	size_t body, prefix = len < sizeof signature ? len : sizeof signature;
	int r = 0;

	if (memcmp(p, signature, prefix) != 0)
		return -EPROTO;
	if (len < HEADER_LEN)
		return 0;
	body = (size_t)p[14] << 8 | p[15];
	if (HEADER_LEN + body > PROXY_V2_MAX)
		return -EMSGSIZE;
	if (p[12] != COMMAND_LOCAL && p[12] != COMMAND_PROXY)
		return -EPROTO;
	if (len < HEADER_LEN + body)
		return 0;
	peer.local = p[12] == COMMAND_LOCAL;
	if (p[12] == COMMAND_PROXY && p[13] == FAMILY_TCP4)
		r = body < 12 ? -EPROTO : take_address(AF_INET, p + 16, p + 24, &peer);
	else if (p[12] == COMMAND_PROXY && p[13] == FAMILY_TCP6)
		r = body < 36 ? -EPROTO : take_address(AF_INET6, p + 16, p + 48, &peer);
	if (r < 0)
		return r;
	*ret_peer = peer;
	*ret_total = HEADER_LEN + body; /* TLVs after the addresses are skipped */
	return 1;
}
