/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/seeds.h"

#include <stddef.h>
#include <stdio.h>

#include "common/base/limits.h"
#include "common/ipc/worker-msg.h"
#include "include/credssp/channel.h"
#include "tests/unit/build.h"

struct sink {
	seed_taker *take;
	void *arg;
	const char *target;
};

static void seed(const struct sink *to, const char *name, struct buf b)
{
	to->take(to->arg, to->target, name, b.p, b.len);
	buf_free(&b);
}

/* ---- mechanism tokens ---- */

#define SEED_SPNEGO "\x06\x06\x2b\x06\x01\x05\x05\x02"
#define SEED_KRB5 "\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"
#define SEED_MS_KRB5 "\x06\x09\x2a\x86\x48\x82\xf7\x12\x01\x02\x02"
#define SEED_U2U "\x06\x0a\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x03"
#define SEED_NTLM "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"
#define SEED_NEGOEX "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x1e"
#define SEED_NEGOTIATE \
	"NTLMSSP\0\x01\0\0\0\xb7\x82\x08\xe2" \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
	"\x0a\0\x63\x45\0\0\0\x0f"

static struct buf seed_authenticate(void)
{
	static const struct {
		uint8_t len, offset;
	} field[] = { { 24, 110 }, { 48, 134 }, { 8, 88 }, { 10, 96 }, { 4, 106 }, { 16, 182 } };
	struct buf b = buf_fill(0, 198);

	memcpy(b.p, "NTLMSSP\0\x03", 9);
	for (size_t i = 0; i < 6; i++) {
		b.p[12 + 8 * i] = b.p[14 + 8 * i] = field[i].len;
		b.p[16 + 8 * i] = field[i].offset;
	}
	memcpy(b.p + 60, "\x15\x82\x88\xe2\x0a\0\x63\x45\0\0\0\x0f", 12);
	memcpy(b.p + 88, "C\0O\0R\0P\0a\0l\0i\0c\0e\0P\0C\0", 22);
	memset(b.p + 110, 0xcc, 88);
	return b;
}

static struct buf seed_init(struct buf mechanisms, struct buf token)
{
	struct buf list = context(0, sequence(mechanisms));

	return tlv(0x60, JOIN(LIT(SEED_SPNEGO),
			      context(0, sequence(JOIN(list, token.len ? context(2, octets(token)) : token)))));
}

static struct buf seed_resp(struct buf token, struct buf mic)
{
	return context(1, sequence(JOIN(context(0, tlv(0x0a, LIT("\x01"))), context(2, octets(token)),
					mic.len ? context(3, octets(mic)) : mic)));
}

static struct buf seed_ap_req(void)
{
	return tlv(0x60, JOIN(LIT(SEED_KRB5), LIT("\x01\x00\x6e\x0a\x30\x08\xa0\x03\x02\x01\x05\xa1\x01\x00")));
}

static struct buf seed_tgt_req(void)
{
	return tlv(0x60, JOIN(LIT(SEED_U2U), LIT("\x04\x00\x6b\x0a\x30\x08\xa0\x03\x02\x01\x05\xa1\x01\x00")));
}

static void make_gsstoken(const struct sink *to)
{
	seed(to, "negotiate", LIT(SEED_NEGOTIATE));
	seed(to, "krb5", seed_ap_req());
	seed(to, "freerdp3", seed_init(LIT(SEED_U2U SEED_KRB5 SEED_NTLM), seed_tgt_req()));
	seed(to, "freerdp3-krb5", seed_init(LIT(SEED_KRB5 SEED_NTLM), seed_ap_req()));
	seed(to, "mstsc", seed_init(LIT(SEED_MS_KRB5 SEED_KRB5 SEED_NEGOEX SEED_NTLM), seed_tgt_req()));
	seed(to, "entra", seed_init(LIT(SEED_NEGOEX SEED_NTLM), LIT("NEGOEXTS")));
	seed(to, "spnego-ntlm", seed_init(LIT(SEED_NTLM), LIT(SEED_NEGOTIATE)));
	seed(to, "spnego-authenticate", seed_resp(seed_authenticate(), LIT("\x01\0\0\0........\0\0\0\0")));
	seed(to, "krb5-wrap", JOIN(LIT("\x05\x04\x06\xff\0\0\0\x1c\0\0\0\0\0\0\0\1"), buf_fill(0xcc, 60)));
	seed(to, "krb5-mic", JOIN(LIT("\x04\x04\x04\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\1"), buf_fill(0xcc, 12)));
}

/* ---- NTLM ---- */

#define SEED_PAIRS "\2\0\2\0D\0\1\0\2\0C\0\7\0\x08\0TIMESTAM"
#define SEED_FLAGS "\6\0\4\0\2\0\0\0"
#define SEED_TARGET "\x09\0\x12\0T\0E\0R\0M\0S\0R\0V\0/\0h\0"

static struct buf seed_response(struct buf pairs)
{
	struct buf fixed = buf_fill(0, 44);

	fixed.p[16] = fixed.p[17] = 1;
	return JOIN(fixed, pairs);
}

static void make_ntlm(const struct sink *to)
{
	seed(to, "negotiate", LIT(SEED_NEGOTIATE));
	seed(to, "negotiate-32", buf_copy(SEED_NEGOTIATE, 32));
	seed(to, "negotiate-16", buf_copy(SEED_NEGOTIATE, 16));
	seed(to, "negotiate-long", JOIN(LIT(SEED_NEGOTIATE), buf_fill(0, NTLM_NEGOTIATE_MAX)));
	seed(to, "negotiate-weak", LIT("NTLMSSP\0\x01\0\0\0\0\0\0\0"));
	seed(to, "challenge",
	     JOIN(LIT("NTLMSSP\0\x02\0\0\0\0\0\0\0\0\0\0\0\x35\x82\x8a\xe2"
		      "12345678"
		      "\0\0\0\0\0\0\0\0"
		      "\x1c\0\x1c\0\x30\0\0\0"),
		  LIT(SEED_PAIRS "\0\0\0\0")));
	seed(to, "challenge-names",
	     LIT("\5\0\1\0\1___"
		 "12345678"
		 "TIMESTAM"
		 "example.com"));
	seed(to, "challenge-small",
	     LIT("\5\0\0\0\0\x46__"
		 "12345678"
		 "TIMESTAM"
		 "example.com"));
	seed(to, "challenge-smaller",
	     LIT("\5\0\0\0\0\x10__"
		 "12345678"
		 "TIMESTAM"
		 "example.com"));
	seed(to, "authenticate", seed_authenticate());
	seed(to, "response-windows", seed_response(LIT(SEED_PAIRS SEED_FLAGS SEED_TARGET "\0\0\0\0\0\0\0\0")));
	seed(to, "response-impacket",
	     seed_response(LIT(SEED_PAIRS "\x09\0\x12\0c\0i\0f\0s\0/\0R\0D\0P\0"
					  "1\0"
					  "\0\0\0\0")));
	seed(to, "response-impacket-elsewhere",
	     seed_response(LIT(SEED_PAIRS "\x09\0\x14\0c\0i\0f\0s\0/\0R\0D\0P\0"
					  "1\0"
					  "2\0"
					  "\0\0\0\0")));
	seed(to, "response-elsewhere",
	     seed_response(LIT(SEED_PAIRS "\x09\0\2\0h\0"
					  "\0\0\0\0")));
	seed(to, "response-no-timestamp", seed_response(LIT(SEED_FLAGS "\0\0\0\0")));
	seed(to, "response-two-timestamps", seed_response(LIT(SEED_PAIRS "\7\0\x08\0timestam\0\0\0\0")));
	seed(to, "response-other-timestamp",
	     seed_response(LIT("\7\0\x08\0timestam"
			       "\0\0\0\0")));
	seed(to, "response-bad-flags",
	     seed_response(LIT("\6\0\1\0\2"
			       "\0\0\0\0")));
	seed(to, "response-no-end", seed_response(LIT(SEED_PAIRS)));
}

/* ---- SPNEGO ---- */

static struct buf seed_list(void)
{
	return context(0, sequence(LIT(SEED_NEGOEX SEED_NTLM)));
}

static void make_spnego(const struct sink *to)
{
	const char *mic = "\4\4\4\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\1";

	seed(to, "init", seed_init(LIT(SEED_MS_KRB5 SEED_KRB5 SEED_NEGOEX SEED_NTLM), seed_ap_req()));
	seed(to, "init-no-token", seed_init(LIT(SEED_NTLM), buf_new(0)));
	seed(to, "init-unknown", seed_init(LIT("\x06\x03\x2a\x03\x04" SEED_NTLM), LIT("token")));
	seed(to, "init-unframed", context(0, sequence(JOIN(seed_list(), context(2, octets(LIT("token")))))));
	seed(to, "init-mic", context(0, sequence(JOIN(seed_list(), context(3, octets(LIT("mic")))))));
	seed(to, "init2",
	     context(0, sequence(JOIN(
			    seed_list(), context(1, LIT("\x03\x02\1\6")),
			    context(3, sequence(context(0, tlv(0x1b, LIT("not_defined_in_RFC4178@please_ignore"))))),
			    context(4, octets(LIT("mic")))))));
	seed(to, "init-no-list", context(0, sequence(context(2, octets(LIT("token"))))));
	seed(to, "init-empty-list", context(0, sequence(context(0, sequence(buf_new(0))))));
	seed(to, "init-more",
	     context(0, sequence(JOIN(seed_list(), context(3, octets(LIT("mic"))), context(5, octets(LIT("more")))))));
	seed(to, "init-two", context(0, JOIN(sequence(seed_list()), sequence(seed_list()))));
	seed(to, "init-other-frame", tlv(0x60, JOIN(LIT(SEED_KRB5), context(0, sequence(seed_list())))));
	seed(to, "resp", seed_resp(LIT("token"), buf_copy(mic, 16)));
	seed(to, "resp-all",
	     context(1, sequence(JOIN(context(0, tlv(0x0a, LIT("\3"))), context(1, LIT(SEED_MS_KRB5)),
				      context(2, octets(LIT("token"))), context(3, octets(buf_copy(mic, 16)))))));
	seed(to, "resp-empty", context(1, sequence(buf_new(0))));
	seed(to, "resp-more",
	     context(1, sequence(JOIN(context(3, octets(LIT("mic"))), context(4, octets(LIT("more")))))));
	seed(to, "resp-two", context(1, JOIN(sequence(buf_new(0)), sequence(buf_new(0)))));
}

static struct buf seed_counted(struct buf token)
{
	const uint8_t len[2] = { (uint8_t)(token.len >> 8), (uint8_t)token.len };

	return JOIN(buf_copy(len, 2), token);
}

static struct buf seed_mic(void)
{
	return context(1, sequence(context(3, octets(LIT("mic")))));
}

/* See fuzz_negotiation.c: the offer, then tokens, and behind each what the mechanisms do with it. */
static void make_negotiation(const struct sink *to)
{
	seed(to, "krb5-first", JOIN(LIT("\x01"), seed_counted(seed_init(LIT(SEED_KRB5), LIT("token"))), LIT("\x05")));
	seed(to, "ntlm-first",
	     JOIN(LIT("\x04"), seed_counted(seed_init(LIT(SEED_NTLM), LIT("token"))), LIT("\x04"),
		  seed_counted(seed_resp(LIT("token"), LIT("mic"))), LIT("\x01\x10")));
	seed(to, "ntlm-not-first",
	     JOIN(LIT("\x04"), seed_counted(seed_init(LIT(SEED_NEGOEX SEED_NTLM), LIT("token"))),
		  seed_counted(seed_resp(LIT("token"), buf_new(0))), LIT("\x04"),
		  seed_counted(seed_resp(LIT("token"), LIT("mic"))), LIT("\x01\x10")));
	seed(to, "ntlm-wrong-mic",
	     JOIN(LIT("\x04"), seed_counted(seed_init(LIT(SEED_NTLM), LIT("token"))), LIT("\x04"),
		  seed_counted(seed_resp(LIT("token"), LIT("xic"))), LIT("\x01")));
	seed(to, "early-mic",
	     JOIN(LIT("\x04"), seed_counted(seed_init(LIT(SEED_NTLM), buf_new(0))),
		  seed_counted(seed_resp(LIT("token"), LIT("mic"))), LIT("\x04")));
	seed(to, "user-to-user",
	     JOIN(LIT("\x03"), seed_counted(seed_init(LIT(SEED_MS_KRB5 SEED_KRB5), seed_tgt_req())), LIT("\x04"),
		  seed_counted(seed_resp(LIT("token"), buf_new(0))), LIT("\x05\x10"),
		  seed_counted(
		      context(1, sequence(JOIN(context(0, tlv(0x0a, LIT("\0"))), context(3, octets(LIT("mic")))))))));
	seed(to, "no-mic",
	     JOIN(LIT("\x03"), seed_counted(seed_init(LIT(SEED_MS_KRB5 SEED_KRB5), seed_tgt_req())), LIT("\x05\x1f")));
	seed(to, "no-tgt",
	     JOIN(LIT("\x06"), seed_counted(seed_init(LIT(SEED_MS_KRB5 SEED_KRB5 SEED_NTLM), seed_tgt_req())),
		  LIT("\x02")));
	seed(to, "later-unavailable",
	     JOIN(LIT("\x04"), seed_counted(seed_init(LIT(SEED_NTLM), buf_new(0))),
		  seed_counted(seed_resp(LIT("token"), buf_new(0))), LIT("\x02")));
	seed(to, "refused", JOIN(LIT("\x04"), seed_counted(seed_init(LIT(SEED_NTLM), LIT("token"))), LIT("\x03")));
	seed(to, "elsewhere", JOIN(LIT("\x11"), seed_counted(seed_init(LIT(SEED_NTLM SEED_KRB5), LIT("token")))));
	/* complete, with a MIC for the client, before the client has sent its own */
	seed(to, "ntlm-late-mic",
	     JOIN(LIT("\x04"), seed_counted(seed_init(LIT(SEED_NEGOEX SEED_NTLM), LIT("token"))),
		  seed_counted(seed_resp(LIT("token"), buf_new(0))), LIT("\x01\x10"), seed_counted(seed_mic())));
	seed(to, "ntlm-late-nothing",
	     JOIN(LIT("\x04"), seed_counted(seed_init(LIT(SEED_NEGOEX SEED_NTLM), LIT("token"))),
		  seed_counted(seed_resp(LIT("token"), buf_new(0))), LIT("\x01\x10"),
		  seed_counted(context(1, sequence(buf_new(0))))));
	seed(to, "ntlm-late-token",
	     JOIN(LIT("\x04"), seed_counted(seed_init(LIT(SEED_NEGOEX SEED_NTLM), LIT("token"))),
		  seed_counted(seed_resp(LIT("token"), buf_new(0))), LIT("\x01\x10"),
		  seed_counted(seed_resp(LIT("token"), LIT("mic"))), LIT("\x01\x10")));
	seed(to, "second-init",
	     JOIN(LIT("\x04"), seed_counted(seed_init(LIT(SEED_NTLM), buf_new(0))),
		  seed_counted(seed_init(LIT(SEED_NTLM), buf_new(0)))));
	seed(to, "reject-token",
	     JOIN(LIT("\x04"), seed_counted(seed_init(LIT(SEED_NTLM), buf_new(0))),
		  seed_counted(
		      context(1, sequence(JOIN(context(0, tlv(0x0a, LIT("\2"))), context(2, octets(LIT("t"))))))),
		  LIT("\x01")));
	seed(
	    to, "init-mic",
	    JOIN(LIT("\x01"),
		 seed_counted(context(0, sequence(JOIN(context(0, sequence(LIT(SEED_KRB5))),
						       context(2, octets(LIT("t"))), context(3, octets(LIT("mic"))))))),
		 LIT("\x05\x10")));
	seed(to, "long-list",
	     JOIN(LIT("\x07"),
		  seed_counted(seed_init(JOIN(LIT(SEED_KRB5), tlv(6, buf_fill(0x2a, 600))), LIT("token")))));
	seed(to, "unknown", JOIN(LIT("\x07"), seed_counted(seed_init(LIT("\x06\x03\x2a\x03\x04"), LIT("token")))));
	seed(to, "reject",
	     JOIN(LIT("\x04"), seed_counted(seed_init(LIT(SEED_NTLM), buf_new(0))),
		  seed_counted(context(1, sequence(context(0, tlv(0x0a, LIT("\2"))))))));
	seed(to, "empty",
	     JOIN(LIT("\x04"), seed_counted(seed_init(LIT(SEED_NTLM), buf_new(0))),
		  seed_counted(context(1, sequence(buf_new(0))))));
}

/* ---- user-to-user ---- */

static struct buf seed_number(unsigned n, uint8_t value)
{
	return context(n, tlv(0x02, buf_copy(&value, 1)));
}

static struct buf seed_tgt_request(struct buf components)
{
	struct buf name = sequence(JOIN(seed_number(0, 2), context(1, sequence(components))));

	return sequence(JOIN(seed_number(0, 5), seed_number(1, 16), context(2, name), context(3, tlv(0x1b, LIT("R")))));
}

static struct buf seed_u2u_frame(struct buf message)
{
	return tlv(0x60, JOIN(LIT(SEED_U2U), message));
}

static struct buf seed_u2u_ap_req(uint8_t options)
{
	struct buf bits = JOIN(LIT("\x03\x05\0"), buf_copy(&options, 1), LIT("\0\0\0"));

	return tlv(0x6e, sequence(JOIN(seed_number(0, 5), seed_number(1, 14), context(2, bits),
				       context(3, tlv(0x61, buf_fill(0xcc, 20))), context(4, sequence(LIT(""))))));
}

static void make_usertouser(const struct sink *to)
{
	struct buf name = JOIN(tlv(0x1b, LIT("TERMSRV")), tlv(0x1b, LIT("rdp.test.example")));
	struct buf request = seed_tgt_request(name);

	seed(to, "mstsc",
	     seed_init(LIT(SEED_MS_KRB5 SEED_KRB5 SEED_NEGOEX SEED_NTLM),
		       seed_u2u_frame(JOIN(LIT("\x04\0"), buf_copy(request.p, request.len)))));
	seed(to, "freerdp3",
	     seed_init(LIT(SEED_U2U SEED_KRB5 SEED_NTLM), seed_u2u_frame(JOIN(LIT("\x04\0"), request))));
	seed(to, "tgt-req", seed_tgt_request(tlv(0x1b, LIT("RDP$"))));
	seed(to, "tgt-req-long",
	     seed_tgt_request(JOIN(tlv(0x1b, buf_fill('a', PRINCIPAL_MAX)), tlv(0x1b, buf_fill('b', 40)))));
	seed(to, "tgt-rep",
	     sequence(JOIN(seed_number(0, 5), seed_number(1, 17), context(2, tlv(0x61, LIT("ticket"))))));
	seed(to, "ap-req", seed_resp(seed_u2u_frame(JOIN(LIT("\x01\0"), seed_u2u_ap_req(0x60))), buf_new(0)));
	seed(to, "ap-req-bare", seed_u2u_ap_req(0x20));
}

/* ---- CredSSP ---- */

#define SEED_NONCE \
	"\xa5\x22\x04\x20" \
	"0123456789abcdefghijklmnopqrstuv"
#define SEED_VERSION(v) LIT("\xa0\x03\x02\x01" v)

static struct buf seed_nego(struct buf token)
{
	return context(1, sequence(sequence(context(0, octets(token)))));
}

static void make_tsrequest(const struct sink *to)
{
	seed(to, "version", LIT("\x30\x05\xa0\x03\x02\x01\x06"));
	seed(to, "ntlm", sequence(JOIN(SEED_VERSION("\x06"), seed_nego(LIT(SEED_NEGOTIATE)), LIT(SEED_NONCE))));
	seed(to, "ntlm-bound",
	     sequence(JOIN(SEED_VERSION("\x06"), seed_nego(seed_authenticate()), context(3, octets(buf_fill(0xcc, 48))),
			   LIT(SEED_NONCE))));
	seed(to, "spnego",
	     sequence(JOIN(SEED_VERSION("\x06"), seed_nego(seed_init(LIT(SEED_KRB5 SEED_NTLM), seed_ap_req())))));
	seed(to, "bound",
	     sequence(JOIN(SEED_VERSION("\x05"), context(3, octets(buf_fill(0xcc, 48))), LIT(SEED_NONCE))));
	seed(to, "authinfo", sequence(JOIN(SEED_VERSION("\x02"), context(2, octets(buf_fill(0xcc, 200))))));
	seed(to, "error", LIT("\x30\x0d\xa0\x03\x02\x01\x06\xa4\x06\x02\x04\xc0\x00\x00\x6d"));
	seed(to, "rdesktop",
	     LIT("\x30\x82\x00\x1e\xa0\x82\x00\x05\x02\x82\x00\x01\x02\xa1\x82\x00\x11\x30\x81\x0e\x30\x84"
		 "\x00\x00\x00\x08\xa0\x06\x04\x83\x00\x00\x01x"));
}

static struct buf seed_wide(unsigned n, const char *ascii)
{
	struct buf b = buf_new(2 * strlen(ascii));

	for (size_t i = 0; i < b.len; i++)
		b.p[i] = (uint8_t)(i % 2 ? 0 : ascii[i / 2]);
	return context(n, octets(b));
}

static struct buf seed_credentials(uint8_t type, struct buf body)
{
	return sequence(JOIN(context(0, tlv(0x02, buf_copy(&type, 1))), context(1, octets(sequence(body)))));
}

static struct buf seed_password(const char *domain, const char *user, const char *password)
{
	return seed_credentials(1, JOIN(seed_wide(0, domain), seed_wide(1, user), seed_wide(2, password)));
}

/* MessageType 10, Flags 2, lengths 4 and 5, offsets 0x20 and 0x24 */
#define SEED_TICKET_LOGON \
	"\x0a\0\0\0\x02\0\0\0\x04\0\0\0\x05\0\0\0" \
	"\x20\0\0\0\0\0\0\0\x24\0\0\0\0\0\0\0" \
	"HOSTCRED!"

static void make_tscredentials(const struct sink *to)
{
	seed(to, "password", seed_password("CORP", "alice", "secret"));
	seed(to, "password-upn", seed_password("", "alice@corp.example", "secret"));
	seed(to, "password-qualified", seed_password("", "CORP\\alice", "secret"));
	seed(to, "password-nul",
	     seed_credentials(1, LIT("\xa0\x04\x04\x02\0\0\xa1\x06\x04\x04"
				     "a\0\0\0\xa2\x06\x04\x04p\0\0\0")));
	seed(to, "restricted-admin", seed_password("", "", ""));
	/* 2, 3 and 4 octets in UTF-8, pairs of surrogates, halves of them, and what is no UTF-8 */
	seed(to, "password-wide",
	     seed_credentials(1, JOIN(LIT("\xa0\x02\x04\0\xa1\x0a\x04\x08"
					  "a\0\xe9\0\xac\x20z\0"),
				      LIT("\xa2\x06\x04\x04\x3d\xd8\0\xde"))));
	seed(to, "surrogate", LIT("\x3d\xd8\0\xde"));
	seed(to, "surrogate-half",
	     LIT("\x3d\xd8"
		 "a\0"));
	seed(to, "surrogate-last", LIT("a\0\x3d\xd8"));
	seed(to, "surrogate-low",
	     LIT("\0\xde"
		 "a\0"));
	seed(to, "utf8", LIT("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
	seed(to, "utf8-overlong", LIT("\xc0\x80"));
	seed(to, "utf8-overlong-3", LIT("\xe0\x80\x80"));
	seed(to, "utf8-surrogate", LIT("\xed\xa0\x80"));
	seed(to, "utf8-high", LIT("\xf4\x90\x80\x80"));
	seed(to, "utf8-cut", LIT("\xe2\x82"));
	seed(to, "utf8-broken", LIT("\xe2\x28\xa1"));
	seed(to, "text-long", buf_fill('a', 4 * ACCOUNT_NAME_MAX + 2));
	seed(to, "text-long-wide", buf_fill(0x21, 4 * ACCOUNT_NAME_MAX + 2));
	seed(to, "smartcard",
	     seed_credentials(2, JOIN(seed_wide(0, "1234"),
				      context(1, sequence(JOIN(LIT("\xa0\x03\x02\x01\x01"), seed_wide(1, "card"),
							       seed_wide(2, "reader"), seed_wide(3, "container"),
							       seed_wide(4, "csp")))),
				      seed_wide(2, "alice"), seed_wide(3, "CORP"))));
	seed(to, "remote-guard",
	     seed_credentials(6, JOIN(context(0, sequence(JOIN(seed_wide(0, "Kerberos"),
							       context(1, octets(LIT(SEED_TICKET_LOGON)))))),
				      context(1, sequence(sequence(JOIN(seed_wide(0, "NTLM"), seed_wide(1, "nt"))))))));
}

static void make_ticketlogon(const struct sink *to)
{
	seed(to, "freerdp", LIT(SEED_TICKET_LOGON));
	seed(to, "swapped",
	     LIT("\x0a\0\0\0\x02\0\0\0\x04\0\0\0\x04\0\0\0"
		 "\x28\0\0\0\0\0\0\0\x20\0\0\0\0\0\0\0CREDpad.HOSTpad."));
	seed(to, "wraps",
	     LIT("\x0a\0\0\0\x02\0\0\0\x04\0\0\0\x04\0\0\0"
		 "\x20\0\0\0\0\0\0\0\xfc\xff\xff\xff\xff\xff\xff\xffHOSTCRED"));
	seed(to, "shared",
	     LIT("\x0a\0\0\0\x02\0\0\0\x04\0\0\0\x04\0\0\0"
		 "\x20\0\0\0\0\0\0\0\x22\0\0\0\0\0\0\0HOSTCRED"));
}

#define ZEROS_4 "\0\0\0\0"
#define ZEROS_16 ZEROS_4 ZEROS_4 ZEROS_4 ZEROS_4
#define ZEROS_160 ZEROS_16 ZEROS_16 ZEROS_16 ZEROS_16 ZEROS_16 ZEROS_16 ZEROS_16 ZEROS_16 ZEROS_16 ZEROS_16
#define LOGON_INFO_TO_NAME "\1\x10\x08\0" ZEROS_4 ZEROS_4 ZEROS_4 "\0\0\2\0" ZEROS_16 ZEROS_16 ZEROS_16

static void make_logoninfo(const struct sink *to)
{
	seed(to, "computer",
	     LIT(LOGON_INFO_TO_NAME "\4\0\4\0\4\0\2\0" ZEROS_160 "\2\0\0\0" ZEROS_4 "\2\0\0\0"
				    "a\0$\0"));
	seed(to, "longer",
	     LIT(LOGON_INFO_TO_NAME "\x08\0\4\0\4\0\2\0" ZEROS_160 "\4\0\0\0" ZEROS_4 "\4\0\0\0"
				    "a\0$\0"));
	seed(to, "control",
	     LIT(LOGON_INFO_TO_NAME "\2\0\2\0\4\0\2\0" ZEROS_160 "\1\0\0\0" ZEROS_4 "\1\0\0\0"
				    "\n\0"));
	seed(to, "nameless",
	     LIT(LOGON_INFO_TO_NAME "\2\0\2\0\0\0\0\0" ZEROS_160 "\1\0\0\0" ZEROS_4 "\1\0\0\0"
				    "a\0"));
}

static void make_handover(const struct sink *to)
{
	seed(to, "password", LIT("CSHO\x01\x01\0\0\0\0\0\x0e\0\x01\0\0\0\0\0\x06secret"));
	seed(to, "smartcard",
	     LIT("CSHO\x01\x02\0\0\0\0\0\x16\0\x02\0\0\0\0\0\x04"
		 "1234\0\x03\0\0\0\0\0\x02me"));
	seed(to, "remote-guard",
	     LIT("CSHO\x01\x06\0\0\0\0\0\x12\0\x07\0\0\0\0\0\x01T\0\x08\0\0\0\0\0\x01"
		 "C"));
	seed(to, "nothing", LIT("CSHO\x01\x80\0\0\0\0\0\0"));
	seed(to, "twice",
	     LIT("CSHO\x01\x01\0\0\0\0\0\x12\0\x01\0\0\0\0\0\x01"
		 "a\0\x01\0\0\0\0\0\x01"
		 "b"));
}

/* ---- RDP ---- */

/* Puts the length into TPKT. */
static struct buf seed_tpkt(struct buf rest)
{
	struct buf b = JOIN(LIT("\x03\0\0\0"), rest);

	b.p[2] = (uint8_t)(b.len >> 8);
	b.p[3] = (uint8_t)b.len;
	return b;
}

static struct buf seed_request(struct buf tail)
{
	const uint8_t length = (uint8_t)(tail.len + 6);

	return seed_tpkt(JOIN(buf_copy(&length, 1), LIT("\xe0\0\0\0\0\0"), tail));
}

static void make_x224(const struct sink *to)
{
	seed(to, "freerdp", seed_request(LIT("Cookie: mstshash=alice\r\n\x01\0\x08\0\x0b\0\0\0")));
	seed(to, "token", seed_request(LIT("tsv://MS Terminal Services Plugin.1.Farm\r\n\x01\0\x08\0\x03\0\0\0")));
	seed(to, "correlation",
	     seed_request(JOIN(LIT("\x01\x09\x08\0\x0b\0\0\0\x06\0\x24\0"), buf_fill(0xcc, 16), buf_fill(0, 16))));
	seed(to, "old", seed_request(LIT("Cookie: mstshash=alice\r\n")));
	seed(to, "confirm", LIT("\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\x1f\x08\0\x02\0\0\0"));
}

static struct buf seed_pdu(struct buf mcs)
{
	return seed_tpkt(JOIN(LIT("\x02\xf0\x80"), mcs));
}

static struct buf seed_send(struct buf data)
{
	const uint8_t length[] = { (uint8_t)(0x80 | data.len >> 8), (uint8_t)data.len };

	return seed_pdu(JOIN(LIT("\x64\0\x06\x03\xeb\x70"), buf_copy(length, 2), data));
}

/* TS_INFO_PACKET: CodePage, flags, lengths, strings, TS_EXTENDED_INFO_PACKET. */
static struct buf seed_unicode_info(void)
{
	return seed_send(JOIN(LIT("\x40\0\0\0\x09\x04\0\0\x3b\x47\x01\0\x08\0\x0a\0\x0c\0\0\0\0\0"),
			      LIT("C\0O\0R\0P\0\0\0a\0l\0i\0c\0e\0\0\0s\0e\0c\0r\0e\0t\0\0\0\0\0\0\0"),
			      LIT("\x02\0\x1c\0001\0009\0002\0.\0000\0.\0002\0.\0001\0\0\0"), buf_fill(0, 180)));
}

static struct buf seed_ansi_info(void)
{
	return seed_send(LIT("\x40\0\0\0\0\0\0\0\x0b\0\0\0\x04\0\x05\0\x06\0\x02\0\x01\0"
			     "CORP\0alice\0secret\0sh\0/\0"));
}

static void make_clientinfo(const struct sink *to)
{
	seed(to, "unicode", seed_unicode_info());
	seed(to, "ansi", seed_ansi_info());
	seed(to, "long-string",
	     seed_send(JOIN(LIT("\x40\0\0\0\0\0\0\0\x0b\0\0\0\0\0\0\0\0\0\x40\x02\0\0\0\0\0"), buf_fill('a', 0x240),
			    LIT("\0\0"))));
	seed(to, "too-long-string",
	     seed_send(JOIN(LIT("\x40\0\0\0\0\0\0\0\x0b\0\0\0\0\0\0\0\0\0\x40\x05\0\0\0\0\0"), buf_fill('a', 0x540),
			    LIT("\0\0"))));
	seed(to, "long-wide",
	     seed_send(JOIN(LIT("\x40\0\0\0\x09\x04\0\0\x3b\x47\x01\0\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\0"),
			    buf_fill('a', 0x300), LIT("\0\0\0\0"))));
	seed(to, "long-rest",
	     seed_send(JOIN(LIT("\x40\0\0\0\x09\x04\0\0\x3b\x47\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
			    buf_fill(0, 0x3000))));
	seed(to, "short-length",
	     seed_pdu(LIT("\x64\0\x06\x03\xeb\x70\x1b\x40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
			  "\0\0\0\0\0")));
}

static void make_mcs(const struct sink *to)
{
	seed(to, "sequence",
	     JOIN(seed_pdu(JOIN(LIT("\x7f\x65\x82\x01\x94\x04\x01\x01\x04\x01\x01"), buf_fill(0, 64))),
		  seed_pdu(LIT("\x04\x01\0\x01\0")), seed_pdu(LIT("\x28")), seed_pdu(LIT("\x38\0\x06\x03\xef")),
		  seed_pdu(LIT("\x38\0\x06\x03\xeb")), seed_unicode_info(),
		  seed_send(LIT("\x80\0\0\0\x13\x83\x10\0\x01\0\0\0\0\0\0\0\x04\0\0\0"))));
	seed(to, "licence",
	     seed_pdu(LIT("\x68\0\x01\x03\xeb\x70\x14\x80\0\0\0\xff\x03\x10\0\x07\0\0\0\x02\0\0\0\x04\0\0\0")));
	seed(to, "two-infos",
	     JOIN(seed_pdu(LIT("\x7f\x65")), seed_pdu(LIT("\x04\x01\0\x01\0")), seed_pdu(LIT("\x28")), seed_ansi_info(),
		  seed_ansi_info()));
	seed(to, "response",
	     seed_pdu(LIT("\x7f\x66\x5a\x0a\x01\0\0\x05\0\x14\x7c\0\x01\x2a\x14\x76\x0a\x01\x01\0\x01\xc0\0McDn"
			  "\x2c\x01\x0c\x10\0\x04\0\x08\0\x01\0\0\0\0\0\0\0\x03\x0c\x08\0\xeb\x03\0\0")));
}

#define SEED_PROXY "\r\n\r\n\0\r\nQUIT\n"

static void make_proxy(const struct sink *to)
{
	seed(to, "local", LIT(SEED_PROXY "\x20\0\0\0"));
	seed(to, "tcp4", LIT(SEED_PROXY "\x21\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x01\xc3\x50\x0d\x3d"));
	seed(to, "tcp4-tlv", LIT(SEED_PROXY "\x21\x11\0\x12\xc0\0\x02\x07\xc0\0\x02\x01\xc3\x50\x0d\x3d\x02\0\x03ts1"));
	seed(to, "tcp6",
	     JOIN(LIT(SEED_PROXY "\x21\x21\0\x24\x20\x01\x0d\xb8"), buf_fill(1, 28), LIT("\xc3\x50\x0d\x3d")));
	seed(to, "mapped",
	     JOIN(LIT(SEED_PROXY "\x21\x21\0\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x07"), buf_fill(1, 16),
		  LIT("\xc3\x50\x0d\x3d")));
	seed(to, "behind", LIT(SEED_PROXY "\x20\0\0\0\x03\0\0\x13\x0e\xe0"));
}

/* ---- between processes ---- */

static struct buf seed_padded(struct buf head, size_t len)
{
	return JOIN(head, buf_fill(0, len - head.len));
}

static struct buf seed_done(const char *ticket, const char *user)
{
	struct buf b = seed_padded(LIT("\x03\x01\x06\0\0\0\0\0ntlm"), sizeof(struct channel_done));

	memcpy(b.p + offsetof(struct channel_done, ticket), ticket, strlen(ticket));
	memcpy(b.p + offsetof(struct channel_done, user), user, strlen(user));
	return b;
}

#define SEED_TICKET "credssp1:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"

static void make_channel(const struct sink *to)
{
	seed(to, "reply", LIT("\x02\x30\x05\xa0\x03\x02\x01\x06"));
	seed(to, "done", seed_done(SEED_TICKET, "alice"));
	seed(to, "done-nobody", seed_done(SEED_TICKET, ""));
	seed(to, "done-short", seed_done("credssp1:", "alice"));
	seed(to, "done-long", buf_fill(3, sizeof(struct channel_done)));
	seed(to, "failed",
	     seed_padded(LIT("\x04\x31\xff\x01\0\0\0\0"
			     "bad-password"),
			 sizeof(struct channel_failed)));
	seed(to, "failed-early",
	     seed_padded(LIT("\x04\x31\x05\x01\0\0\0\0not-allowed"), sizeof(struct channel_failed)));
	seed(to, "failed-odd", seed_padded(LIT("\x04\x31\x05\x01\0\0\0\0x"), sizeof(struct channel_failed) + 1));
	seed(to, "failed-long", buf_fill(4, sizeof(struct channel_failed)));
	seed(to, "other", LIT("\x05\x01"));
}

static void make_record(const struct sink *to)
{
	seed(to, "not-mine", LIT("\x10\x01"));
	seed(to, "reply", LIT("\x11\x30\x05\xa0\x03\x02\x01\x06"));
	seed(to, "authenticated", seed_padded(LIT("\x12\x02\x06"), sizeof(struct worker_authenticated)));
	seed(to, "delegated", seed_padded(LIT("\x13\x01"), sizeof(struct worker_delegated)));
	seed(to, "failed", seed_padded(LIT("\x14\x06"), sizeof(struct worker_failed)));
	seed(to, "other", LIT("\x15"));
}

/* ---- the configuration ---- */

static void make_config(const struct sink *to)
{
	seed(to, "sample",
	     LIT("# comment\n[credsspd]\n\tkerberos = off\n\tntlm = local\n\tmin_version = 2\n"
		 "\tallow_users = alice bob, carol\n\tallow_groups = \"a b\" c\n\tbackoff_exempt = 192.0.2.1 "
		 "2001:db8::1\n"
		 "\tticket_lifetime = 30\n\tfront_ends = {\n\t\troot = xrdp-sesman\n\t}\n"
		 "[credsspd-rdp]\n\tlisten = 3390\n\tproxy_peers = 192.0.2.7\n"));
	seed(to, "kerberos",
	     LIT("[credsspd]\nkerberos = user-to-user\nkeytab = /etc/k\nremote_guard = allow\n"
		 "restricted_admin = allow\nrestricted_admin_users = alice\nredeemers = root\nlog_level = debug\n"
		 "allow_root = yes\nminimum_uid = 0\n"));
	seed(to, "final", LIT("[credsspd]*\nntlm* = local\n"));
	seed(to, "quoted", LIT("[credsspd]\nallow_groups = 'CORP\\domain users' 'it''s' x\nallow_users = 'a b', c\n"));
	seed(to, "quote-open", LIT("[credsspd]\nallow_groups = 'x\n"));
	seed(to, "quote-in-word", LIT("[credsspd]\nallow_groups = 'a'b\n"));
	seed(to, "quote-empty", LIT("[credsspd]\nallow_groups = ''\n"));
	seed(to, "quote-service", LIT("[credsspd]\nfront_ends = {\nroot = 'x\n}\n"));
	seed(to, "comment-in-list", LIT("[credsspd]\nallow_groups = x # y\n"));
	seed(to, "winbind", LIT("[credsspd]\nntlm = winbind\ndomains = CORP corp.example\n"));
	seed(to, "winbind-no-domain", LIT("[credsspd]\nntlm = winbind\n"));
	seed(to, "winbind-realm", LIT("[credsspd]\nntlm = winbind\ndomains = corp.example\n"));
	seed(to, "gss-off", LIT("[credsspd]\nkerberos = off\nntlm = local\nsmartcard = gss\n"));
	seed(to, "gss", LIT("[credsspd]\nsmartcard = gss\nsmartcard_gss_groups = cards\n"));
	seed(to, "gss-nobody", LIT("[credsspd]\nsmartcard = gss\n"));
	seed(to, "both-off", LIT("[credsspd]\nkerberos = off\nntlm = off\n"));
	seed(to, "relative", LIT("[credsspd]\nkeytab = k\n"));
	seed(to, "unknown-key", LIT("[credsspd]\nnonsense = 1\n"));
	seed(to, "unknown-section", LIT("[other]\nx = 1\n"));
	seed(to, "unknown-subsection", LIT("[credsspd]\nother = {\nx = 1\n}\n"));
	seed(to, "subsection-as-key", LIT("[credsspd]\nfront_ends = 1\n"));
	seed(to, "key-as-subsection", LIT("[credsspd]\nntlm = {\nx = 1\n}\n"));
	seed(to, "no-user", LIT("[credsspd]\nfront_ends = {\nnobody-of-this-name = x\n}\n"));
	seed(to, "no-redeemer", LIT("[credsspd]\nredeemers = nobody-of-this-name\n"));
	seed(to, "numbers", LIT("[credsspd]\nmin_version = 9\n"));
	seed(to, "not-a-number", LIT("[credsspd]\nmin_version = two\n"));
	seed(to, "choice", LIT("[credsspd]\nntlm = maybe\n"));
	seed(to, "bool", LIT("[credsspd]\nallow_root = maybe\n"));
	seed(to, "twice", LIT("[credsspd]\nntlm = off\nntlm = local\n"));
	seed(to, "empty-value", LIT("[credsspd]\nkeytab =\nlocal_domains =\n"));
	seed(to, "address",
	     LIT("[credsspd]\nbackoff_exempt = 192.0.2.256\n[credsspd-rdp]\nproxy_peers = ::ffff:1.2.3.4\n"));
	seed(to, "before", LIT("module /lib/x.so:y\n[credsspd]\n"));
	seed(to, "include", LIT("include /etc/passwd\ninclude /nowhere\n[credsspd]\n"));
	seed(to, "include-passwd", LIT("include /etc/passwd\n"));
	seed(to, "include-null", LIT("include /dev/null\n"));
	seed(to, "include-link", LIT("include /proc/self/exe\n"));
	seed(to, "includedir", LIT("includedir /proc/self/attr\n"));
	seed(to, "includedir-etc", LIT("includedir /etc/pam.d\n"));
	seed(to, "includedir-tmp", LIT("includedir /tmp\n"));
	seed(to, "includedir-none", LIT("includedir /nowhere\n"));
	seed(to, "nul", LIT("[credsspd]\nntlm = lo\0cal\n"));
	seed(to, "long-line", JOIN(LIT("[credsspd]\nallow_users = "), buf_fill('a', 2100)));
	seed(to, "many-words", JOIN(LIT("[credsspd]\nallow_users = "), buf_fill(' ', 3), LIT("x,,y\n")));
	seed(to, "include-self", LIT("include \x01\n"));
	seed(to, "includedir-conf", LIT("includedir /etc/ld.so.conf.d\n"));
	seed(to, "large", JOIN(LIT("[credsspd]\n"), buf_fill('\n', CONFIG_FILE_MAX)));
	seed(to, "broken", LIT("[credsspd\n= 1\n"));
	seed(to, "rdp",
	     LIT("[credsspd-rdp]\nlisten = 1 2 3\ncertificate = /c\nprivate_key = /k\nmax_connections = 1\nhybrid_ex = "
		 "no\n"
		 "[credsspd]\nremote_guard = require-tickets\nrestricted_admin = allow\n"));
	seed(to, "rdp-certificate", LIT("[credsspd-rdp]\ncertificate = /c\n"));
	seed(to, "rdp-limits", LIT("[credsspd-rdp]\nmax_connections = 0\n"));
}

/* ---- remote guard: which message, and what is changed in it (tests/fuzz/mutate.h) ---- */

/* A KRB-CRED that is not encrypted, of EncKrbCredPart {ticket-info {@info}}, and one ticket. */
static struct buf seed_krb_cred(struct buf info)
{
	struct buf part = tlv(0x7d, sequence(context(0, sequence(sequence(info)))));
	struct buf ticket = tlv(
	    0x61, sequence(JOIN(LIT("\xa0\x03\x02\x01\x05\xa1\x08\x1b\x06R.TEST"),
				LIT("\xa2\x1a\x30\x18\xa0\x03\x02\x01\x01\xa1\x11\x30\x0f\x1b\x06krbtgt\x1b\x05R.TES"),
				context(3, sequence(LIT("\xa0\x03\x02\x01\x12\xa2\x03\x04\x01x"))))));

	return tlv(0x76,
		   sequence(JOIN(LIT("\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x16"), context(2, sequence(ticket)),
				 context(3, sequence(JOIN(LIT("\xa0\x03\x02\x01\0"), context(2, octets(part))))))));
}

#define SEED_KEY \
	"\xa0\x0f\x30\x0d\xa0\x03\x02\x01\x12\xa1\x06\x04\x04" \
	"keys"
#define SEED_PNAME \
	"\xa1\x08\x1b\x06R.TEST\xa2\x13\x30\x11\xa0\x03\x02\x01\x01\xa1\x0a\x30\x08\x1b\x06" \
	"alicex"

static void make_guard(const struct sink *to)
{
	seed(to, "service", LIT("\0"));
	seed(to, "cred", LIT("\1"));
	seed(to, "sealed", LIT("\2"));
	seed(to, "cred-new", LIT("\x41"));
	seed(to, "sealed-new", LIT("\x42"));
	seed(to, "service-flip", LIT("\0\2\0\x20\1\0\x60\x80"));
	seed(to, "service-kvno", LIT("\0\1\0\x4a\1"));
	seed(to, "cred-flip", LIT("\1\1\0\x40\x10"));
	seed(to, "sealed-flip", LIT("\2\1\1\0\x10"));
	seed(to, "cut", LIT("\1\x80\0\x40"));
	seed(to, "longer", LIT("\2\x40\0\4more"));
	seed(to, "raw-service", LIT("\x80\x61\x03\x30\x01\0"));
	/* libkrb5 1.20: krb5_rd_cred() copies names that are not there */
	seed(to, "no-names", JOIN(LIT("\x81"), seed_krb_cred(LIT(SEED_KEY))));
	seed(to, "no-server", JOIN(LIT("\x81"), seed_krb_cred(LIT(SEED_KEY SEED_PNAME))));
	seed(to, "nothing", JOIN(LIT("\x81"), seed_krb_cred(LIT(""))));
	seed(to, "two", LIT("\x03"));
	seed(to, "another-client", LIT("\x10"));
	seed(to, "another-client-cred", LIT("\x11"));
	seed(to, "no-keys", LIT("\x20"));
	/* each octet of the two that are not sealed as a whole */
	for (unsigned message = 0; message < 2; message++) {
		for (unsigned at = 0; at < 400; at++) {
			const uint8_t flip[] = { (uint8_t)message, 1, (uint8_t)(at >> 8), (uint8_t)at, 1 };
			char name[24];

			(void)snprintf(name, sizeof name, "octet-%u-%u", message, at);
			seed(to, name, buf_copy(flip, sizeof flip));
		}
	}
}

/* ---- exchanges: client, least version, policy, then deeds (fuzz_exchange.c) ---- */

static void make_exchange(const struct sink *to)
{
	seed(to, "krb5", LIT("\0\0\0"));
	seed(to, "krb5-spnego", LIT("\2\0\0"));
	seed(to, "user-to-user", LIT("\4\0\0"));
	seed(to, "ntlm", LIT("\1\0\0"));
	seed(to, "ntlm-spnego", LIT("\3\0\0"));
	seed(to, "version-2", LIT("\x41\0\0"));
	seed(to, "version-4", LIT("\x20\1\0"));
	seed(to, "version-old", LIT("\x41\4\0"));
	seed(to, "altered-request", LIT("\1\0\0\0\1\1\0\5\1"));
	seed(to, "altered-token", LIT("\1\0\0\0\0\2\1\0\x50\1"));
	seed(to, "altered-ap-req", LIT("\0\0\0\0\2\1\0\x90\1"));
	seed(to, "altered-spnego", LIT("\2\0\0\0\2\1\0\x05\1"));
	seed(to, "altered-u2u", LIT("\4\0\0\0\0\2\1\0\x30\1"));
	seed(to, "altered-mic", LIT("\4\0\0\0\0\0\2\1\0\x10\1"));
	seed(to, "request", JOIN(LIT("\0\0\0\0\3\0\7"), LIT("\x30\5\xa0\3\2\1\6")));
	seed(to, "error-code", JOIN(LIT("\0\0\0\0\3\0\x0f"), LIT("\x30\x0d\xa0\3\2\1\6\xa4\6\2\4\xc0\0\0\x6d")));
	seed(to, "garbage", LIT("\0\0\0\0\3\0\3abc"));
	seed(to, "record", LIT("\0\0\0\4\0\2\x09x"));
	seed(to, "empty-start", LIT("\0\0\0\4\0\1\1"));
	seed(to, "long-start", LIT("\0\0\0\4\0\x19\1\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\0\0\0\0\0\0\0\0"));
	seed(to, "verdict-early", LIT("\0\0\0\0\5\0"));
	seed(to, "short-verdict", LIT("\1\0\0\0\0\0\4\0\2\3\1"));
	seed(to, "no-pipe", LIT("\1\0\0\0\0\0\4\0\x08\3\1\0\0\0\0\0\0"));
	seed(to, "refused", LIT("\1\0\0\0\0\0\5\x08"));
	seed(to, "refused-krb5", LIT("\0\0\0\0\0\5\x0b"));
	seed(to, "refused-5", LIT("\x11\0\0\0\0\0\5\x08"));
	seed(to, "no-user",
	     JOIN(LIT("\1\0\0\0\0\0\0\6\0\x1b"),
		  LIT("\x30\x19\xa0\3\2\1\1\xa1\x12\4\x10\x30\x0e\xa0\2\4\0\xa1\2\4\0\xa2\4\4\2"
		      "a\0")));
	seed(to, "no-password",
	     JOIN(LIT("\1\0\0\0\0\0\0\6\0\x1b"), LIT("\x30\x19\xa0\3\2\1\1\xa1\x12\4\x10\x30\x0e\xa0\2\4\0\xa1\4\4\2"
						     "a\0"
						     "\xa2\2\4\0")));
	seed(to, "restricted-admin",
	     JOIN(LIT("\1\0\2\0\0\0\0\6\0\x1d"),
		  LIT("\x30\x1b\xa0\3\2\1\1\xa1\x14\x04\x12\x30\x10\xa0\2\4\0\xa1\2\4\0\xa2\2\4\0")));
	seed(to, "bad-credentials", LIT("\1\0\0\0\0\0\0\6\0\3abc"));
	seed(to, "no-credentials", LIT("\0\0\0\0\0\0\6\0\0"));
	seed(to, "another-key", LIT("\1\0\0\0\0\7"));
	seed(to, "another-key-krb5", LIT("\0\0\0\7"));
	seed(to, "ends", LIT("\1\0\0\0\0\x08"));
	seed(to, "again", LIT("\1\0\0\0\0\x09"));
	seed(to, "again-krb5", LIT("\0\0\0\0\0\x09"));
	seed(to, "last-resort", LIT("\1\0\x08\0\0"));
	seed(to, "foreign",
	     JOIN(LIT("\0\0\0\0\3\0\x33"), sequence(JOIN(SEED_VERSION("\x06"), seed_nego(LIT(SEED_NEGOTIATE))))));
	seed(to, "foreign-last",
	     JOIN(LIT("\0\0\x08\0\3\0\x33"), sequence(JOIN(SEED_VERSION("\x06"), seed_nego(LIT(SEED_NEGOTIATE))))));
	seed(to, "authinfo-first", LIT("\0\0\0\0\3\0\x0e\x30\x0c\xa0\3\2\1\6\xa2\5\4\3xyz"));
	seed(to, "unsealed", LIT("\0\0\0\0\0\0\3\0\x0e\x30\x0c\xa0\3\2\1\6\xa2\5\4\3xyz"));
	seed(to, "no-nonce", LIT("\1\0\0\0\3\0\x0e\x30\x0c\xa0\3\2\1\6\xa3\5\4\3xyz"));
	seed(to, "faulty", LIT("\1\0\0\0\0\0\0\0\0\0\1"));
	seed(to, "faulty-2", LIT("\0\0\0\0\0\0\0\0\0\0\2"));
}

/* A byte for what the host knows, the domain, NUL, the user (fuzz_name.c). */
static void make_name(const struct sink *to)
{
	seed(to, "local", LIT("\x02L\0alice"));
	seed(to, "own", LIT("\0host\0alice"));
	seed(to, "listed",
	     LIT("\x01"
		 "D\0alice"));
	seed(to, "both",
	     LIT("\x01"
		 "e.test\0D\\alice"));
	seed(to, "same",
	     LIT("\x01"
		 "d\0alice@d.test"));
	seed(to, "ticket", LIT("\x04R.TEST\0alice"));
	seed(to, "ticket-label",
	     LIT("\x05"
		 "D\0alice@R.TEST"));
	seed(to, "first-label", LIT("\x04r\0R.TEST\\alice"));
	seed(to, "realm",
	     LIT("\x08"
		 "D\0alice"));
	seed(to, "upn", LIT("\x01\0alice@elsewhere.test"));
	seed(to, "other", LIT("\0DESKTOP-1\0DESKTOP-1\\alice"));
	seed(to, "contradiction",
	     LIT("\x01"
		 "D\0L\\alice"));
	seed(to, "digits",
	     LIT("\x30\0"
		 "1000"));
	seed(to, "microsoft",
	     LIT("\x01"
		 "AzureAD\0alice"));
	seed(to, "microsoft-user", LIT("\x01\0MicrosoftAccount\\alice@example.test"));
	seed(to, "form", LIT("\0\0a\\b\\c"));
	seed(to, "characters", LIT("\0\0a:b"));
	seed(to, "no-trouble-of-that-number", LIT("\xf0\0alice"));
	seed(to, "utf-16", LIT("a\0l\0\0\0"));
	seed(to, "long", JOIN(LIT("a\0"), buf_fill('a', 600)));
	seed(to, "long-name", JOIN(LIT("\0\0"), buf_fill('a', 300)));
}

void seeds_make(seed_taker *take, void *arg)
{
	static const struct {
		const char *target;
		void (*make)(const struct sink *to);
	} row[] = {
		{ "tsrequest", make_tsrequest },
		{ "tscredentials", make_tscredentials },
		{ "ticketlogon", make_ticketlogon },
		{ "gsstoken", make_gsstoken },
		{ "spnego", make_spnego },
		{ "negotiation", make_negotiation },
		{ "ntlm", make_ntlm },
		{ "usertouser", make_usertouser },
		{ "handover", make_handover },
		{ "logoninfo", make_logoninfo },
		{ "name", make_name },
		{ "x224", make_x224 },
		{ "mcs", make_mcs },
		{ "clientinfo", make_clientinfo },
		{ "proxy", make_proxy },
		{ "channel", make_channel },
		{ "record", make_record },
		{ "config", make_config },
		{ "guard", make_guard },
		{ "exchange", make_exchange },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		row[i].make(&(struct sink){ take, arg, row[i].target });
}
