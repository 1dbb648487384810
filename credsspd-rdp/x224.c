/* SPDX-License-Identifier: MIT */
#include "credsspd-rdp/x224.h"

#include <errno.h>
#include <string.h>

#define TPKT_LEN 4U
#define X224_HEADER_LEN 7U /* length indicator, code, two references, class */
#define NEG_LEN 8U
#define CORRELATION_LEN 36U

enum { CODE_REQUEST = 0xe0, CODE_CONFIRM = 0xd0, NEG_REQ = 1, NEG_RSP = 2, NEG_FAILURE = 3, NEG_CORRELATION = 6 };

static uint32_t get_le(const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static void put_le(uint8_t *p, uint32_t v)
{
	for (size_t i = 0; i < 4; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

int x224_frame(const uint8_t *p, size_t len, size_t *ret_total)
{
	size_t total;

	if ((len > 0 && p[0] != 3) || (len > 1 && p[1] != 0))
		return -EPROTO;
	if (len < TPKT_LEN)
		return 0;
	total = (size_t)p[2] << 8 | p[3];
	if (total < TPKT_LEN + 3)
		return -EPROTO;
	*ret_total = total;
	return 1;
}

/* Returns the bytes after an optional cookie or routing token, which ends with CR LF; NULL without that end. */
static const uint8_t *skip_token(const uint8_t *p, const uint8_t *end)
{
	static const char cookie[] = "Cookie: ";
	const uint8_t *crlf;

	if ((size_t)(end - p) < sizeof cookie - 1 || memcmp(p, cookie, sizeof cookie - 1) != 0) {
		/* routing tokens of load balancers come without that word, too: "tsv://..." up to CR LF */
		if (p == end || p[0] < 0x20)
			return p;
	}
	crlf = memmem(p, (size_t)(end - p), "\r\n", 2);
	return crlf ? crlf + 2 : NULL;
}

int x224_request_read(const uint8_t *p, size_t len, struct x224_request *ret_)
{
	struct x224_request r = { .negotiates = false };
	const uint8_t *end = p + len, *at;

	/* a length indicator of 255 is reserved */
	if (len < TPKT_LEN + X224_HEADER_LEN || p[5] != CODE_REQUEST || (size_t)p[4] + 5 != len || p[4] == 0xff ||
	    p[10] != 0)
		return -EPROTO;
	at = skip_token(p + TPKT_LEN + X224_HEADER_LEN, end);
	if (!at)
		return -EPROTO;
	if (at != end) {
		if ((size_t)(end - at) < NEG_LEN || at[0] != NEG_REQ || get_le(at + 2, 2) != NEG_LEN)
			return -EPROTO;
		r.negotiates = true;
		r.flags = at[1];
		r.protocols = get_le(at + 4, 4);
		at += NEG_LEN;
	}
	if (r.flags & X224_FLAG_CORRELATION_INFO) {
		if ((size_t)(end - at) < CORRELATION_LEN || at[0] != NEG_CORRELATION ||
		    get_le(at + 2, 2) != CORRELATION_LEN)
			return -EPROTO;
		at += CORRELATION_LEN;
	}
	if (at != end)
		return -EPROTO;
	*ret_ = r;
	return 0;
}

static void write_common(uint8_t out[X224_CONFIRM_LEN], uint8_t code)
{
	const uint8_t head[TPKT_LEN + X224_HEADER_LEN] = { 3, 0, 0, X224_CONFIRM_LEN, X224_CONFIRM_LEN - 5, code };

	memcpy(out, head, sizeof head);
	out[11] = 0;
	out[12] = 0;
	out[13] = NEG_LEN;
	out[14] = 0;
}

void x224_confirm_write(uint8_t out[X224_CONFIRM_LEN], uint32_t protocol, uint8_t flags, uint32_t failure)
{
	write_common(out, CODE_CONFIRM);
	out[11] = failure ? NEG_FAILURE : NEG_RSP;
	out[12] = failure ? 0 : flags;
	put_le(out + 15, failure ? failure : protocol);
}

void x224_request_write(uint8_t out[X224_CONFIRM_LEN], uint32_t protocols)
{
	write_common(out, CODE_REQUEST);
	out[11] = NEG_REQ;
	put_le(out + 15, protocols);
}

size_t x224_plain_confirm_write(uint8_t out[X224_CONFIRM_LEN])
{
	const uint8_t confirm[TPKT_LEN + X224_HEADER_LEN] = {
		3, 0, 0, sizeof confirm, sizeof confirm - 5, CODE_CONFIRM
	};

	memcpy(out, confirm, sizeof confirm);
	return sizeof confirm;
}

bool x224_is_request(const uint8_t *p, size_t len)
{
	return len >= TPKT_LEN + X224_HEADER_LEN && p[5] == CODE_REQUEST;
}

bool x224_is_confirm(const uint8_t *p, size_t len)
{
	return len >= TPKT_LEN + X224_HEADER_LEN && p[5] == CODE_CONFIRM;
}
