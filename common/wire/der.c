/* SPDX-License-Identifier: MIT */
#include "common/wire/der.h"

#include <errno.h>
#include <string.h>

int der_header(const uint8_t *p, size_t len, uint8_t tag, size_t *ret_header, size_t *ret_contents)
{
	size_t n = 0, contents = 0;

	if (len > 0 && p[0] != tag)
		return -EPROTO;
	if (len < 2)
		return 0;
	if (p[1] < 0x80) {
		contents = p[1];
	} else {
		n = p[1] & 0x7fU;
		if (n == 0 || n > 4)
			return -EPROTO;
		if (len < 2 + n)
			return 0;
		for (size_t i = 0; i < n; i++)
			contents = contents << 8 | p[2 + i];
	}
	*ret_header = 2 + n;
	*ret_contents = contents;
	return 1;
}

bool der_is(const struct der *d, uint8_t tag)
{
	return !d->failed && d->len > 0 && d->p[0] == tag;
}

struct view der_take(struct der *d, uint8_t tag)
{
	size_t header, contents;
	struct view v;

	if (d->failed || der_header(d->p, d->len, tag, &header, &contents) != 1 || contents > d->len - header) {
		d->failed = true;
		return VIEW_NULL;
	}
	v = (struct view){ d->p + header, contents };
	d->p += header + contents;
	d->len -= header + contents;
	return v;
}

struct der der_enter(struct der *d, uint8_t tag)
{
	struct view v = der_take(d, tag);

	return (struct der){ .p = v.p, .len = v.len, .failed = d->failed };
}

uint32_t der_take_u32(struct der *d)
{
	struct view v = der_take(d, DER_INTEGER);
	uint64_t value = 0;

	/* the protocol has no negative, empty or longer numbers, and every client writes the shortest form */
	if (v.len == 0 || v.len > 5 || v.p[0] & 0x80 || (v.len > 1 && v.p[0] == 0 && !(v.p[1] & 0x80))) {
		d->failed = true;
		return 0;
	}
	for (size_t i = 0; i < v.len; i++)
		value = value << 8 | v.p[i];
	if (value > UINT32_MAX)
		d->failed = true;
	return d->failed ? 0 : (uint32_t)value;
}

struct view der_take_optional_octets(struct der *d, uint8_t context)
{
	struct der inner;
	struct view v;

	if (!der_is(d, DER_CONTEXT(context)))
		return VIEW_NULL;
	inner = der_enter(d, DER_CONTEXT(context));
	v = der_take(&inner, DER_OCTET_STRING);
	if (!der_ok(&inner))
		d->failed = true;
	return v;
}

bool der_ok(const struct der *d)
{
	return !d->failed && d->len == 0;
}

/* ---- writing ---- */

void der_put(struct der_writer *w, const void *p, size_t len)
{
	if (w->full || (size_t)(w->p - w->start) < len) {
		w->full = true;
		return;
	}
	w->p -= len;
	if (len)
		memcpy(w->p, p, len);
}

void der_put_octet(struct der_writer *w, uint8_t octet)
{
	der_put(w, &octet, 1);
}

size_t der_written(const struct der_writer *w)
{
	return (size_t)(w->end - w->p);
}

void der_put_header(struct der_writer *w, uint8_t tag, size_t before)
{
	size_t len = der_written(w) - before, l = len;
	uint8_t n = 0;

	if (len < 0x80) {
		der_put_octet(w, (uint8_t)len);
	} else {
		for (; l; l >>= 8, n++)
			der_put_octet(w, (uint8_t)l);
		der_put_octet(w, 0x80U | n);
	}
	der_put_octet(w, tag);
}

void der_put_element(struct der_writer *w, uint8_t tag, const void *p, size_t len)
{
	size_t before = der_written(w);

	der_put(w, p, len);
	der_put_header(w, tag, before);
}

void der_put_field(struct der_writer *w, uint8_t context, uint8_t tag, const void *p, size_t len)
{
	size_t before = der_written(w);

	der_put_element(w, tag, p, len);
	der_put_header(w, DER_CONTEXT(context), before);
}

void der_put_u31_field(struct der_writer *w, uint8_t context, uint32_t value)
{
	size_t before = der_written(w), number = before;

	do {
		der_put_octet(w, (uint8_t)value);
		value >>= 8;
	} while (value);
	if (!w->full && *w->p & 0x80) /* it would be negative */
		der_put_octet(w, 0);
	der_put_header(w, DER_INTEGER, number);
	der_put_header(w, DER_CONTEXT(context), before);
}

int der_finish(struct der_writer *w, size_t *ret_len)
{
	if (w->full)
		return -ENOSPC;
	*ret_len = der_written(w);
	memmove(w->start, w->p, *ret_len);
	return 0;
}
