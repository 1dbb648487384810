/* SPDX-License-Identifier: MIT */
/* The PROXY header, which a configured proxy sends, or a host that uses its address. */
#include "credsspd-rdp/proxy.h"

#include <arpa/inet.h>
#include <errno.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_peer peer;
	uint8_t address[16];
	size_t total = 0;
	int r = proxy_read(data, size, &total, &peer);

	PROMISE(r == 0 || r == 1 || r == -EPROTO || r == -EMSGSIZE);
	PROMISE(r != 1 || proxy_begins(data, size));
	if (r != 1)
		return 0;
	PROMISE(total >= 16 && total <= size && total <= PROXY_V2_MAX);
	PROMISE(memchr(peer.rhost, '\0', RHOST_MAX));
	PROMISE(!*peer.rhost || inet_pton(AF_INET, peer.rhost, address) == 1 ||
		inet_pton(AF_INET6, peer.rhost, address) == 1);
	PROMISE(*peer.rhost || peer.rport == 0);
	/* nothing behind the header counts, and every octet of it is needed */
	PROMISE(proxy_read(data, total, &total, &peer) == 1);
	PROMISE(proxy_read(data, total - 1, &(size_t){ 0 }, &peer) == 0);
	return 0;
}
