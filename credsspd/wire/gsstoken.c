/* SPDX-License-Identifier: MIT */
/* RFC 2743 3.1 (framing), RFC 4178 4.2 (SPNEGO), MS-NLMP 2.2 (NTLM), RFC 4121 4.2.6.2 (Kerberos wrap tokens). */
#include "credsspd/wire/gsstoken.h"

#include <errno.h>
#include <string.h>

#include "credsspd/wire/der.h"
#include "include/credssp/limits.h"

#define APPLICATION_0 0x60U

struct oid {
	uint8_t len, octets[12];
};

static const struct oid oid_spnego = { 6, { 0x2b, 6, 1, 5, 5, 2 } };
static const struct oid oid_krb5 = { 9, { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2 } };
static const struct oid oid_ms_krb5 = { 9, { 0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 1, 2, 2 } };
static const struct oid oid_user_to_user = { 10, { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2, 3 } };
static const struct oid oid_ntlm = { 10, { 0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10 } };
static const struct oid oid_negoex = { 10, { 0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 30 } };

static bool oid_equal(struct view v, const struct oid *oid)
{
	return v.len == oid->len && memcmp(v.p, oid->octets, oid->len) == 0;
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
	framed = der_enter(&whole, APPLICATION_0);
	oid = der_take(&framed, DER_OID);
	if (framed.failed)
		return GSS_TOKEN_UNKNOWN;
	if (oid_equal(oid, &oid_spnego))
		return GSS_TOKEN_SPNEGO_INIT;
	if (oid_equal(oid, &oid_krb5) || oid_equal(oid, &oid_ms_krb5))
		return GSS_TOKEN_KRB5;
	return GSS_TOKEN_UNKNOWN;
}

/* The body of NegTokenInit or NegTokenResp: the SEQUENCE inside its [0] or [1]. */
static struct der enter_negotiation(struct view token, uint8_t context)
{
	struct der whole = der_init(token.p, token.len);
	struct der framed, choice, seq;

	if (der_is(&whole, APPLICATION_0)) {
		framed = der_enter(&whole, APPLICATION_0);
		(void)der_take(&framed, DER_OID);
	} else {
		framed = whole;
	}
	choice = der_enter(&framed, DER_CONTEXT(context));
	seq = der_enter(&choice, DER_SEQUENCE);
	if (!der_ok(&choice) || !der_ok(&framed))
		seq.failed = true;
	return seq;
}

static void note_mechanism(struct spnego_init *i, struct view oid)
{
	if (oid_equal(oid, &oid_krb5) || oid_equal(oid, &oid_ms_krb5))
		i->krb5 = true;
	else if (oid_equal(oid, &oid_user_to_user))
		i->user_to_user = true;
	else if (oid_equal(oid, &oid_ntlm))
		i->ntlm = true;
	else if (oid_equal(oid, &oid_negoex))
		i->negoex = true;
	else
		i->unknown = true;
}

static void read_mech_token(struct spnego_init *i, struct der *seq)
{
	struct view token;

	if (der_is(seq, DER_CONTEXT(1))) /* reqFlags: nobody heeds them */
		(void)der_take(seq, DER_CONTEXT(1));
	token = der_take_optional_octets(seq, 2);
	i->mech_token_octets = token;
	i->mech_token = token.p ? gss_token_kind(token) : GSS_TOKEN_UNKNOWN;
}

int spnego_init_read(struct view token, struct spnego_init *ret_)
{
	struct spnego_init i = { .krb5 = false };
	struct der seq = enter_negotiation(token, 0);
	struct der field = der_enter(&seq, DER_CONTEXT(0));
	struct der list = der_enter(&field, DER_SEQUENCE);

	while (list.len && !list.failed) {
		bool first = !i.krb5 && !i.user_to_user && !i.ntlm && !i.negoex && !i.unknown;

		note_mechanism(&i, der_take(&list, DER_OID));
		if (first)
			i.krb5_first = i.krb5;
	}
	if (!der_ok(&list) || !der_ok(&field))
		return -EPROTO;
	read_mech_token(&i, &seq);
	if (seq.failed) /* what follows (mechListMIC, negHints) is GSSAPI's to judge */
		return -EPROTO;
	*ret_ = i;
	return 0;
}

/* responseToken of a NegTokenResp; VIEW_NULL when there is none. */
static struct view response_token(struct view token)
{
	struct der seq = enter_negotiation(token, 1);

	for (uint8_t skip = 0; skip < 2; skip++) /* negState, supportedMech */
		if (der_is(&seq, DER_CONTEXT(skip)))
			(void)der_take(&seq, DER_CONTEXT(skip));
	return der_take_optional_octets(&seq, 2);
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
	struct view inner = VIEW_NULL;

	switch (gss_token_kind(token)) {
	case GSS_TOKEN_NTLMSSP:
		return guard_message(token);
	case GSS_TOKEN_SPNEGO_RESP:
		inner = response_token(token);
		break;
	case GSS_TOKEN_SPNEGO_INIT:
		if (spnego_init_read(token, &init) == 0)
			inner = init.mech_token_octets;
		break;
	case GSS_TOKEN_KRB5:
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

/* ---- wrap tokens ---- */

#define CFX_SENT_BY_ACCEPTOR 0x01U
#define CFX_SEALED 0x02U
#define CFX_ACCEPTOR_SUBKEY 0x04U

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
