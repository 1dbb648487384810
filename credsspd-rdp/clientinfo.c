/* SPDX-License-Identifier: MIT */
#include "credsspd-rdp/clientinfo.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/wire/utf16.h"
#include "credsspd-rdp/mcs.h"

#define INFO_MOUSE 0x00000001U
#define INFO_DISABLECTRLALTDEL 0x00000002U
#define INFO_AUTOLOGON 0x00000008U
#define INFO_UNICODE 0x00000010U
#define INFO_MAXIMIZESHELL 0x00000020U
#define INFO_PASSWORD_IS_SC_PIN 0x00040000U
#define INFO_USING_SAVED_CREDS 0x00100000U

#define FIXED_LEN 18U /* CodePage, flags, five lengths */

enum { STRING_DOMAIN, STRING_USER, STRING_PASSWORD, STRING_SHELL, STRING_DIRECTORY, STRINGS };

struct parsed {
	uint32_t code_page, flags;
	struct view string[STRINGS]; /* without their terminators */
	struct view extended;
};

static uint32_t get_le(const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static void put_le(uint8_t *p, uint32_t v, size_t n)
{
	for (size_t i = 0; i < n; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

/* @p: the PDU after the security header. */
static int parse(const uint8_t *p, size_t len, struct parsed *ret_)
{
	struct parsed i;
	size_t at = FIXED_LEN, terminator;

	if (len < FIXED_LEN)
		return -EPROTO;
	i.code_page = get_le(p, 4);
	i.flags = get_le(p + 4, 4);
	terminator = i.flags & INFO_UNICODE ? 2 : 1;
	for (size_t s = 0; s < STRINGS; s++) {
		size_t n = get_le(p + 8 + 2 * s, 2);

		if (n > CLIENT_INFO_STRING_MAX * 2)
			return -ENAMETOOLONG;
		if (n % terminator || n + terminator > len - at)
			return -EPROTO;
		if (p[at + n] || p[at + n + terminator - 1])
			return -EPROTO;
		i.string[s] = (struct view){ p + at, n };
		at += n + terminator;
	}
	i.extended = (struct view){ p + at, len - at };
	*ret_ = i;
	return 0;
}

/* Converts a string of one byte a character, as a client without INFO_UNICODE sends it, when it is ASCII. */
static int widen(struct view in, uint8_t *out, size_t size, size_t *ret_len)
{
	if (2 * in.len > size)
		return -ENAMETOOLONG;
	for (size_t i = 0; i < in.len; i++) {
		if (in.p[i] >= 0x80)
			return -EILSEQ;
		out[2 * i] = in.p[i];
		out[2 * i + 1] = 0;
	}
	*ret_len = 2 * in.len;
	return 0;
}

/* Writes @ours to @out, or the client's string when @ours is NULL. */
static int put_string(const struct parsed *i, size_t s, const char *ours, uint8_t *out, size_t size, size_t *ret_len)
{
	struct view v = i->string[s];
	size_t len = 0;
	int r = 0;

	if (size < 2)
		return -ENAMETOOLONG;
	size -= 2;
	if (ours)
		r = utf8_to_utf16le((struct view){ (const uint8_t *)ours, strlen(ours) }, out, size, &len);
	else if (!(i->flags & INFO_UNICODE))
		r = widen(v, out, size, &len);
	else if (v.len > size)
		r = -ENAMETOOLONG;
	else
		memcpy(out, v.p, len = v.len);
	if (r < 0)
		return r == -ENOSPC ? -ENAMETOOLONG : r;
	if (len >= CLIENT_INFO_STRING_MAX)
		return -ENAMETOOLONG;
	put_le(out + len, 0, 2);
	*ret_len = len;
	return 0;
}

static int write_info(const struct parsed *i, const char *user, const char *password, uint8_t *out, size_t size,
		      size_t *ret_len)
{
	const char *ours[STRINGS] = { [STRING_DOMAIN] = "", [STRING_USER] = user, [STRING_PASSWORD] = password };
	uint32_t flags = i->flags & ~(INFO_PASSWORD_IS_SC_PIN | INFO_USING_SAVED_CREDS);
	size_t at = FIXED_LEN, n;
	int r;

	put_le(out, i->code_page, 4);
	put_le(out + 4,
	       flags | INFO_MOUSE | INFO_DISABLECTRLALTDEL | INFO_AUTOLOGON | INFO_UNICODE | INFO_MAXIMIZESHELL, 4);
	for (size_t s = 0; s < STRINGS; s++) {
		r = put_string(i, s, ours[s], out + at, size - at, &n);
		if (r < 0)
			return r;
		put_le(out + 8 + 2 * s, (uint32_t)n, 2);
		at += n + 2;
	}
	if (i->extended.len > size - at)
		return -ENAMETOOLONG;
	memcpy(out + at, i->extended.p, i->extended.len);
	*ret_len = at + i->extended.len;
	return 0;
}

int client_info_rewrite(const uint8_t *in, size_t len, const char *user, const char *password,
			uint8_t out[CLIENT_INFO_OUT_MAX], size_t *ret_len)
{
	const size_t head = 15; /* up to and including a PER length of two bytes */
	size_t offset = mcs_send_data_offset(in, len), n = 0;
	struct parsed i;
	int r;

	if (!offset)
		return -EPROTO;
	r = parse(in + offset + 4, len - offset - 4, &i);
	if (r == 0)
		r = write_info(&i, user, password, out + head + 4, CLIENT_INFO_OUT_MAX - head - 4, &n);
	if (r < 0)
		return r;
	n += 4;
	memcpy(out, in, 13);
	out[13] = (uint8_t)(0x80U | n >> 8);
	out[14] = (uint8_t)n;
	memcpy(out + head, in + offset, 4); /* SEC_INFO_PKT, flagsHi */
	n += head;
	out[2] = (uint8_t)(n >> 8);
	out[3] = (uint8_t)n;
	*ret_len = n;
	return 0;
}
