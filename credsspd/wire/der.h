/* SPDX-License-Identifier: MIT */
/*
 * A cursor over DER with a sticky error: the calls return empty views once
 * something was wrong, and der_ok() is asked once, at the end. Definite lengths
 * only; long forms need not be minimal, because rdesktop's are not.
 */
#pragma once

#include <stdbool.h>

#include "credsspd/wire/view.h"

struct der {
	const uint8_t *p;
	size_t len;
	bool failed;
};

#define DER_INTEGER 0x02U
#define DER_OCTET_STRING 0x04U
#define DER_OID 0x06U
#define DER_SEQUENCE 0x30U
#define DER_CONTEXT(n) ((uint8_t)(0xa0U | (n))) /* constructed, explicit */

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
