/* SPDX-License-Identifier: MIT */
/*
 * DER, read and written. The cursor has a sticky error: the calls return empty views once
 * something was wrong, and der_ok() is asked once, at the end. Definite lengths
 * only; long forms need not be minimal, because rdesktop's are not.
 */
#pragma once

#include <stdbool.h>

#include "common/wire/view.h"

struct der {
	const uint8_t *p;
	size_t len;
	bool failed;
};

#define DER_INTEGER 0x02U
#define DER_BIT_STRING 0x03U
#define DER_OCTET_STRING 0x04U
#define DER_OID 0x06U
#define DER_ENUMERATED 0x0aU
#define DER_GENERALIZED_TIME 0x18U
#define DER_GENERAL_STRING 0x1bU
#define DER_SEQUENCE 0x30U
#define DER_CONTEXT(n) ((uint8_t)(0xa0U | (n)))     /* constructed, explicit */
#define DER_APPLICATION(n) ((uint8_t)(0x60U | (n))) /* constructed */

static inline struct der der_init(const uint8_t *p, size_t len)
{
	return (struct der){ .p = p, .len = len };
}

/*
 * Reads tag and length at @p. Returns 1 with the sizes of header and contents, 0 when more octets are needed, -EPROTO
 * when the tag is another one or the length is indefinite or over 4 octets long.
 */
int der_header(const uint8_t *p, size_t len, uint8_t tag, size_t *ret_header, size_t *ret_contents);

/* Whether the next element has @tag. */
bool der_is(const struct der *d, uint8_t tag);

/* Takes the next element, which must have @tag; its contents. */
struct view der_take(struct der *d, uint8_t tag);

/* Goes into the next element, which must have @tag. */
struct der der_enter(struct der *d, uint8_t tag);

/* An INTEGER from 0 to 2^32 - 1, in its shortest form. */
uint32_t der_take_u32(struct der *d);

/* An OCTET STRING inside [n], absent: VIEW_NULL. */
struct view der_take_optional_octets(struct der *d, uint8_t context);

/* Nothing went wrong and nothing is left. */
bool der_ok(const struct der *d);

/*
 * Writes DER from the end of the room to its front, so that every length is known when it is written: contents first,
 * then der_put_header() around what was put since. The error (no room) is sticky, and asked for once, at the end.
 */
struct der_writer {
	uint8_t *start, *p; /* the octets from @p on are written */
	const uint8_t *end;
	bool full;
};

static inline struct der_writer der_writer_init(uint8_t *out, size_t size)
{
	return (struct der_writer){ .start = out, .p = out + size, .end = out + size };
}

void der_put(struct der_writer *w, const void *p, size_t len);
void der_put_octet(struct der_writer *w, uint8_t octet);

/* How much has been put, to give to der_put_header() later. */
size_t der_written(const struct der_writer *w);

/* Tag and length of an element whose contents are all that was put since der_written() was @before. */
void der_put_header(struct der_writer *w, uint8_t tag, size_t before);

/* An element with @tag, and one inside [context]. */
void der_put_element(struct der_writer *w, uint8_t tag, const void *p, size_t len);
void der_put_field(struct der_writer *w, uint8_t context, uint8_t tag, const void *p, size_t len);

/* A small INTEGER (to 2^31 - 1) inside [context]. */
void der_put_u31_field(struct der_writer *w, uint8_t context, uint32_t value);

/* Moves what was put to the start of the room. Returns 0 and its length in @ret_len, or -ENOSPC. */
int der_finish(struct der_writer *w, size_t *ret_len);
