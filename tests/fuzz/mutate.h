/* SPDX-License-Identifier: MIT */
/* For targets whose honest messages are made while they run (tickets, tokens): the input says what is changed in them.
 */
#pragma once

#include <string.h>

#include "tests/fuzz/fuzz.h"

struct script {
	const uint8_t *p;
	size_t left;
};

/* 0 behind the end. */
static inline uint8_t script_octet(struct script *s)
{
	if (!s->left)
		return 0;
	s->left--;
	return *s->p++;
}

static inline size_t script_number(struct script *s)
{
	size_t high = script_octet(s);

	return high << 8 | script_octet(s);
}

/* As many octets as the next two say, or as there are. */
static inline struct view script_octets(struct script *s)
{
	size_t n = script_number(s);
	struct view v;

	if (n > s->left)
		n = s->left;
	v = (struct view){ s->p, n };
	s->p += n;
	s->left -= n;
	return v;
}

/*
 * Changes a copy of @in, which has room for @room octets, as the script says: octets that are flipped, and a new
 * length. Returns the length.
 */
static inline size_t script_alter(struct script *s, uint8_t *p, size_t len, size_t room)
{
	uint8_t how = script_octet(s);
	size_t n;

	for (unsigned i = 0; i < (how & 0xfU); i++) {
		n = script_number(s);
		if (len)
			p[n % len] ^= script_octet(s);
	}
	if (how & 0x80U) { /* cut */
		n = script_number(s);
		len = len ? n % len : 0;
	}
	if (how & 0x40U) { /* more behind it */
		struct view more = script_octets(s);

		n = more.len < room - len ? more.len : room - len;
		if (n)
			memcpy(p + len, more.p, n);
		len += n;
	}
	return len;
}
