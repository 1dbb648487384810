/* SPDX-License-Identifier: MIT */
/* Why not iconv: its allocations are not wiped, and it loads its tables from files, which a worker cannot open. */
#include "common/wire/utf16.h"

#include <errno.h>
#include <stdbool.h>

#define BAD UINT32_MAX

/* Returns the code point at @in[*@at] and advances *@at; BAD for an unpaired surrogate. */
static uint32_t next_utf16(struct view in, size_t *at)
{
	uint32_t u = (uint32_t)in.p[*at] | (uint32_t)in.p[*at + 1] << 8;
	uint32_t low;

	*at += 2;
	if (u < 0xd800 || u > 0xdfff)
		return u;
	if (u > 0xdbff || in.len - *at < 2)
		return BAD;
	low = (uint32_t)in.p[*at] | (uint32_t)in.p[*at + 1] << 8;
	if (low < 0xdc00 || low > 0xdfff)
		return BAD;
	*at += 2;
	return 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
}

static size_t utf8_len(uint32_t c)
{
	return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static void put_utf8(uint8_t *out, uint32_t c, size_t n)
{
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (uint8_t)(0x80U | (c & 0x3fU));
	out[0] = (uint8_t)(lead[n] | c);
}

int utf16le_to_utf8(struct view in, uint8_t *out, size_t size, size_t *ret_len)
{
	size_t o = 0;

	if (in.len % 2)
		return -EILSEQ;
	for (size_t at = 0; at < in.len;) {
		uint32_t c = next_utf16(in, &at);
		size_t n;

		if (c == BAD)
			return -EILSEQ;
		n = utf8_len(c);
		if (n > size - o)
			return -ENOSPC;
		put_utf8(out + o, c, n);
		o += n;
	}
	*ret_len = o;
	return 0;
}

/* Returns the code point at @p (@len bytes are there) and its size in *@ret_n; BAD for bytes that RFC 3629 forbids. */
static uint32_t next_utf8(const uint8_t *p, size_t len, size_t *ret_n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80                   ? 1
		   : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
		   : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
		   : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
						 : 0;
	uint32_t c;

	if (n == 0 || n > len)
		return BAD;
	c = n == 1 ? p[0] : p[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return BAD;
		c = c << 6 | (p[i] & 0x3fU);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return BAD;
	*ret_n = n;
	return c;
}

int utf8_check(const uint8_t *p, size_t len)
{
	size_t n = 0;

	for (size_t at = 0; at < len; at += n)
		if (next_utf8(p + at, len - at, &n) == BAD)
			return -EILSEQ;
	return 0;
}

static void put_utf16(uint8_t *out, uint32_t u)
{
	out[0] = (uint8_t)u;
	out[1] = (uint8_t)(u >> 8);
}

int utf8_to_utf16le(struct view in, uint8_t *out, size_t size, size_t *ret_len)
{
	size_t o = 0, n = 0;

	for (size_t at = 0; at < in.len; at += n) {
		uint32_t c = next_utf8(in.p + at, in.len - at, &n);
		size_t need = c < 0x10000 ? 2 : 4;

		if (c == BAD)
			return -EILSEQ;
		if (need > size - o)
			return -ENOSPC;
		if (need == 2) {
			put_utf16(out + o, c);
		} else {
			put_utf16(out + o, 0xd800 + ((c - 0x10000) >> 10));
			put_utf16(out + o + 2, 0xdc00 + ((c - 0x10000) & 0x3ff));
		}
		o += need;
	}
	*ret_len = o;
	return 0;
}
