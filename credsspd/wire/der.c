/* SPDX-License-Identifier: MIT */
#include "credsspd/wire/der.h"

#include <errno.h>

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

	/* negative, empty and wider ones are nothing that this protocol has; every client writes the shortest form */
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
