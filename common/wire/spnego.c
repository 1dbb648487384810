/* SPDX-License-Identifier: MIT */
#include "common/wire/spnego.h"

#include <errno.h>

#include "common/wire/der.h"

/* Returns a reader of the SEQUENCE inside [@context], which must be the whole of @choice. */
static struct der enter_choice(struct der *choice, uint8_t context)
{
	struct der field = der_enter(choice, DER_CONTEXT(context));
	struct der seq = der_enter(&field, DER_SEQUENCE);

	if (!der_ok(&field) || !der_ok(choice))
		seq.failed = true;
	return seq;
}

static struct der enter_init(struct view token)
{
	struct der whole = der_init(token.p, token.len);
	struct der framed, seq;

	if (!der_is(&whole, DER_APPLICATION(0)))
		return enter_choice(&whole, 0);
	framed = der_enter(&whole, DER_APPLICATION(0));
	if (gss_mech_of(der_take(&framed, DER_OID)) != GSS_MECH_SPNEGO)
		framed.failed = true;
	seq = enter_choice(&framed, 0);
	if (!der_ok(&whole))
		seq.failed = true;
	return seq;
}

/* ---- NegTokenInit ---- */

struct der spnego_mech_list(struct view mech_types)
{
	struct der whole = der_init(mech_types.p, mech_types.len);

	return der_enter(&whole, DER_SEQUENCE);
}

bool spnego_mech_next(struct der *list, struct view *ret_oid)
{
	if (list->len == 0 || list->failed)
		return false;
	*ret_oid = der_take(list, DER_OID);
	return !list->failed;
}

static struct view read_mech_types(struct der *seq)
{
	struct der field = der_enter(seq, DER_CONTEXT(0));
	struct view mech_types = { field.p, field.len }, oid;
	struct der list = der_enter(&field, DER_SEQUENCE);
	bool empty = true;

	while (spnego_mech_next(&list, &oid))
		empty = false;
	if (empty || !der_ok(&list) || !der_ok(&field))
		seq->failed = true;
	return mech_types;
}

static void skip_optional(struct der *seq, uint8_t context)
{
	if (der_is(seq, DER_CONTEXT(context)))
		(void)der_take(seq, DER_CONTEXT(context));
}

/* [3] is mechListMIC in NegTokenInit; in NegTokenInit2 [3] is negHints and [4] is mechListMIC. */
static struct view read_init_mic(struct der *seq)
{
	struct der peek = *seq;
	struct der field = der_enter(&peek, DER_CONTEXT(3));

	if (der_is(&field, DER_OCTET_STRING))
		return der_take_optional_octets(seq, 3);
	skip_optional(seq, 3);
	return der_take_optional_octets(seq, 4);
}

int spnego_init_read(struct view token, struct spnego_init *ret_)
{
	struct spnego_init i;
	struct der seq = enter_init(token);

	i.mech_types = read_mech_types(&seq);
	skip_optional(&seq, 1); /* reqFlags: MS-CSSP gives them no meaning */
	i.mech_token = der_take_optional_octets(&seq, 2);
	i.mech_list_mic = read_init_mic(&seq);
	if (!der_ok(&seq))
		return -EPROTO;
	*ret_ = i;
	return 0;
}

int spnego_init_write(const enum gss_mech *mechs, size_t n_mechs, struct view mech_token, uint8_t *out, size_t size,
		      size_t *ret_len)
{
	struct der_writer w = der_writer_init(out, size);
	struct view oid;
	size_t list;

	if (mech_token.p)
		der_put_field(&w, 2, DER_OCTET_STRING, mech_token.p, mech_token.len);
	list = der_written(&w);
	while (n_mechs) {
		oid = gss_mech_oid(mechs[--n_mechs]);
		der_put_element(&w, DER_OID, oid.p, oid.len);
	}
	der_put_header(&w, DER_SEQUENCE, list);
	der_put_header(&w, DER_CONTEXT(0), list);
	der_put_header(&w, DER_SEQUENCE, 0);
	der_put_header(&w, DER_CONTEXT(0), 0);
	oid = gss_mech_oid(GSS_MECH_SPNEGO);
	der_put_element(&w, DER_OID, oid.p, oid.len);
	der_put_header(&w, DER_APPLICATION(0), 0);
	return der_finish(&w, ret_len);
}

/* ---- NegTokenResp ---- */

static enum spnego_state read_state(struct der *seq)
{
	struct der field;
	struct view v;

	if (!der_is(seq, DER_CONTEXT(0)))
		return SPNEGO_NO_STATE;
	field = der_enter(seq, DER_CONTEXT(0));
	v = der_take(&field, DER_ENUMERATED);
	if (!der_ok(&field) || v.len != 1 || v.p[0] > SPNEGO_REQUEST_MIC) {
		seq->failed = true;
		return SPNEGO_REJECT;
	}
	return (enum spnego_state)v.p[0];
}

static struct view read_supported_mech(struct der *seq)
{
	struct der field;
	struct view v;

	if (!der_is(seq, DER_CONTEXT(1)))
		return VIEW_NULL;
	field = der_enter(seq, DER_CONTEXT(1));
	v = der_take(&field, DER_OID);
	if (!der_ok(&field))
		seq->failed = true;
	return v;
}

int spnego_resp_read(struct view token, struct spnego_resp *ret_)
{
	struct der whole = der_init(token.p, token.len);
	struct der seq = enter_choice(&whole, 1);
	struct spnego_resp r;

	r.state = read_state(&seq);
	r.supported_mech = read_supported_mech(&seq);
	r.response_token = der_take_optional_octets(&seq, 2);
	r.mech_list_mic = der_take_optional_octets(&seq, 3);
	if (!der_ok(&seq))
		return -EPROTO;
	*ret_ = r;
	return 0;
}

int spnego_resp_write(const struct spnego_resp *r, uint8_t *out, size_t size, size_t *ret_len)
{
	struct der_writer w = der_writer_init(out, size);
	const uint8_t state = (uint8_t)r->state;

	if (r->mech_list_mic.p)
		der_put_field(&w, 3, DER_OCTET_STRING, r->mech_list_mic.p, r->mech_list_mic.len);
	if (r->response_token.p)
		der_put_field(&w, 2, DER_OCTET_STRING, r->response_token.p, r->response_token.len);
	if (r->supported_mech.p)
		der_put_field(&w, 1, DER_OID, r->supported_mech.p, r->supported_mech.len);
	if (r->state != SPNEGO_NO_STATE)
		der_put_field(&w, 0, DER_ENUMERATED, &state, 1);
	der_put_header(&w, DER_SEQUENCE, 0);
	der_put_header(&w, DER_CONTEXT(1), 0);
	return der_finish(&w, ret_len);
}
