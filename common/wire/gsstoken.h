/* SPDX-License-Identifier: MIT */
/* Recognises the kind of a GSSAPI token, and reads and writes the framing of Kerberos tokens. */
#pragma once

#include "common/wire/view.h"

enum gss_token_kind {
	GSS_TOKEN_UNKNOWN,
	GSS_TOKEN_NTLMSSP, /* raw, starts with "NTLMSSP\0" */
	GSS_TOKEN_KRB5,    /* 0x60 framed, krb5 or MS-krb5 OID */
	GSS_TOKEN_USER_TO_USER,
	GSS_TOKEN_SPNEGO_INIT, /* 0x60 framed NegTokenInit */
	GSS_TOKEN_SPNEGO_RESP, /* NegTokenResp, 0xa1 */
};

/* Returns the kind of @token, from its first bytes only. */
enum gss_token_kind gss_token_kind(struct view token);

enum gss_mech {
	GSS_MECH_UNKNOWN,
	GSS_MECH_SPNEGO,       /* 1.3.6.1.5.5.2 */
	GSS_MECH_KRB5,         /* 1.2.840.113554.1.2.2 */
	GSS_MECH_MS_KRB5,      /* 1.2.840.48018.1.2.2 */
	GSS_MECH_USER_TO_USER, /* 1.2.840.113554.1.2.2.3 */
	GSS_MECH_NTLM,         /* 1.3.6.1.4.1.311.2.2.10 */
	GSS_MECH_NEGOEX,       /* 1.3.6.1.4.1.311.2.2.30 */
	GSS_MECHS_
};

/* Returns the mechanism of @oid, the contents of an OBJECT IDENTIFIER. */
enum gss_mech gss_mech_of(struct view oid);

/* Returns the contents of the OBJECT IDENTIFIER of @mech, which is not GSS_MECH_UNKNOWN. */
struct view gss_mech_oid(enum gss_mech mech);

/*
 * The framing of a Kerberos token, RFC 2743 3.1 and RFC 4121 4.1: 0x60, mechanism, a TOK_ID of two bytes, the message.
 * Reading returns 0 or -EPROTO; writing 0 or -ENOSPC.
 */
int gss_frame_read(struct view token, enum gss_mech *ret_mech, uint16_t *ret_id, struct view *ret_message);

/* As gss_frame_read(), for a token that must have @mech and @id. VIEW_NULL is malformed. */
int gss_unframe(struct view token, enum gss_mech mech, uint16_t id, struct view *ret_message);
int gss_frame_write(enum gss_mech mech, uint16_t id, struct view message, uint8_t *out, size_t size, size_t *ret_len);
