/* SPDX-License-Identifier: MIT */
/* Mechanism tokens of a client, from outside: kinds, frames, and the forms of Kerberos MIC and wrap tokens. */
#include "common/wire/gsstoken.h"
#include "common/wire/krb5-guard.h"
#include "tests/fuzz/fuzz.h"

static const struct {
	enum gss_mech mech;
	enum gss_token_kind kind;
	const char *element; /* the OBJECT IDENTIFIER */
} gsstoken_row[] = {
	{ GSS_MECH_SPNEGO, GSS_TOKEN_SPNEGO_INIT, "\x06\x06\x2b\x06\x01\x05\x05\x02" },
	{ GSS_MECH_KRB5, GSS_TOKEN_KRB5, "\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02" },
	{ GSS_MECH_MS_KRB5, GSS_TOKEN_KRB5, "\x06\x09\x2a\x86\x48\x82\xf7\x12\x01\x02\x02" },
	{ GSS_MECH_USER_TO_USER, GSS_TOKEN_USER_TO_USER, "\x06\x0a\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x03" },
	{ GSS_MECH_NTLM, GSS_TOKEN_UNKNOWN, "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a" },
	{ GSS_MECH_NEGOEX, GSS_TOKEN_UNKNOWN, "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x1e" },
};

/* A frame that is read: its mechanism, and its kind, by the octets behind its header. */
static void gsstoken_frame(struct view token, enum gss_token_kind kind)
{
	enum gss_mech mech, expected = GSS_MECH_UNKNOWN;
	enum gss_token_kind expected_kind = GSS_TOKEN_UNKNOWN;
	struct view message;
	const uint8_t *oid;
	uint16_t id;

	if (gss_frame_read(token, &mech, &id, &message) < 0)
		return;
	PROMISE(token.p[0] == 0x60 && message.p + message.len == token.p + token.len);
	PROMISE(id == (message.p[-2] << 8 | message.p[-1]));
	oid = token.p + 2 + (token.p[1] & 0x80 ? token.p[1] & 0x7f : 0);
	if (oid[1] & 0x80) /* its length in a long form is taken, too */
		return;
	for (size_t i = 0; i < sizeof gsstoken_row / sizeof *gsstoken_row; i++) {
		size_t len = strlen(gsstoken_row[i].element);

		if ((size_t)(message.p - 2 - oid) != len || memcmp(oid, gsstoken_row[i].element, len) != 0)
			continue;
		expected = gsstoken_row[i].mech;
		expected_kind = gsstoken_row[i].kind;
	}
	PROMISE(mech == expected && kind == expected_kind);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view token = { data, size };
	enum gss_token_kind kind = gss_token_kind(token);

	PROMISE((kind == GSS_TOKEN_NTLMSSP) == (size >= 8 && memcmp(data, "NTLMSSP", 8) == 0));
	PROMISE(kind != GSS_TOKEN_SPNEGO_RESP || data[0] == 0xa1);
	gsstoken_frame(token, kind);
	/* RFC 4121 4.2.6: sent by the initiator, under the acceptor's subkey; wrap tokens sealed and with EC = 0 */
	PROMISE((krb5_wrap_guard(token) == 0) == (size >= 60 && memcmp(data, "\5\4\6\xff\0\0", 6) == 0));
	PROMISE((krb5_mic_guard(token) == 0) == (size >= 28 && memcmp(data, "\4\4\4\xff\xff\xff\xff\xff", 8) == 0));
	return 0;
}
