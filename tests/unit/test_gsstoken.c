/* SPDX-License-Identifier: MIT */
/* Kinds of tokens, and the form of Kerberos wrap tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "common/wire/gsstoken.h"
#include "common/wire/krb5-guard.h"
#include "tests/unit/build.h"

/* with tag and length */
#define SPNEGO "\x06\x06\x2b\x06\x01\x05\x05\x02"
#define KRB5 "\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"
#define MS_KRB5 "\x06\x09\x2a\x86\x48\x82\xf7\x12\x01\x02\x02"
#define U2U "\x06\x0a\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x03"
#define IAKERB "\x06\x06\x2b\x06\x01\x05\x02\x05"

#define SIGNATURE "NTLMSSP\0"
#define NEGOTIATE_40 \
	SIGNATURE "\x01\0\0\0\xb7\x82\x08\xe2" \
		  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
		  "\x0a\0\x63\x45\0\0\0\x0f"

static struct view view_of(const struct buf *b)
{
	return (struct view){ b->p, b->len };
}

/* ---- which kind ---- */

#define TOKEN(s) s, sizeof(s) - 1

static const struct {
	const char *name;
	const char *p;
	size_t len;
	enum gss_token_kind kind;
} kinds[] = {
	{ "nothing", TOKEN(""), GSS_TOKEN_UNKNOWN },
	{ "NTLM", TOKEN(NEGOTIATE_40), GSS_TOKEN_NTLMSSP },
	{ "the signature alone", TOKEN(SIGNATURE), GSS_TOKEN_NTLMSSP },
	{ "the signature cut", TOKEN("NTLMSSP"), GSS_TOKEN_UNKNOWN },
	{ "the signature without NUL", TOKEN("NTLMSSPx\x01\0\0\0"), GSS_TOKEN_UNKNOWN },
	{ "in small letters", TOKEN("ntlmssp\0\x01\0\0\0"), GSS_TOKEN_UNKNOWN },
	{ "Kerberos", TOKEN("\x60\x0d" KRB5 "\x01\x00"), GSS_TOKEN_KRB5 },
	{ "Microsoft's Kerberos", TOKEN("\x60\x0d" MS_KRB5 "\x01\x00"), GSS_TOKEN_KRB5 },
	{ "Kerberos, a long length", TOKEN("\x60\x82\x00\x0d" KRB5 "\x01\x00"), GSS_TOKEN_KRB5 },
	{ "user-to-user", TOKEN("\x60\x0e" U2U "\x04\x00"), GSS_TOKEN_USER_TO_USER },
	{ "IAKERB", TOKEN("\x60\x0a" IAKERB "\x05\x01"), GSS_TOKEN_UNKNOWN },
	{ "a longer OID that starts like Kerberos", TOKEN("\x60\x0c\x06\x0a\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x02"),
	  GSS_TOKEN_UNKNOWN },
	{ "a shorter one", TOKEN("\x60\x0a\x06\x08\x2a\x86\x48\x86\xf7\x12\x01\x02"), GSS_TOKEN_UNKNOWN },
	{ "SPNEGO", TOKEN("\x60\x0a" SPNEGO "\xa0\x00"), GSS_TOKEN_SPNEGO_INIT },
	{ "NegTokenInit without a frame", TOKEN("\xa0\x02\x30\x00"), GSS_TOKEN_SPNEGO_INIT },
	{ "NegTokenResp", TOKEN("\xa1\x02\x30\x00"), GSS_TOKEN_SPNEGO_RESP },
	{ "a frame and nothing", TOKEN("\x60"), GSS_TOKEN_UNKNOWN },
	{ "an empty frame", TOKEN("\x60\x00"), GSS_TOKEN_UNKNOWN },
	{ "a frame longer than the token", TOKEN("\x60\x0e" KRB5 "\x01\x00"), GSS_TOKEN_UNKNOWN },
	{ "a frame of indefinite length", TOKEN("\x60\x80" KRB5 "\x01\x00\x00\x00"), GSS_TOKEN_UNKNOWN },
	{ "an OID longer than the frame", TOKEN("\x60\x0b\x06\x0a\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"),
	  GSS_TOKEN_UNKNOWN },
	{ "an unframed AP-REQ", TOKEN("\x6e\x03\x02\x01\x05"), GSS_TOKEN_UNKNOWN },
	{ "text", TOKEN("Negotiate"), GSS_TOKEN_UNKNOWN },
};

static void test_kinds(void **state)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct buf token AUTO_BUF = buf_copy(kinds[i].p, kinds[i].len);
		enum gss_token_kind kind = gss_token_kind(view_of(&token));

		if (kind != kinds[i].kind)
			fail_msg("%s: %d", kinds[i].name, kind);
	}
	assert_int_equal(gss_token_kind(VIEW_NULL), GSS_TOKEN_UNKNOWN);
}

/* ---- wrap tokens ---- */

#define CFX_LEAST 60U /* AES-SHA1 over nothing: header, confounder, header, 12 octets of checksum */

static struct buf cfx(size_t len)
{
	struct buf b = buf_fill(0xcc, len);
	const uint8_t header[16] = { 5, 4, 0x06, 0xff, 0, 0, 0, 28 };

	memcpy(b.p, header, len < sizeof header ? len : sizeof header);
	return b;
}

static void test_krb5_wrap(void **state)
{
	for (size_t n = 0; n <= 200; n++) {
		struct buf t AUTO_BUF = cfx(n);

		assert_int_equal(krb5_wrap_guard(view_of(&t)), n < CFX_LEAST ? -EPROTO : 0);
	}
	/* every value of every octet of the header: RRC and the sequence number are free, the rest is not */
	for (size_t at = 0; at < 16; at++) {
		for (unsigned v = 0; v < 256; v++) {
			struct buf t AUTO_BUF = cfx(100);
			uint8_t was = t.p[at];

			t.p[at] = (uint8_t)v;
			if (krb5_wrap_guard(view_of(&t)) != (at >= 6 || v == was ? 0 : -EPROTO))
				fail_msg("octet %zu as %02x", at, v);
		}
	}
	assert_int_equal(krb5_wrap_guard(VIEW_NULL), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_krb5_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
