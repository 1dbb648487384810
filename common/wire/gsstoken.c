/* SPDX-License-Identifier: MIT */
/* RFC 2743 3.1 (framing), RFC 4121 4.2.6 (Kerberos MIC and wrap tokens). */
#include "common/wire/gsstoken.h"

#include <errno.h>
#include <string.h>

#include "common/wire/der.h"
#include "common/wire/ntlm.h"

static const struct {
	uint8_t len, octets[12];
} oids[GSS_MECHS_] = {
	[GSS_MECH_SPNEGO] = { 6, { 0x2b, 6, 1, 5, 5, 2 } },
	[GSS_MECH_KRB5] = { 9, { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2 } },
	[GSS_MECH_MS_KRB5] = { 9, { 0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 1, 2, 2 } },
	[GSS_MECH_USER_TO_USER] = { 10, { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2, 3 } },
	[GSS_MECH_NTLM] = { 10, { 0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10 } },
	[GSS_MECH_NEGOEX] = { 10, { 0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 30 } },
};

enum gss_mech gss_mech_of(struct view oid)
{
	for (enum gss_mech m = GSS_MECH_SPNEGO; m < GSS_MECHS_; m++)
		if (oid.len == oids[m].len && memcmp(oid.p, oids[m].octets, oid.len) == 0)
			return m;
	return GSS_MECH_UNKNOWN;
}

struct view gss_mech_oid(enum gss_mech mech)
{
	return (struct view){ oids[mech].octets, oids[mech].len };
}

enum gss_token_kind gss_token_kind(struct view token)
{
	struct der whole = der_init(token.p, token.len);
	struct der framed;
	struct view oid;

	if (ntlm_is_message(token))
		return GSS_TOKEN_NTLMSSP;
	if (der_is(&whole, DER_CONTEXT(1)))
		return GSS_TOKEN_SPNEGO_RESP;
	if (der_is(&whole, DER_CONTEXT(0)))
		return GSS_TOKEN_SPNEGO_INIT; /* unframed NegTokenInit, as some Windows components send it */
	framed = der_enter(&whole, DER_APPLICATION(0));
	oid = der_take(&framed, DER_OID);
	if (framed.failed)
		return GSS_TOKEN_UNKNOWN;
	switch (gss_mech_of(oid)) {
	case GSS_MECH_SPNEGO:
		return GSS_TOKEN_SPNEGO_INIT;
	case GSS_MECH_KRB5:
	case GSS_MECH_MS_KRB5:
		return GSS_TOKEN_KRB5;
	case GSS_MECH_USER_TO_USER:
		return GSS_TOKEN_USER_TO_USER;
	case GSS_MECH_UNKNOWN:
	case GSS_MECH_NTLM:
	case GSS_MECH_NEGOEX:
	case GSS_MECHS_:
		break;
	}
	return GSS_TOKEN_UNKNOWN;
}

/* ---- Kerberos tokens ---- */

int gss_frame_read(struct view token, enum gss_mech *ret_mech, uint16_t *ret_id, struct view *ret_message)
{
	struct der whole = der_init(token.p, token.len);
	struct der framed = der_enter(&whole, DER_APPLICATION(0));
	struct view oid = der_take(&framed, DER_OID);

	if (!der_ok(&whole) || framed.failed || framed.len < 2)
		return -EPROTO;
	*ret_mech = gss_mech_of(oid);
	*ret_id = (uint16_t)(framed.p[0] << 8 | framed.p[1]);
	*ret_message = (struct view){ framed.p + 2, framed.len - 2 };
	return 0;
}

int gss_unframe(struct view token, enum gss_mech mech, uint16_t id, struct view *ret_message)
{
	enum gss_mech got_mech;
	uint16_t got_id;

	return token.p && gss_frame_read(token, &got_mech, &got_id, ret_message) == 0 && got_mech == mech &&
		       got_id == id
		   ? 0
		   : -EPROTO;
}

int gss_frame_write(enum gss_mech mech, uint16_t id, struct view message, uint8_t *out, size_t size, size_t *ret_len)
{
	const uint8_t tok_id[2] = { (uint8_t)(id >> 8), (uint8_t)id };
	struct der_writer w = der_writer_init(out, size);

	der_put(&w, message.p, message.len);
	der_put(&w, tok_id, sizeof tok_id);
	der_put_element(&w, DER_OID, oids[mech].octets, oids[mech].len);
	der_put_header(&w, DER_APPLICATION(0), 0);
	return der_finish(&w, ret_len);
}
