/* SPDX-License-Identifier: MIT */
/*
 * Messages for the tests of common/wire, put together independently of it. Every buffer is an allocation of exactly
 * its length, so that the sanitizers see a reader that goes one octet too far.
 */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct buf {
	uint8_t *p;
	size_t len;
};

static inline struct buf buf_new(size_t len)
{
	struct buf b = { malloc(len ? len : 1), len };

	if (!b.p)
		abort();
	return b;
}

static inline struct buf buf_copy(const void *p, size_t len)
{
	struct buf b = buf_new(len);

	if (len)
		memcpy(b.p, p, len);
	return b;
}

static inline struct buf buf_fill(uint8_t octet, size_t len)
{
	struct buf b = buf_new(len);

	memset(b.p, octet, len);
	return b;
}

static inline void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ NULL, 0 };
}

#define AUTO_BUF __attribute__((cleanup(buf_free)))

/* A string literal without its final NUL. */
#define LIT(s) buf_copy(s, sizeof(s) - 1)

/* All of @part, which are freed, in one. */
static inline struct buf buf_join(struct buf *part, size_t n)
{
	struct buf b;
	size_t len = 0, at = 0;

	for (size_t i = 0; i < n; i++)
		len += part[i].len;
	b = buf_new(len);
	for (size_t i = 0; i < n; i++) {
		if (part[i].len)
			memcpy(b.p + at, part[i].p, part[i].len);
		at += part[i].len;
		buf_free(&part[i]);
	}
	return b;
}

#define JOIN(...) buf_join((struct buf[]){ __VA_ARGS__ }, sizeof((struct buf[]){ __VA_ARGS__ }) / sizeof(struct buf))

/* A header whose length takes @n octets behind 0x80 + @n; 0: the short form. */
static inline struct buf tlv_long(unsigned n, uint8_t tag, struct buf contents)
{
	struct buf b = buf_new(2 + n + contents.len);

	b.p[0] = tag;
	b.p[1] = n ? (uint8_t)(0x80 | n) : (uint8_t)contents.len;
	for (unsigned i = 0; i < n; i++)
		b.p[2 + i] = (uint8_t)((uint64_t)contents.len >> (8 * (n - 1 - i)));
	if (contents.len)
		memcpy(b.p + 2 + n, contents.p, contents.len);
	buf_free(&contents);
	return b;
}

/* Strict DER. */
static inline struct buf tlv(uint8_t tag, struct buf contents)
{
	unsigned n = 0;

	if (contents.len >= 0x80)
		for (size_t l = contents.len; l; l >>= 8)
			n++;
	return tlv_long(n, tag, contents);
}

static inline struct buf octets(struct buf contents)
{
	return tlv(0x04, contents);
}

static inline struct buf sequence(struct buf contents)
{
	return tlv(0x30, contents);
}

static inline struct buf context(unsigned n, struct buf contents)
{
	return tlv((uint8_t)(0xa0 | n), contents);
}
