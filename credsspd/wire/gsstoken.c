/* SPDX-License-Identifier: MIT */
/* RFC 2743 3.1 (framing), MS-NLMP 2.2 (NTLM), RFC 4121 4.2.6 (Kerberos MIC and wrap tokens). */
#include "credsspd/wire/gsstoken.h"

#include <errno.h>
#include <string.h>

#include "credsspd/wire/der.h"
#include "credsspd/wire/spnego.h"
#include "include/credssp/limits.h"

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

#define NTLMSSP_SIGNATURE_LEN 8U /* with its NUL */

static bool is_ntlmssp(struct view v)
{
	return v.len >= NTLMSSP_SIGNATURE_LEN && memcmp(v.p, "NTLMSSP", NTLMSSP_SIGNATURE_LEN) == 0;
}

static bool contains_ntlmssp(const uint8_t *p, size_t len)
{
	return len >= NTLMSSP_SIGNATURE_LEN && memmem(p, len, "NTLMSSP", NTLMSSP_SIGNATURE_LEN) != NULL;
}

enum gss_token_kind gss_token_kind(struct view token)
{
	struct der whole = der_init(token.p, token.len);
	struct der framed;
	struct view oid;

	if (is_ntlmssp(token))
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

/* ---- NTLM ---- */

#define NTLM_NEGOTIATE 1U
#define NTLM_NEGOTIATE_MIN 32U /* with neither Version nor names */
#define NTLM_AUTHENTICATE 3U
#define NTLMV2_RESPONSE_MIN 44U /* NTProofStr and the fixed part of NTLMv2_CLIENT_CHALLENGE */

enum ntlm_field { FIELD_LM, FIELD_NT, FIELD_DOMAIN, FIELD_USER, FIELD_WORKSTATION, FIELD_SESSION_KEY, FIELDS };

static uint32_t get_le(const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

/* Length, maximum, offset: MS-NLMP 2.2.1.3. Returns the length or -EPROTO when it is not inside the message. */
static long ntlm_field_len(struct view m, enum ntlm_field field)
{
	const uint8_t *p = m.p + 12 + 8 * (size_t)field;
	uint32_t len = get_le(p, 2), offset = get_le(p + 4, 4);

	if (len && (offset < NTLM_AUTHENTICATE_MIN || offset > m.len || len > m.len - offset))
		return -EPROTO;
	return (long)len;
}

/* gss-ntlmssp would take the part before a NUL for the whole name. */
static bool ntlm_name_has_nul(struct view m, enum ntlm_field field, size_t len)
{
	const uint8_t *p = m.p + get_le(m.p + 12 + 8 * (size_t)field + 4, 4);

	for (size_t i = 0; i + 1 < len; i += 2)
		if (p[i] == 0 && p[i + 1] == 0)
			return true;
	return false;
}

static int guard_authenticate(struct view m)
{
	long len[FIELDS];

	if (m.len < NTLM_AUTHENTICATE_MIN)
		return -EPROTO;
	for (enum ntlm_field f = FIELD_LM; f < FIELDS; f++) {
		len[f] = ntlm_field_len(m, f);
		if (len[f] < 0)
			return -EPROTO;
	}
	if (ntlm_name_has_nul(m, FIELD_DOMAIN, (size_t)len[FIELD_DOMAIN]) ||
	    ntlm_name_has_nul(m, FIELD_USER, (size_t)len[FIELD_USER]))
		return -EPROTO;
	/* an anonymous logon has no response; NTLMv1 has one of 24 octets */
	if (len[FIELD_NT] < (long)NTLMV2_RESPONSE_MIN || len[FIELD_NT] > (long)NTLM_RESPONSE_MAX)
		return -EPROTO;
	/*
	 * gss-ntlmssp goes by the flags of NEGOTIATE, not of this message, and copies 16 octets from wherever the field
	 * points. Every client of CredSSP exchanges a key.
	 */
	if (len[FIELD_SESSION_KEY] != 16)
		return -EPROTO;
	return 0;
}

static int guard_message(struct view m)
{
	if (m.len < 12)
		return -EPROTO;
	return get_le(m.p + 8, 4) == NTLM_AUTHENTICATE ? guard_authenticate(m) : 0;
}

int ntlm_token_guard(struct view token)
{
	struct spnego_init init;
	struct spnego_resp resp;
	struct view inner = VIEW_NULL;

	switch (gss_token_kind(token)) {
	case GSS_TOKEN_NTLMSSP:
		return guard_message(token);
	case GSS_TOKEN_SPNEGO_RESP:
		if (spnego_resp_read(token, &resp) == 0)
			inner = resp.response_token;
		break;
	case GSS_TOKEN_SPNEGO_INIT:
		if (spnego_init_read(token, &init) == 0)
			inner = init.mech_token_octets;
		break;
	case GSS_TOKEN_KRB5:
	case GSS_TOKEN_USER_TO_USER:
	case GSS_TOKEN_UNKNOWN:
		break;
	}
	/* a message where we find none, or a second one, might be found by a parser that is looser than ours */
	if (!inner.p || !is_ntlmssp(inner))
		return contains_ntlmssp(token.p, token.len) ? -EPROTO : 0;
	if (contains_ntlmssp(token.p, (size_t)(inner.p - token.p) + NTLMSSP_SIGNATURE_LEN - 1) ||
	    contains_ntlmssp(inner.p + 1, (size_t)(token.p + token.len - inner.p) - 1))
		return -EPROTO;
	return guard_message(inner);
}

struct view ntlm_negotiate_pad(struct view token, uint8_t buffer[NTLM_NEGOTIATE_LEN])
{
	if (gss_token_kind(token) != GSS_TOKEN_NTLMSSP || token.len < NTLM_NEGOTIATE_MIN ||
	    token.len >= NTLM_NEGOTIATE_LEN || get_le(token.p + 8, 4) != NTLM_NEGOTIATE)
		return token;
	memset(buffer, 0, NTLM_NEGOTIATE_LEN);
	memcpy(buffer, token.p, token.len);
	return (struct view){ buffer, NTLM_NEGOTIATE_LEN };
}

/* ---- MIC and wrap tokens ---- */

#define CFX_SENT_BY_ACCEPTOR 0x01U
#define CFX_SEALED 0x02U
#define CFX_ACCEPTOR_SUBKEY 0x04U

int krb5_mic_guard(struct view t)
{
	static const uint8_t filler[5] = { 0xff, 0xff, 0xff, 0xff, 0xff };

	/* the header and a checksum */
	if (t.len < 16 + 12 || t.p[0] != 0x04 || t.p[1] != 0x04 || memcmp(t.p + 3, filler, sizeof filler) != 0)
		return -EPROTO;
	return t.p[2] == CFX_ACCEPTOR_SUBKEY ? 0 : -EPROTO;
}

int krb5_wrap_guard(struct view t)
{
	/* the header, then at least confounder, a copy of the header and a checksum */
	if (t.len < 16 + 16 + 16 + 12 || t.p[0] != 0x05 || t.p[1] != 0x04 || t.p[3] != 0xff)
		return -EPROTO;
	if (t.p[2] != (CFX_SEALED | CFX_ACCEPTOR_SUBKEY))
		return -EPROTO;
	return t.p[4] == 0 && t.p[5] == 0 ? 0 : -EPROTO;
}

int ntlm_wrap_guard(struct view t)
{
	return t.len >= 17 && get_le(t.p, 4) == 1 ? 0 : -EPROTO;
}
