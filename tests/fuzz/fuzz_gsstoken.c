/* SPDX-License-Identifier: MIT */
/* Mechanism tokens of a client, from outside: kinds, frames, and the forms of Kerberos MIC and wrap tokens. */
#include "credsspd/wire/gsstoken.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view token = { data, size };
	enum gss_token_kind kind = gss_token_kind(token);
	struct view message;
	enum gss_mech mech;
	uint16_t id;

	PROMISE(kind != GSS_TOKEN_NTLMSSP || (size >= 8 && memcmp(data, "NTLMSSP", 8) == 0));
	PROMISE(kind != GSS_TOKEN_SPNEGO_RESP || data[0] == 0xa1);
	if (gss_frame_read(token, &mech, &id, &message) == 0)
		PROMISE(data[0] == 0x60 && fuzz_inside(message, data, size));
	if (krb5_wrap_guard(token) == 0)
		PROMISE(size >= 60 && (data[2] & 3) == 2);
	if (krb5_mic_guard(token) == 0)
		PROMISE(size >= 28 && data[2] == 4);
	return 0;
}
