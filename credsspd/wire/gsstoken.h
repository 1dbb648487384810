/* SPDX-License-Identifier: MIT */
/*
 * What we look at in mechanism tokens before GSSAPI sees them: enough to choose
 * a template, to keep gss-ntlmssp from the lengths that crash it, and to demand
 * the Kerberos wrap form that makes a recorded conversation useless.
 */
#pragma once

#include <stdbool.h>

#include "credsspd/wire/view.h"

enum gss_token_kind {
	GSS_TOKEN_UNKNOWN,
	GSS_TOKEN_NTLMSSP, /* raw, starts with "NTLMSSP\0" */
	GSS_TOKEN_KRB5,    /* 0x60 framed, krb5 or MS-krb5 OID */
	GSS_TOKEN_USER_TO_USER,
	GSS_TOKEN_SPNEGO_INIT, /* 0x60 framed NegTokenInit */
	GSS_TOKEN_SPNEGO_RESP, /* NegTokenResp, 0xa1 */
};

/* By its outermost octets only. */
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

/* @oid: the contents of an OBJECT IDENTIFIER. */
enum gss_mech gss_mech_of(struct view oid);

/* The contents of the OBJECT IDENTIFIER of @mech, which is not GSS_MECH_UNKNOWN. */
struct view gss_mech_oid(enum gss_mech mech);

/*
 * The framing of a Kerberos token, RFC 2743 3.1 and RFC 4121 4.1: 0x60, mechanism, a TOK_ID of two octets, the message.
 * Reading returns 0 or -EPROTO; writing 0 or -ENOSPC.
 */
int gss_frame_read(struct view token, enum gss_mech *ret_mech, uint16_t *ret_id, struct view *ret_message);

/* The same for a token that has to be framed with @mech and @id. VIEW_NULL is malformed. */
int gss_unframe(struct view token, enum gss_mech mech, uint16_t id, struct view *ret_message);
int gss_frame_write(enum gss_mech mech, uint16_t id, struct view message, uint8_t *out, size_t size, size_t *ret_len);

/*
 * NTLM messages, raw or as found inside a NegTokenInit/NegTokenResp: 0 when
 * gss-ntlmssp may see it. AUTHENTICATE: at least NTLM_AUTHENTICATE_MIN octets, every
 * field inside the message, EncryptedRandomSessionKey 16 octets, NTLMv2 only. -EPROTO otherwise, and when a message
 * is somewhere else in the token. Tokens without an NTLM message in them are fine.
 */
int ntlm_token_guard(struct view token);

#define NTLM_NEGOTIATE_LEN 40U

/*
 * A raw NEGOTIATE without the optional Version (MS-NLMP 2.2.1.1), as impacket sends it, is too short for gss-ntlmssp:
 * it is returned as NTLM_NEGOTIATE_LEN octets in @buffer, zeros at its end. Any other token is returned as it is. A MIC
 * over the message would not match any more; no client that leaves Version out sends one.
 */
struct view ntlm_negotiate_pad(struct view token, uint8_t buffer[NTLM_NEGOTIATE_LEN]);

/* A Kerberos MIC token (RFC 4121 4.2.6.1) that a client may send us: its own, under the acceptor's subkey. Returns 0 or
 * -EPROTO. */
int krb5_mic_guard(struct view token);

/*
 * The header of a Kerberos wrap token (RFC 4121 4.2.6.2) that a client may send
 * us: CFX, sealed, EC = 0, sent by the initiator, under the acceptor's subkey. Returns 0
 * or -EPROTO.
 */
int krb5_wrap_guard(struct view token);

/* An NTLM wrap token: version 1 signature and at least one octet behind it (MS-NLMP 2.2.2.9.1). Returns 0 or -EPROTO.
 */
int ntlm_wrap_guard(struct view token);
