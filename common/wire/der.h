/* SPDX-License-Identifier: MIT */
/*
 * DER reader and writer. The reader has a sticky error: after an error its functions return empty views, and the caller
 * calls der_ok() once, at the end. Definite lengths only; long forms need not be minimal, because rdesktop's are not.
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
 * Reads tag and length at @p. Returns 1 with the sizes of header and contents, 0 when more bytes are needed, -EPROTO
 * when the tag is another one or the length is indefinite or over 4 bytes long.
 */
int der_header(const uint8_t *p, size_t len, uint8_t tag, size_t *ret_header, size_t *ret_contents);

/* Returns whether the next element has @tag. */
bool der_is(const struct der *d, uint8_t tag);

/* Takes the next element, which must have @tag, and returns its contents. */
struct view der_take(struct der *d, uint8_t tag);

/* Takes the next element, which must have @tag, and returns a reader of its contents. */
struct der der_enter(struct der *d, uint8_t tag);

/* Takes an INTEGER from 0 to 2^32 - 1, in its shortest form. */
uint32_t der_take_u32(struct der *d);

/* Reads the OPTIONAL OCTET STRING with the tag [@context]. Returns its contents, or VIEW_NULL when it is absent. */
struct view der_take_optional_octets(struct der *d, uint8_t context);

/* Returns whether there was no error and nothing is left to read. */
bool der_ok(const struct der *d);

/*
 * Writes DER from the end of the buffer to its front, so that every length is known when it is written: contents first,
 * then der_put_header() around them. The error (no room) is sticky; der_finish() returns it.
 */
struct der_writer {
	uint8_t *start, *p; /* the bytes from p on are written */
	const uint8_t *end;
	bool full;
};

static inline struct der_writer der_writer_init(uint8_t *out, size_t size)
{
	return (struct der_writer){ .start = out, .p = out + size, .end = out + size };
}

void der_put(struct der_writer *w, const void *p, size_t len);
void der_put_octet(struct der_writer *w, uint8_t octet);

/* Returns the number of bytes written, for der_put_header() later. */
size_t der_written(const struct der_writer *w);

/* Writes tag and length of an element; its contents were written since der_written() returned @before. */
void der_put_header(struct der_writer *w, uint8_t tag, size_t before);

/* Write an element with @tag, and one inside [@context]. */
void der_put_element(struct der_writer *w, uint8_t tag, const void *p, size_t len);
void der_put_field(struct der_writer *w, uint8_t context, uint8_t tag, const void *p, size_t len);

/* Writes an INTEGER from 0 to 2^31 - 1 inside [@context]. */
void der_put_u31_field(struct der_writer *w, uint8_t context, uint32_t value);

/* Moves the written bytes to the start of the buffer. Returns 0 and their number in @ret_len, or -ENOSPC. */
int der_finish(struct der_writer *w, size_t *ret_len);
