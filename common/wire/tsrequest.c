/* SPDX-License-Identifier: MIT */
/* TSRequest, MS-CSSP 2.2.1. */
#include "common/wire/tsrequest.h"

#include <errno.h>

#include "common/wire/der.h"

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

/* NegoData with exactly one token, as every client sends it. */
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

	/* NTSTATUS: 4 bytes in two's complement, negative for failures; some clients write 5 bytes */
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

/* ---- writing ---- */

static void put_error_code(struct der_writer *w, uint32_t code)
{
	const uint8_t octets[4] = { (uint8_t)(code >> 24), (uint8_t)(code >> 16), (uint8_t)(code >> 8), (uint8_t)code };

	der_put_field(w, 4, DER_INTEGER, octets, sizeof octets);
}

static void put_octets(struct der_writer *w, uint8_t context, struct view v)
{
	if (v.p)
		der_put_field(w, context, DER_OCTET_STRING, v.p, v.len);
}

static void put_nego(struct der_writer *w, struct view token)
{
	size_t before = der_written(w);

	if (!token.p)
		return;
	put_octets(w, 0, token);
	der_put_header(w, DER_SEQUENCE, before);
	der_put_header(w, DER_SEQUENCE, before);
	der_put_header(w, DER_CONTEXT(1), before);
}

int tsrequest_write(const struct tsrequest *t, uint8_t *out, size_t size, size_t *ret_len)
{
	struct der_writer w = der_writer_init(out, size);

	if (t->version < 2 || t->version > 0x7f)
		return -ENOSPC;
	put_octets(&w, 5, t->client_nonce);
	if (t->has_error_code)
		put_error_code(&w, t->error_code);
	put_octets(&w, 3, t->pub_key_auth);
	put_octets(&w, 2, t->auth_info);
	put_nego(&w, t->nego_token);
	der_put_u31_field(&w, 0, t->version);
	der_put_header(&w, DER_SEQUENCE, 0);
	return der_finish(&w, ret_len);
}
