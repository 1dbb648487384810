/* SPDX-License-Identifier: MIT */
/* TSRequest, MS-CSSP 2.2.1. */
#include "credsspd/wire/tsrequest.h"

#include <errno.h>
#include <string.h>

#include "credsspd/wire/der.h"

int tsrequest_frame(const uint8_t *p, size_t len, size_t *ret_total)
{
	size_t header, contents;
	int r = der_header(p, len, DER_SEQUENCE, &header, &contents);

	if (r <= 0)
		return r;
	if (contents > TSREQUEST_MAX - header)
		return -EMSGSIZE;
	*ret_total = header + contents;
	return 1;
}

static uint32_t read_version(struct der *seq)
{
	struct der field = der_enter(seq, DER_CONTEXT(0));
	uint32_t version = der_take_u32(&field);

	if (!der_ok(&field) || version < 2)
		seq->failed = true;
	return version;
}

/* NegoData: exactly one token, which every client sends. */
static struct view read_nego(struct der *seq)
{
	struct der field, list, entry;
	struct view token;

	if (!der_is(seq, DER_CONTEXT(1)))
		return VIEW_NULL;
	field = der_enter(seq, DER_CONTEXT(1));
	list = der_enter(&field, DER_SEQUENCE);
	entry = der_enter(&list, DER_SEQUENCE);
	token = der_take_optional_octets(&entry, 0);
	if (!token.p || !der_ok(&entry) || !der_ok(&list) || !der_ok(&field))
		seq->failed = true;
	return token;
}

static uint32_t read_error_code(struct der *seq)
{
	struct der field = der_enter(seq, DER_CONTEXT(4));
	struct view v = der_take(&field, DER_INTEGER);
	uint32_t value = 0;

	/* NTSTATUS: 4 octets two's complement, which makes failures negative; some write 5 octets */
	if (!der_ok(&field) || v.len == 0 || v.len > 5 || (v.len == 5 && v.p[0] != 0)) {
		seq->failed = true;
		return 0;
	}
	if (v.p[0] & 0x80)
		value = UINT32_MAX;
	for (size_t i = 0; i < v.len; i++)
		value = value << 8 | v.p[i];
	return value;
}

int tsrequest_read(const uint8_t *p, size_t len, struct tsrequest *ret_)
{
	struct tsrequest t = { .version = 0 };
	struct der whole, seq;

	if (len > TSREQUEST_MAX)
		return -EMSGSIZE;
	whole = der_init(p, len);
	seq = der_enter(&whole, DER_SEQUENCE);
	t.version = read_version(&seq);
	t.nego_token = read_nego(&seq);
	t.auth_info = der_take_optional_octets(&seq, 2);
	t.pub_key_auth = der_take_optional_octets(&seq, 3);
	if (der_is(&seq, DER_CONTEXT(4))) {
		t.has_error_code = true;
		t.error_code = read_error_code(&seq);
	}
	t.client_nonce = der_take_optional_octets(&seq, 5);
	if (!der_ok(&seq) || !der_ok(&whole) || (t.client_nonce.p && t.client_nonce.len != CLIENT_NONCE_LEN))
		return -EPROTO;
	*ret_ = t;
	return 0;
}

/* ---- writing: from the end to the front, so that every length is known when it is written ---- */

struct writer {
	uint8_t *start, *p; /* the octets from @p on are written */
	const uint8_t *end;
	bool full;
};

static void put(struct writer *w, const void *octets, size_t len)
{
	if (w->full || (size_t)(w->p - w->start) < len) {
		w->full = true;
		return;
	}
	w->p -= len;
	if (len)
		memcpy(w->p, octets, len);
}

static void put_octet(struct writer *w, uint8_t octet)
{
	put(w, &octet, 1);
}

static size_t written(const struct writer *w)
{
	return (size_t)(w->end - w->p);
}

/* The header of an element whose contents are all that was written since @before. */
static void put_header(struct writer *w, uint8_t tag, size_t before)
{
	size_t len = written(w) - before, l = len;
	uint8_t n = 0;

	if (len < 0x80) {
		put_octet(w, (uint8_t)len);
	} else {
		for (; l; l >>= 8, n++)
			put_octet(w, (uint8_t)l);
		put_octet(w, 0x80U | n);
	}
	put_octet(w, tag);
}

static void put_octets_field(struct writer *w, uint8_t context, struct view v)
{
	size_t before = written(w);

	if (!v.p)
		return;
	put(w, v.p, v.len);
	put_header(w, DER_OCTET_STRING, before);
	put_header(w, DER_CONTEXT(context), before);
}

static void put_error_code(struct writer *w, uint32_t code)
{
	size_t before = written(w);

	for (int i = 0; i < 4; i++, code >>= 8)
		put_octet(w, (uint8_t)code);
	put_header(w, DER_INTEGER, before);
	put_header(w, DER_CONTEXT(4), before);
}

static void put_nego(struct writer *w, struct view token)
{
	size_t before = written(w);

	if (!token.p)
		return;
	put_octets_field(w, 0, token);
	put_header(w, DER_SEQUENCE, before);
	put_header(w, DER_SEQUENCE, before);
	put_header(w, DER_CONTEXT(1), before);
}

static void put_version(struct writer *w, uint32_t version)
{
	size_t before = written(w);

	put_octet(w, (uint8_t)version);
	put_header(w, DER_INTEGER, before);
	put_header(w, DER_CONTEXT(0), before);
}

int tsrequest_write(const struct tsrequest *t, uint8_t *out, size_t size, size_t *ret_len)
{
	struct writer w = { .start = out, .p = out + size, .end = out + size };

	put_octets_field(&w, 5, t->client_nonce);
	if (t->has_error_code)
		put_error_code(&w, t->error_code);
	put_octets_field(&w, 3, t->pub_key_auth);
	put_octets_field(&w, 2, t->auth_info);
	put_nego(&w, t->nego_token);
	put_version(&w, t->version);
	put_header(&w, DER_SEQUENCE, 0);
	if (w.full || t->version < 2 || t->version > 0x7f)
		return -ENOSPC;
	*ret_len = written(&w);
	memmove(out, w.p, *ret_len);
	return 0;
}
